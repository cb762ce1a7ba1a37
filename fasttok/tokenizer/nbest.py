"""N best segmentations of a text whose rows are segmented independently of each other."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import UnknownCharacterError
from fasttok.core.ragged import Ragged
from fasttok.models.base import Model
from fasttok.text._spans import Spans, list_spans
from fasttok.text.added import Special
from fasttok.text.pipeline import Pipeline
from fasttok.text.rows import Rows

Segmentations = list[tuple[NDArray[np.uint32], float]]


def find_nbest(pipeline: Pipeline, model: Model, data: bytes, n: int, special: Special) -> Segmentations:
    """Return the ids and scores of the `n` best segmentations of a text in UTF-8, the best first.

    Added tokens count nothing. Segmentations with equal scores are sorted by the ranks of the segmentations
    of their rows.
    """
    prepared = pipeline.prepare(Rows.of_text(data), special)

    def find_all(text: NDArray[np.uint8], offsets: NDArray[np.int64], spans: Spans) -> list[Segmentations]:
        if not len(text):
            return [[(np.empty(0, np.uint32), 0.0)] for _ in offsets[1:]]
        places, firsts = list_spans(spans, text, offsets)
        rows = []
        for row, (begin, end) in enumerate(zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)):
            pretokens = places[firsts[row] : firsts[row + 1]] - begin
            try:
                rows.append(model.find_nbest(text[begin:end].tobytes(), pretokens, n))
            except UnknownCharacterError as error:
                raise UnknownCharacterError(error.character, error.position, row) from None
        return rows

    rows = prepared.run(find_all)
    found = []
    for ranks, score in _find_best_sums([[score for _, score in row] for row in rows], n):
        ids = [row[rank][0] for row, rank in zip(rows, ranks, strict=True)]
        offsets = np.append(0, np.cumsum([len(part) for part in ids], dtype=np.int64))
        joined = prepared.join(Ragged(np.concatenate([np.empty(0, np.uint32), *ids]), offsets))
        found.append((joined.values, score))
    return found


def _find_best_sums(scores: list[list[float]], n: int) -> list[tuple[tuple[int, ...], float]]:
    """Return the `n` best choices of one item per row: the ranks of the items and the sum of their scores."""
    if not scores:
        return [((), 0.0)]
    best: list[tuple[tuple[int, ...], float]]
    best = [((rank,), score) for rank, score in enumerate(scores[0])]  # rounding may have changed the order
    for row in scores[1:]:
        # Pairs of the ranks i and j have at least (i + 1) * (j + 1) - 1 pairs that are as good or better.
        pairs = [
            (-(total + score), (*ranks, rank))
            for i, (ranks, total) in enumerate(best)
            for rank, score in enumerate(row[: n // (i + 1)])
        ]
        best = [(ranks, -total) for total, ranks in heapq.nsmallest(n, pairs)]
    return best
