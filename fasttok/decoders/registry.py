"""`get_decoder`: makes decoders from names, lists of steps or configurations."""

from __future__ import annotations

from collections.abc import Sequence as AnySequence
from typing import Any, TypeAlias

from fasttok.core.checks import check_depth
from fasttok.core.component import Registry, make_sequence
from fasttok.decoders.base import Decoder
from fasttok.decoders.sequence import Sequence

DECODERS: Registry[Decoder] = Registry(
    "a decoder",
    Decoder,
    {
        "pieces": "fasttok.decoders.steps:Pieces",
        "space_before": "fasttok.decoders.steps:SpaceBefore",
        "space_after": "fasttok.decoders.steps:SpaceAfter",
        "metaspace": "fasttok.decoders.metaspace:Metaspace",
        "sentencepiece": "fasttok.decoders.sentencepiece:SentencePiece",
        "byte_level": "fasttok.decoders.tokens:ByteLevel",
        "byte_fallback": "fasttok.decoders.regroup:ByteFallback",
        "wordpiece": "fasttok.decoders.tokens:WordPiece",
        "metaspace_tokens": "fasttok.decoders.tokens:MetaspaceTokens",
        "suffix": "fasttok.decoders.tokens:Suffix",
        "replace": "fasttok.decoders.tokens:Replace",
        "strip": "fasttok.decoders.tokens:Strip",
        "ctc": "fasttok.decoders.regroup:CTC",
        "fuse": "fasttok.decoders.tokens:Fuse",
        "join": "fasttok.decoders.tokens:Join",
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
    Four decoders use the text that the model has for each piece. They can only be the first step, and every
    default decoder starts with one of the first three:

    - "pieces": write the text of each piece, without word prefixes and suffixes.
    - "space_before", with the option `clean_up`: write this text, with a space before each piece that begins
      a word.
    - "space_after": write this text, with a space after each piece that ends a word.
    - "sentencepiece", with the options of `fasttok.decoders.sentencepiece.SentencePiece`: write the text that
      sentencepiece gives for the ids of its models.

    The option `clean_up` says whether to omit the spaces that English text does not have.

    "metaspace", with the options of `fasttok.Metaspace`, reverses this pretokenizer: it replaces each ▁ of
    the joined text by a space, except in added tokens. It removes ▁ at the start of the text.

    The other decoders are those of Hugging Face ``tokenizers`` 0.23, and give the same text. They read pieces
    as they are in the vocabulary, and treat added tokens like pieces. The names in ``tokenizers`` are in
    parentheses:

    - "byte_level": replace each character of the byte alphabet by its byte (ByteLevel).
    - "byte_fallback": replace each byte piece, such as ``<0x0A>``, by its byte (ByteFallback).
    - "wordpiece", with the options `prefix` and `clean_up`: write a space before each token without the
      prefix (WordPiece).
    - "metaspace_tokens", with the options `replacement` and `prepend`: replace each ▁ by a space, and remove
      every ▁ of the first token (Metaspace).
    - "suffix", with the option `suffix`: replace each ``</w>`` by a space (BPEDecoder).
    - "replace", with the options `pattern`, `replacement` and `dialect`: replace each match of a text or a
      regular expression (Replace).
    - "strip", with the options `content`, `start` and `stop`: remove a character at the start and at the end
      of each token (Strip).
    - "ctc", with the options `pad_token`, `word_delimiter_token` and `clean_up`: drop repeated tokens and the
      padding (CTC).
    - "fuse": join the tokens, so that later steps act on the whole text (Fuse).
    - "join": write a space between tokens (no decoder).

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
        check_depth("the list of decoders", decoder)
        return make_sequence("a decoder", map(get_decoder, decoder), Sequence)
    given = type(decoder).__name__
    raise TypeError(f"a decoder must be a name, a list of steps, a configuration or a Decoder, not {given}")
