"""Rewrite older shapes of a ``tokenizer.json`` to the shape of ``tokenizers`` 0.23, JSON to JSON.

The result has a "type" and all fields in every component, and no other fields. Older shapes that are
rewritten:

- components and models without "type", which are recognized by their fields;
- old names of types, such as "Bert" for "BertNormalizer";
- missing fields that have a default, such as "use_regex" of ByteLevel;
- ``add_prefix_space`` of Metaspace, which became "prepend_scheme".

Vocabularies and merges stay as they are: they are large, so `models` reads merges in both shapes, as pairs
and as strings ``"a b"``.

All types are checked here, so that the next step can rely on them.
"""

from __future__ import annotations

from typing import Any

from fasttok.formats.huggingface.shapes import (
    ADDED_TOKEN,
    DECODERS,
    MODELS,
    NORMALIZERS,
    PADDING,
    PRETOKENIZERS,
    PROCESSORS,
    STEPS,
    TRUNCATION,
    Check,
    Field,
    Place,
    check_fields,
    check_list,
    check_object,
    describe,
    list_of,
    one_of,
    optional,
)

VERSION = "1.0"  # value of the field "version"; there is no other version
DEEPEST = 50  # maximum depth of nested sequences
_OLD_NAMES = {"Bert": "BertNormalizer", "StripNormalizer": "Strip"}
_SHAPES = {
    "normalizer": NORMALIZERS,
    "pre_tokenizer": PRETOKENIZERS,
    "post_processor": PROCESSORS,
    "decoder": DECODERS,
}


def to_canonical(fields: Any, path: str) -> dict[str, Any]:
    """Return the content of a ``tokenizer.json`` in today's shape.

    Parameters
    ----------
    fields : object
        The parsed JSON. It is not modified; the vocabulary is not copied.
    path : str
        The file, for errors.

    Returns
    -------
    dict
        The same tokenizer in the shape that ``tokenizers`` 0.23 writes.

    Raises
    ------
    ModelFormatError
        If a field is missing or unknown, or has a value of the wrong type. `place` is its JSON path.

    Examples
    --------
    >>> old = {"model": {"vocab": {"a": 0, "[UNK]": 1}, "unk_token": "[UNK]"}}
    >>> to_canonical(old, "old.json")["model"]["type"]
    'WordLevel'
    """
    place = Place(path)
    if not isinstance(fields, dict):
        raise place.error("not a tokenizer.json: not a JSON object")
    top: dict[str, Field] = {
        "version": Field(one_of(VERSION), VERSION),
        "truncation": Field(optional(lambda value, here: check_fields(value, TRUNCATION, here)), None),
        "padding": Field(optional(lambda value, here: check_fields(value, PADDING, here)), None),
        "added_tokens": Field(list_of(lambda value, here: check_fields(value, ADDED_TOKEN, here)), []),
        **{part: Field(optional(_component_check(part)), None) for part in STEPS},
        "model": Field(_to_model),
    }
    if unknown := next((key for key in fields if key not in top), None):
        raise place.at(unknown).error(f"unknown field; the fields are {', '.join(top)}")
    return check_fields(fields, top, place)


def _component_check(part: str) -> Check:
    return lambda value, place: _to_component(part, value, place, 0)


def _to_component(part: str, value: Any, place: Place, depth: int) -> dict[str, Any]:
    """Return a component of a part of the file ("normalizer", "decoder", …) in today's shape."""
    shapes, steps = _SHAPES[part], STEPS[part]
    fields = check_object(value, place)
    kind = _find_type(part, fields, place)
    if kind == "Sequence":
        if depth >= DEEPEST:
            raise place.error(f"sequences are nested more than {DEEPEST} times")
        if steps not in fields:
            raise place.at(steps).error("is missing")
        here = place.at(steps)
        inner = check_list(fields[steps], here)
        return {
            "type": kind,
            steps: [_to_component(part, step, here.at(i), depth + 1) for i, step in enumerate(inner)],
        }
    if "replacement" in fields and kind == "Metaspace":
        fields = _modernize_metaspace(fields, place)
    return {"type": kind, **check_fields(fields, shapes[kind], place)}


def _find_type(part: str, fields: dict[str, Any], place: Place) -> str:
    """Return the type of a component; for a component without a type, the first that has all given fields."""
    shapes, given = _SHAPES[part], fields.get("type")
    if given is not None and not isinstance(given, str):
        raise place.at("type").error(f"must be a string, not {describe(given)}")
    if part == "post_processor" and given in ("RobertaProcessing", "BertProcessing"):
        # `tokenizers` tells these two apart by their fields, whatever the type says.
        given = None
    kind = _OLD_NAMES.get(given, given) if given is not None else _guess_type(part, fields)
    if kind is None:
        raise place.error("has no type, and its fields fit no type")
    if kind != "Sequence" and kind not in shapes:
        known = ", ".join(["Sequence", *shapes])
        raise place.at("type").error(f"unknown type {kind!r}; the types are {known}")
    return kind


def _guess_type(part: str, fields: dict[str, Any]) -> str | None:
    if STEPS[part] in fields:
        return "Sequence"
    for kind, shape in _SHAPES[part].items():
        needed = {name for name, field in shape.items() if field.default is ...}
        if needed and needed <= fields.keys():
            return kind
    return None


def _modernize_metaspace(fields: dict[str, Any], place: Place) -> dict[str, Any]:
    """Return the fields of Metaspace with "prepend_scheme" in place of ``add_prefix_space``."""
    adds = fields.get("add_prefix_space")
    if adds is not False:
        return fields
    scheme = fields.get("prepend_scheme", "never")
    if scheme != "never":
        raise place.at("add_prefix_space").error(f"is false, which contradicts prepend_scheme {scheme!r}")
    return fields | {"prepend_scheme": "never"}


def _to_model(value: Any, place: Place) -> dict[str, Any]:
    fields = check_object(value, place)
    kind = fields["type"] if "type" in fields else _guess_model(fields, place)
    if not isinstance(kind, str) or kind not in MODELS:
        raise place.at("type").error(f"unknown model {describe(kind)}; the models are {', '.join(MODELS)}")
    return {"type": kind, **check_fields(fields, MODELS[kind], place)}


def _guess_model(fields: dict[str, Any], place: Place) -> str:
    if "merges" in fields:
        return "BPE"
    if isinstance(fields.get("vocab"), list):
        return "Unigram"
    if "vocab" not in fields or "unk_token" not in fields:
        raise place.error("has no type, and its fields fit no type")
    is_wordpiece = "continuing_subword_prefix" in fields and "max_input_chars_per_word" in fields
    return "WordPiece" if is_wordpiece else "WordLevel"
