"""`get_decoder`: decoders by name, list of steps or configuration."""

from __future__ import annotations

from collections.abc import Sequence as AnySequence
from typing import Any, TypeAlias

from fasttok.core.component import Registry, make_sequence
from fasttok.decoders.base import Decoder
from fasttok.decoders.steps import Sequence

DECODERS: Registry[Decoder] = Registry(
    "a decoder",
    Decoder,
    {
        "pieces": "fasttok.decoders.steps:Pieces",
        "space_before": "fasttok.decoders.steps:SpaceBefore",
        "space_after": "fasttok.decoders.steps:SpaceAfter",
        "byte_fallback": "fasttok.decoders.steps:ByteFallback",
        "wordpiece": "fasttok.decoders.steps:WordPiece",
        "suffix": "fasttok.decoders.steps:Suffix",
        "metaspace": "fasttok.decoders.metaspace:Metaspace",
        "fuse": "fasttok.decoders.steps:Fuse",
    },
)

AnyDecoder: TypeAlias = "str | dict[str, Any] | AnySequence[AnyDecoder] | Decoder | None"


def get_decoder(decoder: AnyDecoder) -> Decoder | None:
    """Make a decoder from its name, a list of steps or a configuration; None is none.

    Parameters
    ----------
    decoder : str, sequence, dict, Decoder or None
        A name, see below, or the import path of a decoder from elsewhere, ``package.module:Class``. A list or
        tuple has the steps of a sequence; a sequence inside it counts as its steps, and a single step is that
        step itself. A dict is what `Decoder.config` returned.

    Returns
    -------
    Decoder or None
        The decoder.

    Raises
    ------
    TypeError
        If it is something else.
    ValueError
        If there is none of this name, if the configuration is of none, or if there are no steps, or more than
        100.

    Notes
    -----
    Three ask the model what its pieces stand for, and can only be the first step. A tokenizer without a
    decoder of its own has one that begins with one of these:

    - "pieces": the text of each piece, whatever its model calls it.
    - "space_before", with `clean_up`: the same with a space before each piece that begins a word.
    - "space_after": the same with a space after each piece that ends a word.

    The others read pieces as the vocabulary has them, and do what those of ``tokenizers`` do:

    - "byte_fallback": the byte for ``<0x0A>``.
    - "wordpiece", with `prefix` and `clean_up`: a space before each piece that has no prefix.
    - "suffix", with `suffix`: a space for each ``</w>`` (BPEDecoder).
    - "metaspace", with the options of `fasttok.Metaspace`: a space for each ▁. It differs from tokenizers' in
      what it leaves out at the start of a text, as its docstring says.
    - "fuse": nothing, but steps after it act on the whole text.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.get_decoder("wordpiece")
    WordPiece(prefix='##', clean_up=True)
    >>> ft.get_decoder(["byte_fallback", {"name": "suffix", "suffix": "@"}]).config()
    {'name': 'sequence', 'steps': [{'name': 'byte_fallback'}, {'name': 'suffix', 'suffix': '@'}]}
    """
    if decoder is None or isinstance(decoder, Decoder):
        return decoder
    if isinstance(decoder, str):
        return DECODERS.make({"name": decoder})
    if isinstance(decoder, dict):
        if decoder.get("name") != Sequence.name:
            return DECODERS.make(decoder)
        if decoder.keys() != {"name", "steps"} or not isinstance(decoder["steps"], list):
            raise ValueError(f"not the configuration of a decoder: {decoder!r}")
        return make_sequence("a decoder", map(DECODERS.make, decoder["steps"]), Sequence)
    if isinstance(decoder, (list, tuple)):
        return make_sequence("a decoder", map(get_decoder, decoder), Sequence)
    given = type(decoder).__name__
    raise TypeError(f"a decoder must be a name, a list of them, a configuration or a Decoder, not {given}")
