"""The native format of fasttok: one self-contained JSON file, easy to read and to diff.

A piece is a JSON string. A byte 0xNN that is not part of valid UTF-8 is written as U+DCNN, as with Python's
error handler ``surrogateescape``. A merge is a row ``[left, right, merged]`` of ids; merges are in order of
rank. Each piece and each merge has its own line. Equal tokenizers give equal files.
"""

from __future__ import annotations

import json
import os
from typing import Any

from fasttok.core.component import check_importable
from fasttok.core.errors import ModelFormatError
from fasttok.core.saving import atomic_write
from fasttok.decoders.registry import get_decoder
from fasttok.formats.base import Format
from fasttok.models.registry import read_model
from fasttok.text.added import AddedToken
from fasttok.text.normalizers.registry import get_normalizer
from fasttok.text.pretokenizers.registry import get_pretokenizer
from fasttok.tokenizer.template import Template
from fasttok.tokenizer.tokenizer import Tokenizer
from fasttok.tokenizer.vocabulary import as_added_tokens

FORMAT = "fasttok"  # value of the field "format"
VERSIONS = (1, 2)  # versions that `load` reads; version 1 has neither a decoder nor added tokens with flags
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
        "version": 1 if tokenizer.has_plain_tokens and decoder is None else 2,
        "provenance": tokenizer.provenance,
        "normalizer": tokenizer.normalizer and tokenizer.normalizer.config(),
        "pretokenizer": tokenizer.pretokenizer.config(),
        **_added_fields(tokenizer),
        "template": tokenizer.template and tokenizer.template.config(),
        **({} if decoder is None else {"decoder": decoder.config()}),
        "model": {"kind": check_importable(tokenizer.model.kind)} | tokenizer.model.to_dict(),
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
    with open(name, "rb") as file:
        data = file.read()
    try:
        fields = json.loads(data.decode(), parse_constant=_reject_constant)
    except UnicodeDecodeError as error:
        raise ModelFormatError("not UTF-8", name, f"byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise ModelFormatError(f"not JSON ({error.msg})", name, f"line {error.lineno}") from None
    except (RecursionError, ValueError) as error:  # nested too deeply, NaN, or a number with too many digits
        raise ModelFormatError(f"not JSON that fasttok can read ({error})", name) from None
    if not isinstance(fields, dict):
        raise ModelFormatError("not a fasttok tokenizer", name, "format")
    if fields.get("format") != FORMAT:
        message = "not a fasttok tokenizer"
        if "added_tokens" in fields:
            message = (
                "a Hugging Face tokenizer.json, which fasttok cannot load; to measure it, load it with "
                "Hugging Face tokenizers and pass the result to ft.wrap"
            )
        raise ModelFormatError(message, name, "format")
    if fields.get("version") not in VERSIONS:
        raise ModelFormatError(
            f"version {fields.get('version')!r} is unknown; this fasttok reads versions "
            f"{' and '.join(map(str, VERSIONS))}",
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
            # Binding raises an error for an unknown special token here, where `place` is the template.
            template.bind({token.text: i for token, i in added_tokens.items() if token.special})
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
        )
    except KeyError as error:
        raise ModelFormatError(f"{error} is missing or unknown", name, place) from None
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelFormatError(str(error), name, place) from None


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


def _reject_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")


def _checked(value: Any, expected: type) -> Any:
    if not isinstance(value, expected):
        raise TypeError(f"must be a {expected.__name__}, not a {type(value).__name__}")
    return value


def _sniff(head: bytes, path: str) -> bool:
    return head.lstrip().startswith(b"{")


NATIVE = Format("fasttok", "a fasttok file", _sniff, load, save)
