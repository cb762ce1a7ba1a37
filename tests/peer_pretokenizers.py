"""Helpers for tests: the pretokens of a pretokenizer and their offsets, as in `tokenizers`."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from tokenizers import pre_tokenizers

import fasttok as ft
from fasttok.text._spans import list_spans
from fasttok.text.pipeline import Pipeline
from fasttok.text.rows import Rows

Pretokens: TypeAlias = "list[tuple[str, tuple[int, int]]]"


def locate_ours(
    pretokenizer: ft.Pretokenizer, texts: list[str], normalizer: ft.Normalizer | None = None
) -> list[Pretokens]:
    """Return the pretokens of each text, and their offsets in code points of the raw text."""
    raw = ft.Ragged.from_bytes([text.encode() for text in texts])
    prepared = Pipeline(normalizer, pretokenizer).prepare(Rows.of(raw, aligned=True))
    documents = prepared.rows.documents
    spans, bounds = list_spans(prepared.spans, np.ascontiguousarray(documents.values), documents.offsets)
    data = documents.values.tobytes()
    pieces = [data[a:b] for a, b in spans.tolist()]
    origins = prepared.rows.trace(spans.copy(), bounds)
    # The number of code points that begin before each byte of the raw text.
    n_before = np.concatenate([[0], np.cumsum((raw.values & 0xC0) != 0x80)])
    row_documents = np.repeat(prepared.row_documents(), np.diff(bounds))
    first = n_before[raw.offsets[row_documents]]
    begins = n_before[origins[:, 0] + 1] - 1 - first
    ends = n_before[origins[:, 1]] - first
    found: list[Pretokens] = [[] for _ in texts]
    for row, piece, a, b in zip(row_documents.tolist(), pieces, begins.tolist(), ends.tolist(), strict=True):
        found[row].append((piece.decode(), (a, b)))
    return found


def check_pretokens(ours: ft.Pretokenizer, theirs: pre_tokenizers.PreTokenizer, texts: list[str]) -> None:
    """Assert that two pretokenizers give the same pretokens with the same offsets."""
    for text, found in zip(texts, locate_ours(ours, texts), strict=True):
        assert found == theirs.pre_tokenize_str(text), (text, ours)
