"""Helpers for tests: the characters that a normalizer writes, and their offsets, as in `tokenizers`."""

from __future__ import annotations

import itertools

import numpy as np
import tokenizers
from tokenizers import models

import fasttok as ft
from fasttok.text.rows import Rows
from fasttok.text.unicode._utf8 import locate_code_points


def their_tokenizer(normalizer: tokenizers.normalizers.Normalizer) -> tokenizers.Tokenizer:
    """Return a tokenizer with one token per character of the normalized text."""
    tok = tokenizers.Tokenizer(models.BPE(vocab={"?": 0}, merges=[], unk_token="?", fuse_unk=False))  # noqa: S106
    tok.normalizer = normalizer
    return tok


def locate_theirs(normalizer: tokenizers.normalizers.Normalizer, texts: list[str]) -> list[np.ndarray]:
    """Return the offsets of the characters of each normalized text, in code points of the raw text."""
    rows = their_tokenizer(normalizer).encode_batch(texts, add_special_tokens=False)
    return [np.array(row.offsets, np.int64).reshape(-1, 2) for row in rows]


def locate_ours(normalizer: ft.Normalizer, texts: list[str]) -> tuple[list[str], list[np.ndarray]]:
    """Return each text as normalized, and the same offsets, for a normalizer of fasttok."""
    raw = ft.Ragged.from_bytes([text.encode() for text in texts])
    rows = normalizer.rewrite(Rows.of(raw, aligned=True))
    values, offsets = rows.documents.values, rows.documents.offsets
    starts = np.flatnonzero(values & 0xC0 != 0x80)
    spans = np.stack([starts, np.append(starts[1:], len(values))], axis=1)
    bounds = np.searchsorted(starts, offsets)
    spans = np.ascontiguousarray(rows.trace(spans, bounds))
    located = np.empty_like(spans)
    locate_code_points(np.ascontiguousarray(raw.values), spans, located)
    first = np.cumsum([0, *map(len, texts)])
    pairs = itertools.pairwise(bounds)
    return (
        [text.decode() for text in rows.documents.to_bytes()],
        [located[a:b] - start for (a, b), start in zip(pairs, first, strict=False)],
    )


def check_located(ours: ft.Normalizer, theirs: tokenizers.normalizers.Normalizer, texts: list[str]) -> None:
    """Assert that two normalizers write the same text with the same offsets."""
    written, located = locate_ours(ours, texts)
    for text, mine, spans, expected in zip(
        texts, written, located, locate_theirs(theirs, texts), strict=True
    ):
        assert mine == theirs.normalize_str(text), (text, ours)
        assert spans.tolist() == expected.tolist(), (text, mine, ours)
