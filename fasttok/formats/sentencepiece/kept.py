"""`keep` and `restore`: content of a model file as plain JSON, in the provenance of its tokenizer.

Everything is kept that the tokenizer itself does not hold: the specs, the samples of the self test, unknown
fields, and which fields of pieces are in the file. So a file is written back as it was.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import describe_type
from fasttok.formats.sentencepiece.messages import (
    NORMAL,
    UNUSED,
    USER_DEFINED,
    ModelProto,
    NormalizerSpec,
    Pieces,
    Sample,
    TrainerSpec,
)
from fasttok.formats.sentencepiece.models import unmatched_ids

SPECS: dict[str, type[TrainerSpec | NormalizerSpec]] = {
    "trainer_spec": TrainerSpec,
    "normalizer_spec": NormalizerSpec,
    "denormalizer_spec": NormalizerSpec,
}
# Types of pieces that a model does not say: user-defined words, and characters that a model never finds.
TYPES = {"user_defined": (USER_DEFINED, NORMAL), "normal": (NORMAL, UNUSED)}


def keep(content: ModelProto) -> dict[str, Any]:
    """Return the content of a file without its pieces and its normalization rules, as plain JSON."""
    kept: dict[str, Any] = {}
    for name in SPECS:
        spec = getattr(content, name)
        if spec is not None:
            if name == "normalizer_spec" and spec.precompiled_charsmap:
                spec = replace(spec, precompiled_charsmap=None)
            kept[name] = spec.to_json()
    if content.samples is not None:
        kept["self_test_data"] = [sample.to_json() for sample in content.samples]
    if content.samples_unknown:
        kept["self_test_unknown_fields"] = _to_text(content.samples_unknown)
    if content.unknown:
        kept["unknown_fields"] = _to_text(content.unknown)
    pieces = _keep_pieces(content.pieces, kind_of(content))
    return kept | ({"pieces": pieces} if pieces else {})


def kind_of(content: ModelProto) -> str:
    """Return the type of the model in a file."""
    spec = content.trainer_spec
    return "unigram" if spec is None or spec.model_type is None else spec.model_type


def _keep_pieces(pieces: Pieces, kind: str) -> dict[str, Any]:
    """Return how the fields of pieces differ from usual ones, in which only normal pieces have no type."""
    kept: dict[str, Any] = {}
    for name, differs in (
        ("without_score", ~pieces.has_score),
        ("with_or_without_type", pieces.has_type != (pieces.types != NORMAL)),
    ):
        if differs.any():
            kept[name] = "normal" if _are_normal(differs, pieces) else np.flatnonzero(differs).tolist()
    if kind == "word" and (ids := pieces.ids_of(USER_DEFINED)):
        kept["user_defined"] = ids
    if kind == "char" and (ids := unmatched_ids(pieces)):
        kept["normal"] = ids
    if pieces.unknown:
        kept["unknown_fields"] = {str(i): _to_text(raw) for i, raw in pieces.unknown.items()}
    scores = usual_scores(pieces.types)
    if kind != "unigram" and (scores.view(np.uint32) != pieces.scores.view(np.uint32)).any():
        kept["scores"] = _to_text(pieces.scores.astype("<f4").tobytes())
    return kept


def _are_normal(mask: NDArray[np.bool_], pieces: Pieces) -> bool:
    return bool((mask == (pieces.types == NORMAL)).all())


def usual_scores(types: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the scores that sentencepiece gives the ids of trained BPE models: float32 of shape (n,).

    They are 0, -1, -2, … for normal pieces and 0 for others.
    """
    is_normal = types == NORMAL
    rank = np.cumsum(is_normal) - 1
    return np.where(is_normal, -rank, 0).astype(np.float32)


def restore(kept: Any, pieces: Pieces) -> ModelProto:
    """Return the content of a file from the result of `keep` and the texts, scores and types of its pieces.

    Raises
    ------
    KeyError, TypeError, ValueError
        If a value is not valid.
    """
    if not isinstance(kept, Mapping):
        raise TypeError(f"must be an object, not {describe_type(kept)}")
    specs: dict[str, Any] = {n: kind.from_json(kept[n]) for n, kind in SPECS.items() if n in kept}
    samples = None
    if "self_test_data" in kept:
        samples = tuple(Sample.from_json(sample) for sample in kept["self_test_data"])
    return ModelProto(
        pieces=_restore_pieces(kept.get("pieces", {}), pieces),
        samples=samples,
        samples_unknown=_from_text(kept.get("self_test_unknown_fields", "")),
        unknown=_from_text(kept.get("unknown_fields", "")),
        **specs,
    )


def _restore_pieces(kept: Mapping[str, Any], pieces: Pieces) -> Pieces:
    unknown = {int(i): _from_text(raw) for i, raw in kept.get("unknown_fields", {}).items()}
    return replace(
        pieces,
        has_score=~_mask(kept.get("without_score", []), pieces),
        has_type=(pieces.types != NORMAL) ^ _mask(kept.get("with_or_without_type", []), pieces),
        unknown={i: raw for i, raw in unknown.items() if 0 <= i < len(pieces.types)},
    )


def kept_types(kept: Any, types: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the types of the ids with those of `TYPES` that `keep` has kept."""
    content = kept.get("pieces", {}) if isinstance(kept, Mapping) else {}
    types = types.copy()
    for name, (kind, instead) in TYPES.items():
        for i in content.get(name, ()):
            if type(i) is int and 0 <= i < len(types) and types[i] == instead:
                types[i] = kind
    return types


def kept_scores(kept: Any, types: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """Return the scores of the ids from the result of `keep`; None if their number is not that of `types`.

    Raises
    ------
    TypeError, ValueError
        If the value is not valid.
    """
    content = kept.get("pieces", {}) if isinstance(kept, Mapping) else {}
    if "scores" not in content:
        return usual_scores(types)
    raw = _from_text(content["scores"])
    return np.frombuffer(raw, "<f4").astype(np.float32) if len(raw) == 4 * len(types) else None


def _mask(ids: Any, pieces: Pieces) -> NDArray[np.bool_]:
    if ids == "normal":
        return np.asarray(pieces.types == NORMAL)
    mask = np.zeros(len(pieces.types), np.bool_)
    mask[[i for i in ids if type(i) is int and 0 <= i < len(mask)]] = True
    return mask


def _to_text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _from_text(text: Any) -> bytes:
    if not isinstance(text, str):
        raise TypeError(f"must be bytes in base64, not {describe_type(text)}")
    return base64.b64decode(text, validate=True)
