"""The native format of fasttok: one self-contained JSON file, easy to read and to diff.

A piece is a JSON string. A byte 0xNN that is not part of valid UTF-8 is written as U+DCNN, as with Python's
error handler ``surrogateescape``. A merge is a row ``[left, right, merged]`` of ids; merges are in order of
rank. Each piece and each merge has its own line. Equal tokenizers give equal files.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any

from fasttok.core.component import check_importable
from fasttok.core.errors import ModelFormatError, TemplateError
from fasttok.core.saving import atomic_write
from fasttok.decoders.registry import get_decoder
from fasttok.formats.base import Format
from fasttok.formats.json_files import read_object
from fasttok.models.bpe.alphabets import Characters
from fasttok.models.registry import read_model
from fasttok.text.added import AddedToken
from fasttok.text.normalizers.registry import get_normalizer
from fasttok.text.pretokenizers.registry import get_pretokenizer
from fasttok.tokenizer.model_config import ModelConfig
from fasttok.tokenizer.settings import Padding, TrimOffsets, Truncation
from fasttok.tokenizer.template import Template
from fasttok.tokenizer.tokenizer import Tokenizer
from fasttok.tokenizer.vocabulary import as_added_tokens

FORMAT = "fasttok"  # value of the field "format"
# Versions that `load` reads. Version 1 has neither a decoder nor added tokens with flags. Version 3 has the
# fields of `SETTINGS`, options of `Characters` and templates that earlier versions do not know.
VERSIONS = (1, 2, 3)
SETTINGS = {
    "padding": Padding,
    "truncation": Truncation,
    "trim_offsets": TrimOffsets,
    "config": ModelConfig,
}
_START = re.compile(rb'\s*\{\s*"format"\s*:\s*"fasttok"')  # how `save` begins a file
_to_json = json.JSONEncoder(allow_nan=False).encode  # NaN is not JSON, and `load` rejects it


def save(tokenizer: Tokenizer, path: str | os.PathLike[str]) -> None:
    """Write a tokenizer to a native file, completely or not at all.

    Raises
    ------
    ValueError
        If the class of a component is defined inside a function, so that no file can name it.
    OSError
        If the file cannot be written.
    """
    decoder = tokenizer.given_decoder
    fields = {
        "format": FORMAT,
        "version": _version_of(tokenizer),
        "provenance": tokenizer.provenance,
        "normalizer": tokenizer.normalizer and tokenizer.normalizer.config(),
        "pretokenizer": tokenizer.pretokenizer.config(),
        **_added_fields(tokenizer),
        "template": tokenizer.template and tokenizer.template.config(),
        **{name: one.changed_options() for name, one in _settings_of(tokenizer).items()},
        **({} if decoder is None else {"decoder": decoder.config()}),
        "model": tokenizer.model.file_fields() | {"kind": check_importable(tokenizer.model.kind)},
    }
    text = _to_lines(fields, depth=2) + "\n"
    with atomic_write(path) as file:
        file.write(text.encode())


def _to_lines(value: Any, depth: int, indent: str = "") -> str:
    """Return JSON with one line per entry of the objects in the first `depth` levels.

    The lists in these objects have one line per item.
    """
    inner = indent + " "
    if isinstance(value, dict) and value and depth > 0:
        rows = [f"{_to_json(k)}: {_to_lines(v, depth - 1, inner)}" for k, v in value.items()]
        return "{\n" + ",\n".join(inner + row for row in rows) + "\n" + indent + "}"
    if isinstance(value, (list, tuple)) and value:
        return "[\n" + ",\n".join(inner + _to_json(row) for row in value) + "\n" + indent + "]"
    return _to_json(value)


def load(path: str | os.PathLike[str]) -> Tokenizer:
    """Read a tokenizer from a native file.

    Raises
    ------
    ModelFormatError
        If the file is damaged, is not in the native format, or has an unknown version.
    """
    name = os.fspath(path)
    fields, _ = read_object(name)
    if fields.get("format") != FORMAT:
        raise ModelFormatError("not a fasttok tokenizer", name, "format")
    if fields.get("version") not in VERSIONS:
        raise ModelFormatError(
            f"version {fields.get('version')!r} is unknown; this fasttok reads versions {VERSIONS[0]} to "
            f"{VERSIONS[-1]}",
            name,
            "version",
        )
    place = "normalizer"
    try:
        normalizer = get_normalizer(fields["normalizer"] and _checked(fields["normalizer"], dict))
        place = "pretokenizer"
        pretokenizer = get_pretokenizer(_checked(fields["pretokenizer"], dict))
        place = "model"
        model_fields = _checked(fields["model"], dict)
        model = read_model(model_fields)
        place = "added_tokens" if "added_tokens" in fields else "special_tokens"
        added_tokens = _read_added(fields)
        place = "template"
        template = None
        if fields.get("template") is not None:
            template = Template(**_checked(fields["template"], dict))
        settings: dict[str, Any] = {}
        for place in SETTINGS.keys() & fields.keys():
            options = _checked(fields[place], dict)
            settings[place] = (
                Truncation.from_config(options) if place == "truncation" else SETTINGS[place](**options)
            )
        place = "decoder"
        decoder = get_decoder(_checked(fields["decoder"], dict)) if "decoder" in fields else None
        place = "provenance"
        provenance = _checked(fields["provenance"], dict)
        place = "added_tokens" if "added_tokens" in fields else "special_tokens"
        return Tokenizer(
            model,
            pretokenizer,
            added_tokens,
            provenance,
            normalizer=normalizer,
            template=template,
            decoder=decoder,
            **settings,
        )
    except TemplateError as error:
        raise ModelFormatError(str(error), name, "template") from None
    except KeyError as error:
        raise ModelFormatError(f"{error} is missing or unknown", name, place) from None
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelFormatError(str(error), name, place) from None


def _settings_of(tokenizer: Tokenizer) -> dict[str, Padding | Truncation | TrimOffsets | ModelConfig]:
    """Return the settings of `SETTINGS` that the tokenizer has."""
    found = {name: getattr(tokenizer, name) for name in SETTINGS}
    return {name: setting for name, setting in found.items() if setting is not None}


def _version_of(tokenizer: Tokenizer) -> int:
    """Return the first version of the format that can hold the tokenizer."""
    alphabet = getattr(tokenizer.model, "alphabet", None)
    has_options = isinstance(alphabet, Characters) and (alphabet.drop_unk or alphabet.compat)
    if has_options or tokenizer.model._excluded or getattr(tokenizer.model, "merge_ranks", None) is not None:
        return 3  # earlier versions would not see these options
    if _settings_of(tokenizer) or not _is_in_version_1(tokenizer.template, tokenizer.special_tokens):
        return 3
    return 1 if tokenizer.has_plain_tokens and tokenizer.given_decoder is None else 2


def _is_in_version_1(template: Template | None, special_tokens: dict[str, int]) -> bool:
    """Return whether version 1 of the format can hold a template."""
    if template is None:
        return True
    single, pair = template.words()
    words = [*single, *(pair or [])]
    return (
        not template.ids
        and '"' not in template.single + (template.pair or "")
        and (pair is None or sorted(word.text for word in pair if word.text is not None) == [0, 1])
        and all(word.text is not None or word.name in special_tokens for word in words)
        and all(word.type_id < 256 for word in words)
    )


def _added_fields(tokenizer: Tokenizer) -> dict[str, Any]:
    """Return the field of the added tokens.

    If all of them are special and have no other flags, this is "special_tokens", with their texts and ids.
    Otherwise it is "added_tokens", with all their options.
    """
    if tokenizer.has_plain_tokens:
        return {"special_tokens": tokenizer.special_tokens}
    return {
        "added_tokens": [{"id": i, **token.changed_options()} for token, i in tokenizer.added_tokens.items()]
    }


def _read_added(fields: dict[str, Any]) -> dict[AddedToken, int]:
    if "added_tokens" not in fields:
        return as_added_tokens(_checked(fields["special_tokens"], dict))
    rows = _checked(fields["added_tokens"], list)
    ids = [_checked(row, dict).pop("id") for row in rows]
    found = {AddedToken(**row): i for row, i in zip(rows, ids, strict=True)}
    if len(found) < len(rows):
        raise ValueError("an added token is given twice")
    return found


def _checked(value: Any, expected: type) -> Any:
    if not isinstance(value, expected):
        raise TypeError(f"must be a {expected.__name__}, not a {type(value).__name__}")
    return value


def _sniff(head: bytes, path: str) -> bool:
    return _START.match(head) is not None


NATIVE = Format("fasttok", "a fasttok file", _sniff, load, save, is_general=True)
