"""Shapes of the components of a ``tokenizer.json``: the fields of each type, and checks of their values."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from fasttok.core.errors import ModelFormatError
from fasttok.text.added import AddedToken

LARGEST_ID = (1 << 32) - 1  # ids are uint32 in `tokenizers`, sizes uint64


class Place(NamedTuple):
    """Position in a file, for errors: `path` is the file, `json_path` the JSON path inside it."""

    path: str
    json_path: str = ""

    def at(self, key: str | int) -> Place:
        """Return the position of an entry of the object or list at this position."""
        step = f"[{key}]" if isinstance(key, int) else f".{key}" if self.json_path else key
        return Place(self.path, self.json_path + step)

    def entry(self, name: str) -> Place:
        """Return the position of a token in the vocabulary at this position."""
        return Place(self.path, f"{self.json_path}[{json.dumps(name, ensure_ascii=False)}]")

    def error(self, message: str) -> ModelFormatError:
        """Return an error about this position."""
        return ModelFormatError(message, self.path, self.json_path)


# Kinds of values

Check = Callable[[Any, Place], Any]  # checks a value, and returns it in today's shape


class Field(NamedTuple):
    """Field of a component: the check of its value, and the value of a missing field."""

    check: Check
    default: Any = ...  # ... marks a field without default


def _is_a(kind: type, name: str) -> Check:
    def check(value: Any, place: Place) -> Any:
        if type(value) is not kind:
            raise place.error(f"must be {name}, not {describe(value)}")
        return value

    return check


def optional(check: Check) -> Check:
    return lambda value, place: None if value is None else check(value, place)


def one_of(*choices: str) -> Check:
    def check(value: Any, place: Place) -> Any:
        if not isinstance(value, str) or value not in choices:
            raise place.error(f"must be one of {', '.join(choices)}, not {describe(value)}")
        return value

    return check


def describe(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 50 else text[:50] + "…"


def check_text(value: Any, place: Place) -> str:
    if not isinstance(value, str):
        raise place.error(f"must be a string, not {describe(value)}")
    if not value.isascii() and (surrogate := SURROGATE.search(value)):
        raise place.error(f"contains the lone surrogate U+{ord(surrogate[0]):04X}")
    return value


def _check_character(value: Any, place: Place) -> str:
    if len(check_text(value, place)) != 1:
        raise place.error(f"must be one character, not {describe(value)}")
    return str(value)


def _is_integer(n_bits: int) -> Check:
    def check(value: Any, place: Place) -> Any:
        if type(value) is not int or not 0 <= value < 1 << n_bits:
            raise place.error(f"must be an integer from 0 to 2^{n_bits} - 1, not {describe(value)}")
        return value

    return check


def _check_probability(value: Any, place: Place) -> float:
    if type(value) not in (int, float) or not 0 <= value <= 1:
        raise place.error(f"must be a number from 0 to 1, not {describe(value)}")
    return float(value)


def _check_pattern(value: Any, place: Place) -> dict[str, str]:
    if not isinstance(value, dict) or len(value) != 1 or not value.keys() <= {"String", "Regex"}:
        raise place.error(f'must be {{"String": …}} or {{"Regex": …}}, not {describe(value)}')
    [(kind, pattern)] = value.items()
    return {kind: check_text(pattern, place.at(kind))}


def _check_token_and_id(value: Any, place: Place) -> list[Any]:
    if not isinstance(value, list) or len(value) != 2:
        raise place.error(f"must be a token and its id, not {describe(value)}")
    return [check_text(value[0], place.at(0)), check_id(value[1], place.at(1))]


def _check_strategy(value: Any, place: Place) -> Any:
    if value == "BatchLongest":
        return value
    if not isinstance(value, dict) or value.keys() != {"Fixed"}:
        raise place.error(f'must be "BatchLongest" or {{"Fixed": …}}, not {describe(value)}')
    return {"Fixed": _check_size(value["Fixed"], place.at("Fixed"))}


def check_fields(value: Any, shape: Mapping[str, Field], place: Place) -> dict[str, Any]:
    """Check the fields of an object and return them in the order of its shape; drop all other fields."""
    fields = check_object(value, place)
    checked = {}
    for name, field in shape.items():
        if name in fields:
            checked[name] = field.check(fields[name], place.at(name))
        elif field.default is ...:
            raise place.at(name).error("is missing")
        else:
            checked[name] = field.default
    return checked


def _check_parts(value: Any, place: Place) -> list[dict[str, Any]]:
    """Check a template: a list of ``{"SpecialToken": {"id": …, "type_id": …}}`` and ``{"Sequence": …}``."""
    parts = []
    for i, part in enumerate(check_list(value, place)):
        here = place.at(i)
        if not isinstance(part, dict) or len(part) != 1 or not part.keys() <= {"SpecialToken", "Sequence"}:
            raise here.error(f'must be {{"SpecialToken": …}} or {{"Sequence": …}}, not {describe(part)}')
        [(kind, fields)] = part.items()
        check = check_text if kind == "SpecialToken" else one_of("A", "B")
        checked = check_fields(fields, {"id": Field(check), "type_id": Field(check_id)}, here.at(kind))
        parts.append({kind: checked})
    return parts


def _check_template_tokens(value: Any, place: Place) -> dict[str, Any]:
    """Check the special tokens of a template: ids and texts by name."""
    tokens = {}
    for name, fields in check_object(value, place).items():
        here = place.at(name)
        token = check_fields(fields, _TEMPLATE_TOKEN, here)
        if len(token["ids"]) != len(token["tokens"]):
            raise here.error("must have as many ids as tokens")
        tokens[name] = token
    return tokens


def list_of(check: Check) -> Check:
    def check_all(value: Any, place: Place) -> list[Any]:
        return [check(item, place.at(i)) for i, item in enumerate(check_list(value, place))]

    return check_all


SURROGATE = re.compile("[\ud800-\udfff]")
check_flag = _is_a(bool, "true or false")
check_list = _is_a(list, "a list")
check_object = _is_a(dict, "an object")
check_id = _is_integer(32)
_check_size = _is_integer(64)
_TEMPLATE_TOKEN = {
    "id": Field(check_text),
    "ids": Field(list_of(check_id)),
    "tokens": Field(list_of(check_text)),
}
# Values of "behavior", and their names in fasttok.
BEHAVIORS = {
    "Removed": "removed",
    "Isolated": "isolated",
    "MergedWithPrevious": "merged_with_previous",
    "MergedWithNext": "merged_with_next",
    "Contiguous": "contiguous",
}

# Shapes of components: the fields of each type

Shapes = Mapping[str, Mapping[str, Field]]

_FLAG, _TEXT, _ID, _SIZE, _CHARACTER = (
    Field(check_flag),
    Field(check_text),
    Field(check_id),
    Field(_check_size),
    Field(_check_character),
)
_REPLACE = {"pattern": Field(_check_pattern), "content": _TEXT}
_BYTE_LEVEL = {
    "add_prefix_space": _FLAG,
    "trim_offsets": _FLAG,
    "use_regex": Field(check_flag, True),
}
_METASPACE = {
    "replacement": _CHARACTER,
    "prepend_scheme": Field(one_of("first", "never", "always"), "always"),
    "split": Field(check_flag, True),
}
_TOKEN_AND_ID = Field(_check_token_and_id)
NORMALIZERS: Shapes = {
    "BertNormalizer": {
        "clean_text": _FLAG,
        "handle_chinese_chars": _FLAG,
        "strip_accents": Field(optional(check_flag), None),
        "lowercase": _FLAG,
    },
    "Strip": {"strip_left": _FLAG, "strip_right": _FLAG},
    "StripAccents": {},
    "NFC": {},
    "NFD": {},
    "NFKC": {},
    "NFKD": {},
    "Lowercase": {},
    "Nmt": {},
    "ByteLevel": {},
    "Precompiled": {"precompiled_charsmap": _TEXT},
    "Replace": _REPLACE,
    "Prepend": {"prepend": _TEXT},
}
PRETOKENIZERS: Shapes = {
    "ByteLevel": _BYTE_LEVEL,
    "BertPreTokenizer": {},
    "Whitespace": {},
    "WhitespaceSplit": {},
    "UnicodeScripts": {},
    "Metaspace": _METASPACE,
    "CharDelimiterSplit": {"delimiter": _CHARACTER},
    "Split": {"pattern": Field(_check_pattern), "behavior": Field(one_of(*BEHAVIORS)), "invert": _FLAG},
    "Punctuation": {"behavior": Field(one_of(*BEHAVIORS), "Isolated")},
    "Digits": {"individual_digits": _FLAG},
    "FixedLength": {"length": Field(_check_size, 5)},
}
PROCESSORS: Shapes = {
    "RobertaProcessing": {
        "sep": _TOKEN_AND_ID,
        "cls": _TOKEN_AND_ID,
        "trim_offsets": _FLAG,
        "add_prefix_space": _FLAG,
    },
    "BertProcessing": {"sep": _TOKEN_AND_ID, "cls": _TOKEN_AND_ID},
    "ByteLevel": _BYTE_LEVEL,
    "TemplateProcessing": {
        "single": Field(_check_parts),
        "pair": Field(_check_parts),
        "special_tokens": Field(_check_template_tokens),
    },
}
DECODERS: Shapes = {
    "BPEDecoder": {"suffix": _TEXT},
    "ByteLevel": _BYTE_LEVEL,
    "WordPiece": {"prefix": _TEXT, "cleanup": _FLAG},
    "Metaspace": _METASPACE,
    "CTC": {"pad_token": _TEXT, "word_delimiter_token": _TEXT, "cleanup": _FLAG},
    "Replace": _REPLACE,
    "Strip": {"content": _CHARACTER, "start": _SIZE, "stop": _SIZE},
    "ByteFallback": {},
    "Fuse": {},
}
# Fields that contain the steps of a sequence.
STEPS = {
    "normalizer": "normalizers",
    "pre_tokenizer": "pretokenizers",
    "post_processor": "processors",
    "decoder": "decoders",
}


def flatten(part: str, fields: dict[str, Any] | None, place: Place) -> Iterator[tuple[dict[str, Any], Place]]:
    """Yield the steps of a checked component of a part ("normalizer", for example) with their positions."""
    if fields is None:
        return
    if fields["type"] != "Sequence":
        yield fields, place
        return
    for i, step in enumerate(fields[STEPS[part]]):
        yield from flatten(part, step, place.at(STEPS[part]).at(i))


PADDING = {
    "strategy": Field(_check_strategy),
    "direction": Field(one_of("Left", "Right")),
    "pad_to_multiple_of": Field(optional(_check_size), None),
    "pad_id": _ID,
    "pad_type_id": _ID,
    "pad_token": _TEXT,
}
TRUNCATION = {
    "direction": Field(one_of("Left", "Right"), "Right"),
    "max_length": _SIZE,
    "strategy": Field(one_of("LongestFirst", "OnlyFirst", "OnlySecond")),
    "stride": _SIZE,
}
ADDED_TOKEN_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")
ADDED_TOKEN = {"id": _ID, "content": _TEXT, **dict.fromkeys(ADDED_TOKEN_FLAGS, _FLAG)}


def added_fields(token: AddedToken, i: int) -> dict[str, Any]:
    """Return the fields of an added token with the id `i`."""
    return {"id": i, "content": token.text} | {flag: getattr(token, flag) for flag in ADDED_TOKEN_FLAGS}


# Vocabularies and merges are large, so their entries are checked when the model is built.
_OPTIONAL_TEXT = Field(optional(check_text), None)
_OPTIONAL_FLAG = Field(lambda value, place: bool(optional(check_flag)(value, place)), False)
_VOCABULARY = Field(check_object)
MODELS: Shapes = {
    "BPE": {
        "dropout": Field(optional(_check_probability), None),
        "unk_token": _OPTIONAL_TEXT,
        "continuing_subword_prefix": _OPTIONAL_TEXT,
        "end_of_word_suffix": _OPTIONAL_TEXT,
        "fuse_unk": _OPTIONAL_FLAG,
        "byte_fallback": _OPTIONAL_FLAG,
        "ignore_merges": _OPTIONAL_FLAG,
        "vocab": _VOCABULARY,
        "merges": Field(check_list),
    },
    "WordPiece": {
        "unk_token": _TEXT,
        "continuing_subword_prefix": _TEXT,
        "max_input_chars_per_word": _SIZE,
        "vocab": _VOCABULARY,
    },
    "WordLevel": {"vocab": _VOCABULARY, "unk_token": _TEXT},
    "Unigram": {
        "unk_id": Field(optional(_check_size), None),
        "vocab": Field(check_list),
        "byte_fallback": Field(check_flag, False),
    },
}
