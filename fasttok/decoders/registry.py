"""`get_decoder`: makes decoders from names, lists of steps or configurations."""

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
    """Make a decoder from a name, a list of steps or a configuration.

    Parameters
    ----------
    decoder : str, sequence, dict, Decoder or None
        - str: a name from the list below, or the import path of a custom decoder, ``package.module:Class``.
        - list or tuple: the steps of a sequence; each step acts on the output of the step before it. Nested
          sequences are flattened. A sequence of one step is that step.
        - dict: the configuration that `Decoder.config` returned.
        - Decoder or None: returned unchanged.

    Returns
    -------
    Decoder or None
        The decoder.

    Raises
    ------
    TypeError
        If `decoder`, or a step of it, has another type.
    ValueError
        If the name is unknown, the configuration is malformed, an option has an invalid value, or a sequence
        has no steps or more than 100.

    Notes
    -----
    Three decoders use the text that the model has for each piece. They can only be the first step, and every
    default decoder starts with one of them:

    - "pieces": write the text of each piece, without word prefixes and suffixes.
    - "space_before", with the option `clean_up`: write this text, with a space before each piece that begins
      a word.
    - "space_after": write this text, with a space after each piece that ends a word.

    The other decoders read pieces as they are in the vocabulary, and correspond to those of Hugging Face
    ``tokenizers``, whose names are in parentheses:

    - "byte_fallback": replace each byte piece, such as ``<0x0A>``, by its byte (ByteFallback).
    - "wordpiece", with the options `prefix` and `clean_up`: write a space before each piece without the
      prefix (WordPiece).
    - "suffix", with the option `suffix`: replace each ``</w>`` by a space (BPEDecoder).
    - "metaspace", with the options of `fasttok.Metaspace`: replace each ▁ by a space (Metaspace). It
      removes ▁ at the start of a text, whereas ``tokenizers`` removes every ▁ of the first token.
    - "fuse": join the tokens, so that later steps act on the whole text (Fuse).

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
            raise ValueError(
                f"not the configuration of a decoder: {decoder!r}. A sequence has a name and a list of steps"
            )
        return make_sequence("a decoder", map(DECODERS.make, decoder["steps"]), Sequence)
    if isinstance(decoder, (list, tuple)):
        return make_sequence("a decoder", map(get_decoder, decoder), Sequence)
    given = type(decoder).__name__
    raise TypeError(f"a decoder must be a name, a list of steps, a configuration or a Decoder, not {given}")
