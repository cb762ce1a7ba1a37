"""Kernels that list the best pairs at one moment of a training, for those who watch it.

They write to `out` only, and use the arrays of `fasttok.models.merging.kernels` and
`fasttok.models.merging.likelihood`.
"""

from __future__ import annotations

import numpy as np

from fasttok.core.jit.kernel import njit
from fasttok.models.merging.joins import may_join
from fasttok.models.merging.kernels import (
    FLOOR,
    FORBIDDEN_LEFT,
    FORBIDDEN_RIGHT,
    LEFT,
    MARKS_ALONE,
    MAX_LENGTH,
    MIN_COUNT,
    N_HEAP,
    N_PAIRS,
    RIGHT,
    TIES,
    precedes,
)
from fasttok.models.merging.likelihood import CERTAIN
from fasttok.models.merging.likelihood import precedes as precedes_by_score


@njit
def insert_by_count(slot, count, pairs, piece_values, piece_offsets, reg, out, n):
    """Insert a slot into the first `n` of `out`, in the order of merging; return the new number of slots.

    If `out` is full, its last slot is dropped, or the new one.
    """
    pair = pairs[slot, LEFT] << 32 | pairs[slot, RIGHT]
    i = n
    while i > 0:
        above = out[i - 1]
        other = pairs[above, LEFT] << 32 | pairs[above, RIGHT]
        if not precedes(count[slot], pair, count[above], other, piece_values, piece_offsets, reg[TIES]):
            break
        if i < len(out):
            out[i] = above
        i -= 1
    if i == len(out):
        return n
    out[i] = slot
    return n + 1 if n < len(out) else n


@njit
def list_most_frequent(count, pairs, piece_values, piece_offsets, heap, traits, reg, out):
    """Write the slots of the most frequent pairs that may be merged to `out`, the best first.

    Return their number, which is at most the length of `out` (int64). All pairs with a count of at least
    FLOOR that may be merged are in the heap, each once. Only if they are too few, all slots are visited.
    """
    n = 0
    for i in range(reg[N_HEAP]):
        slot = heap[i, 2]
        if count[slot] >= reg[FLOOR]:
            n = insert_by_count(slot, count, pairs, piece_values, piece_offsets, reg, out, n)
    if n == len(out):
        return n
    for slot in range(reg[N_PAIRS]):
        if count[slot] < reg[MIN_COUNT] or count[slot] >= reg[FLOOR]:
            continue
        if may_join(
            traits[pairs[slot, LEFT]], traits[pairs[slot, RIGHT]], reg[MAX_LENGTH], reg[FORBIDDEN_LEFT],
            reg[FORBIDDEN_RIGHT], reg[MARKS_ALONE],
        ):  # fmt: skip
            n = insert_by_count(slot, count, pairs, piece_values, piece_offsets, reg, out, n)
    return n


@njit
def copy_row(keys, rows, source, target):
    """Copy a row of `keys` and `rows`; whole rows would be new arrays."""
    for column in range(3):
        keys[target, column] = keys[source, column]
    rows[target, LEFT], rows[target, RIGHT] = rows[source, LEFT], rows[source, RIGHT]


@njit
def list_likeliest(count, pairs, piece_offsets, reg, frequencies, keys, scores, rows, out):
    """Write the slots of the pairs with the highest scores to `out`, as `list_most_frequent` does.

    All slots are visited. For k slots in `out`, `keys` (int64[k + 1, 3]), `scores` (float64[k + 1]) and
    `rows` (int64[k + 1, 2]) are scratch: rows 0 to n - 1 describe the first n pairs in `out`, and the last
    row describes the pair to compare with them.
    """
    n = 0
    new = len(out)
    for slot in range(reg[N_PAIRS]):
        if count[slot] < reg[MIN_COUNT]:
            continue
        left, right = pairs[slot, LEFT], pairs[slot, RIGHT]
        score = np.float64(count[slot]) / (np.float64(frequencies[left]) * np.float64(frequencies[right]))
        if n == len(out) and scores[n - 1] > score * CERTAIN:
            continue
        length = (
            piece_offsets[left + 1] - piece_offsets[left] + piece_offsets[right + 1] - piece_offsets[right]
        )
        if length > reg[MAX_LENGTH]:
            continue
        keys[new, 0], keys[new, 1], keys[new, 2] = count[slot], frequencies[left], frequencies[right]
        scores[new] = score
        rows[new, LEFT], rows[new, RIGHT] = left, right
        i = n
        while i > 0 and precedes_by_score(keys, scores, rows, new, i - 1):
            if i < len(out):
                out[i], scores[i] = out[i - 1], scores[i - 1]
                copy_row(keys, rows, i - 1, i)
            i -= 1
        if i < len(out):
            out[i], scores[i] = slot, score
            copy_row(keys, rows, new, i)
            if n < len(out):
                n += 1
    return n
