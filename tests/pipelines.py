"""Helpers for tests: pretokens of a pipeline and their spans in raw text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import fasttok as ft
from fasttok.text._spans import list_spans
from fasttok.text.pipeline import Pipeline, Prepared
from fasttok.text.rows import (
    BEGINS_DOCUMENT,
    BEGINS_RAW,
    BEGINS_SEGMENT,
    ENDS_DOCUMENT,
    ENDS_SEGMENT,
    WHOLE,
    Rows,
)


def rows_of(
    documents: ft.Ragged,
    begins: NDArray[np.bool_] | None = None,
    ends: NDArray[np.bool_] | None = None,
    aligned: bool = False,
) -> Rows:
    """Make rows of parts of documents; bool[k] tells whether each row begins or ends its document."""
    flags = np.full(len(documents), WHOLE | BEGINS_RAW, np.uint8)
    if begins is not None:
        flags[~begins] &= ENDS_DOCUMENT | ENDS_SEGMENT
    if ends is not None:
        flags[~ends] &= BEGINS_DOCUMENT | BEGINS_SEGMENT | BEGINS_RAW
    return Rows(documents, flags, aligned)


def prepare(
    pipeline: Pipeline, data: bytes, begins: bool = True, ends: bool = True, aligned: bool = False
) -> Prepared:
    """Prepare a document or a part of one."""
    documents = ft.Ragged.from_bytes([data])
    return pipeline.prepare(Rows.of(documents, begins, ends, aligned))


def list_pretokens(prepared: Prepared) -> np.ndarray:
    """Return the begin and end of each pretoken in the values of the rows."""
    documents = prepared.rows.documents
    spans, _ = list_spans(prepared.spans, np.ascontiguousarray(documents.values), documents.offsets)
    return spans


def pretokens(pipeline: Pipeline, data: bytes, begins: bool = True, ends: bool = True) -> list[bytes]:
    """Return the pretokens of a document or a part of one."""
    prepared = prepare(pipeline, data, begins, ends)
    text = prepared.rows.documents.values.tobytes()
    return [text[a:b] for a, b in list_pretokens(prepared).tolist()]


def located_pretokens(pipeline: Pipeline, data: bytes) -> np.ndarray:
    """Return the begin and end of each pretoken in the raw document."""
    prepared = prepare(pipeline, data, aligned=True)
    origins, spans = prepared.rows.raw_spans, list_pretokens(prepared)
    return np.stack([origins[spans[:, 0], 0], origins[spans[:, 1] - 1, 1]], axis=1)
