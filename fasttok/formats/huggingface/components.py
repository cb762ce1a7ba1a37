"""Map the components of a ``tokenizer.json`` in today's shape to components of fasttok that do exactly the
same.

Each function takes a component that `canonical` has checked. Components are made by their configuration, so
the registries remain the only places that know the classes. Unicode tables are those of ``tokenizers`` 0.23,
which are older than fasttok's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from fasttok.core.errors import PatternError
from fasttok.decoders.base import Decoder
from fasttok.decoders.registry import get_decoder
from fasttok.formats.huggingface.shapes import BEHAVIORS, Place, flatten
from fasttok.text.normalizers.registry import get_normalizer
from fasttok.text.pretokenizers.registry import get_pretokenizer
from fasttok.text.steps import Normalizer, Pretokenizer
from fasttok.text.unicode.versions import TOKENIZERS_VERSION

Made = TypeVar("Made")
Config = dict[str, Any]

_NORMAL_FORMS = ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Nmt")


def read_normalizer(fields: Config | None, place: Place) -> Normalizer | None:
    """Return the normalizer of a file; None if the file has none.

    Raises
    ------
    ModelFormatError
        If fasttok cannot do exactly the same.
    """
    steps = [
        _make(get_normalizer, _normalizer(step, here), here)
        for step, here in flatten("normalizer", fields, place)
    ]
    return _make(get_normalizer, steps, place) if steps else None


def read_pretokenizer(fields: Config | None, place: Place) -> list[Pretokenizer]:
    """Return the steps of the pretokenizer of a file; empty if the file has none.

    Raises
    ------
    ModelFormatError
        If fasttok cannot do exactly the same.
    """
    return [
        _make(get_pretokenizer, _pretokenizer(step), here)
        for step, here in flatten("pre_tokenizer", fields, place)
    ]


def read_decoder(fields: Config | None, place: Place) -> Decoder | None:
    """Return the decoder of a file. Without a decoder, ``tokenizers`` joins the tokens with spaces.

    Raises
    ------
    ModelFormatError
        If fasttok cannot do exactly the same.
    """
    if fields is None:
        return get_decoder("join")
    steps = [_make(get_decoder, _decoder(step), here) for step, here in flatten("decoder", fields, place)]
    return _make(get_decoder, steps or "fuse", place)


def _make(make: Callable[[Any], Made], config: Any, place: Place) -> Made:
    try:
        return make(config)
    except (ValueError, TypeError, PatternError) as error:
        raise place.error(f"cannot be done exactly: {error}") from None


def _normalizer(fields: Config, place: Place) -> Config:
    """Return the configuration of a normalizer."""
    kind = fields["type"]
    if kind in _NORMAL_FORMS:
        return {"name": kind.lower(), "unicode": TOKENIZERS_VERSION}
    if kind == "StripAccents":
        return {"name": "strip_accents", "unicode": TOKENIZERS_VERSION}
    if kind == "BertNormalizer":
        return {"name": "bert", **_without_type(fields), "unicode": TOKENIZERS_VERSION}
    if kind == "Strip":
        return {
            "name": "strip",
            "left": fields["strip_left"],
            "right": fields["strip_right"],
            "scope": "segment",
        }
    if kind == "Prepend":
        if not fields["prepend"]:
            raise place.at("prepend").error("is empty, which moves the offsets of tokenizers")
        return {"name": "prepend", "text": fields["prepend"], "scope": "segment"}
    if kind == "Precompiled":
        return {"name": "charsmap", "charsmap": fields["precompiled_charsmap"], "by": "grapheme"}
    if kind == "Replace":
        pattern, dialect = _read_pattern(fields["pattern"])
        if dialect == "text":
            return {"name": "replace", "pattern": pattern, "replacement": fields["content"]}
        return {
            "name": "regex_replace",
            "pattern": pattern,
            "replacement": fields["content"],
            "dialect": dialect,
        }
    return {"name": "byte_level"}


def _pretokenizer(fields: Config) -> Config:
    kind = fields["type"]
    if kind == "ByteLevel":
        options = ("add_prefix_space", "use_regex")
        return {
            "name": "byte_level",
            **{option: fields[option] for option in options},
            "unicode": TOKENIZERS_VERSION,
        }
    if kind == "BertPreTokenizer":
        return {"name": "bert", "unicode": TOKENIZERS_VERSION}
    if kind == "WhitespaceSplit":
        return {"name": "whitespace_split"}
    if kind == "Whitespace":
        return {"name": "words_and_symbols", "unicode": TOKENIZERS_VERSION}
    if kind == "UnicodeScripts":
        return {"name": "split_scripts", "unicode": TOKENIZERS_VERSION}
    if kind == "Metaspace":
        return {
            "name": "metaspace_split",
            "replacement": fields["replacement"],
            "prepend": fields["prepend_scheme"],
            "split_words": fields["split"],
        }
    if kind == "CharDelimiterSplit":
        return {"name": "split", "pattern": fields["delimiter"], "behavior": "removed", "dialect": "text"}
    if kind == "Split":
        pattern, dialect = _read_pattern(fields["pattern"])
        return {
            "name": "split",
            "pattern": pattern,
            "behavior": BEHAVIORS[fields["behavior"]],
            "invert": fields["invert"],
            "dialect": dialect,
        }
    if kind == "Punctuation":
        return {
            "name": "split_punctuation",
            "behavior": BEHAVIORS[fields["behavior"]],
            "unicode": TOKENIZERS_VERSION,
        }
    if kind == "Digits":
        return {
            "name": "split_digits",
            "individual": fields["individual_digits"],
            "unicode": TOKENIZERS_VERSION,
        }
    return {"name": "split_length", "length": fields["length"]}


def _decoder(fields: Config) -> Config:
    kind = fields["type"]
    if kind == "BPEDecoder":
        return {"name": "suffix", "suffix": fields["suffix"]}
    if kind == "WordPiece":
        return {"name": "wordpiece", "prefix": fields["prefix"], "clean_up": fields["cleanup"]}
    if kind == "Metaspace":
        return {
            "name": "metaspace_tokens",
            "replacement": fields["replacement"],
            "prepend": fields["prepend_scheme"],
        }
    if kind == "CTC":
        return {
            "name": "ctc",
            "pad_token": fields["pad_token"],
            "word_delimiter_token": fields["word_delimiter_token"],
            "clean_up": fields["cleanup"],
        }
    if kind == "Replace":
        pattern, dialect = _read_pattern(fields["pattern"])
        return {
            "name": "replace",
            "pattern": pattern,
            "replacement": fields["content"],
            "dialect": dialect,
        }
    if kind == "Strip":
        return {"name": "strip", **_without_type(fields)}
    return {"name": {"ByteLevel": "byte_level", "ByteFallback": "byte_fallback", "Fuse": "fuse"}[kind]}


def _read_pattern(pattern: dict[str, str]) -> tuple[str, str]:
    """Return a pattern and its dialect: "text" or "oniguruma"."""
    [(kind, text)] = pattern.items()
    return text, "text" if kind == "String" else "oniguruma"


def _without_type(fields: Config) -> Config:
    return {key: value for key, value in fields.items() if key != "type"}
