"""fasttok's own file: one self-contained JSON, made to be read and compared by people too.

A piece is a JSON string; its bytes that are not UTF-8 are escaped as U+DC80 to U+DCFF, as in Python's
surrogateescape. A merge is a row ``[left, right, merged]`` of ids, in order of rank. Pieces and merges
have a line each. The same tokenizer always gives the same bytes.
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

FORMAT = "fasttok"
VERSIONS = (1, 2)  # the first has special tokens only, and no decoder
TO_MEASURE = "; to measure it, open it with its own library and give that to ft.wrap"
_to_json = json.JSONEncoder(allow_nan=False).encode  # what this writes, `load` reads


def save(tokenizer: Tokenizer, path: str | os.PathLike[str]) -> None:
    """Write a tokenizer to one file, whole or not at all.

    Raises
    ------
    ValueError
        If a component is of a class that is defined inside a function.
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
    """JSON with one entry a line down to `depth`, lists of entries one deeper, and the rest in one line."""
    inner = indent + " "
    if isinstance(value, dict) and value and depth > 0:
        rows = [f"{_to_json(k)}: {_to_lines(v, depth - 1, inner)}" for k, v in value.items()]
        return "{\n" + ",\n".join(inner + row for row in rows) + "\n" + indent + "}"
    if isinstance(value, (list, tuple)) and value:
        return "[\n" + ",\n".join(inner + _to_json(row) for row in value) + "\n" + indent + "]"
    return _to_json(value)


def load(path: str | os.PathLike[str]) -> Tokenizer:
    """Read a tokenizer that `save` wrote.

    Raises
    ------
    ModelFormatError
        If the file is damaged, of another kind or of a later version.
    """
    name = os.fspath(path)
    with open(name, "rb") as file:
        data = file.read()
    try:
        fields = json.loads(data.decode(), parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise ModelFormatError("not UTF-8", name, f"byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise ModelFormatError(f"not JSON ({error.msg})", name, f"line {error.lineno}") from None
    except (RecursionError, ValueError) as error:  # nested too deeply, NaN, or a number of too many digits
        raise ModelFormatError(f"not JSON of this format ({error})", name) from None
    if not isinstance(fields, dict):
        raise ModelFormatError("not a fasttok tokenizer", name, "format")
    if fields.get("format") != FORMAT:
        hint = ", but a Hugging Face tokenizer.json, which is not read here" + TO_MEASURE
        message = "not a fasttok tokenizer" + (hint if "added_tokens" in fields else "")
        raise ModelFormatError(message, name, "format")
    if fields.get("version") not in VERSIONS:
        raise ModelFormatError(
            f"version {fields.get('version')!r}; this fasttok reads {VERSIONS}", name, "version"
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
            template.bind(
                {t.text: i for t, i in added_tokens.items() if t.special}
            )  # here, where the place of an error is known
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
    """The added tokens; texts and ids where nothing else is to be said of them."""
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
        raise ValueError("an added token is there twice")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _checked(value: Any, expected: type) -> Any:
    if not isinstance(value, expected):
        raise TypeError(f"a {type(value).__name__}, not a {expected.__name__}")
    return value


def _sniff(head: bytes, path: str) -> bool:
    return head.lstrip().startswith(b"{")


NATIVE = Format("fasttok", "a fasttok file", _sniff, load, save)
