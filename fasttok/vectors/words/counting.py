"""Counting of neighbours over blocks of ids, on several threads and in bounded memory."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import TokenStoreError
from fasttok.core.parallel import end_if_stopped, map_ordered
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.tokenizer.stream import EncodedPart
from fasttok.tokens.store import TokenStore
from fasttok.vectors.words._neighbours import count_neighbours, group_positions, measure_sides

if TYPE_CHECKING:
    from scipy.sparse import csr_array

BLOCK = 1 << 23  # positions that are counted at a time
MOST_WINDOW = 255  # largest distance between neighbours; the kernel writes it in a byte
PART = 1 << 16  # approximate number of positions that a thread counts at a time


class Block(NamedTuple):
    """Positions whose neighbours are counted, in an array that also has their neighbours.

    Attributes
    ----------
    ids : ndarray of uint16 or uint32
        Ids.
    offsets : ndarray of int64
        Borders of documents in `ids`.
    first, last : int
        Range of the positions.
    """

    ids: NDArray[Any]
    offsets: NDArray[np.int64]
    first: int
    last: int


def split_rows(rows: Ragged) -> Iterator[Block]:
    """Yield the blocks of documents that are in memory."""
    start, end = int(rows.offsets[0]), int(rows.offsets[-1])
    for first in range(start, end, BLOCK):
        yield Block(rows.values, rows.offsets, first, min(first + BLOCK, end))


def split_store(store: TokenStore, n_ids: int) -> Iterator[Block]:
    """Yield the blocks of a store. A separator at the end of a document counts as a document of its own.

    Raises
    ------
    TokenStoreError
        If an id is `n_ids` or more.
    """
    ids, offsets = store.ids, store.offsets
    if store.separator_id is not None:
        ends = offsets[1:][np.diff(offsets) > 0] - 1
        offsets = np.union1d(offsets, ends[ids[ends] == store.separator_id])
    for first in range(0, len(ids), BLOCK):
        last = min(first + BLOCK, len(ids))
        seen = ids[first : last + MOST_WINDOW]  # with the neighbours after the block
        if seen.max() >= n_ids:
            bad = first + int(np.argmax(seen >= n_ids))
            raise TokenStoreError(
                f"damaged: id {ids[bad]} at position {bad:,} is outside the vocabulary of {n_ids:,} ids",
                store.path,
            )
        yield Block(ids, offsets, first, last)


def join_parts(parts: Generator[EncodedPart, None, None], window: int) -> Iterator[Block]:
    """Yield the blocks of a corpus that is being encoded.

    A document can continue in the next block. Then the last `window` positions of a block have to wait for
    their neighbours, and are counted in the next one, which also repeats the `window` ids before them.
    """
    waiting: list[NDArray[np.uint32]] = []
    lengths: list[int] = []  # of the documents in `waiting`
    n, first = 0, 0
    with closing(parts):
        for part in parts:
            waiting.append(part.ids.values)
            added = part.ids.lengths.tolist()
            if not part.begins:
                lengths[-1] += added.pop(0)
            lengths += added
            n += len(part.ids.values)
            if n - first < BLOCK:
                continue
            ids, offsets = np.concatenate(waiting), lengths_to_offsets(lengths)
            # The document that continues begins at `start`; its ids from `last` on wait.
            start = int(offsets[-2]) if part.continues else n
            last = max(first, start, n - window)
            yield Block(ids, offsets, first, last)
            kept = max(start, last - window)
            waiting, lengths = [ids[kept:]], [n - kept]
            n, first = n - kept, last - kept
    if n > first:
        yield Block(np.concatenate(waiting), lengths_to_offsets(lengths), first, n)


class NeighbourCounts(NamedTuple):
    """Result of `count_blocks`.

    Attributes
    ----------
    sums : csr_array of int64, shape (n_ids, n_ids)
        Sum of the weights of each pair of ids.
    counts : ndarray of int64, shape (n_ids,)
        Number of times that each id occurs.
    """

    sums: csr_array
    counts: NDArray[np.int64]


def count_blocks(
    blocks: Iterator[Block], n_ids: int, weights: NDArray[np.int64], workers: int
) -> NeighbourCounts:
    """Return how often ids are neighbours.

    Parameters
    ----------
    blocks : iterator of Block
        Blocks of a corpus.
    n_ids : int
        Size of the vocabulary.
    weights : ndarray of int64, shape (window + 1,)
        Weight of a neighbour by its distance; the first entry is not used.
    workers : int
        Number of threads. All sums are sums of integers, so they do not depend on it.
    """
    from scipy.sparse import csr_array

    total = csr_array((n_ids, n_ids), dtype=np.int64)
    counts = np.zeros(n_ids, np.int64)
    for block in blocks:
        sums, occurrences = _count_block(block, n_ids, weights, workers)
        counts += occurrences
        total = total + sums if total.nnz else sums
    return NeighbourCounts(total, counts)


def _count_block(block: Block, n_ids: int, weights: NDArray[np.int64], workers: int) -> NeighbourCounts:
    from scipy.sparse import csr_array

    ids, offsets, first, last = block
    window = len(weights) - 1
    positions, starts = group_positions(ids, first, last, n_ids)
    document = int(np.searchsorted(offsets, first, side="right")) - 1
    sides = measure_sides(offsets, document, first, last, window)

    def count(sums: NDArray[np.int64], rows: tuple[int, int]) -> tuple[NDArray[Any], ...]:
        end_if_stopped()
        row, last_row = rows
        most = int(np.minimum(np.diff(starts[row : last_row + 1]) * (2 * window), n_ids).sum())
        columns, values = np.empty(most, np.int32), np.empty(most, np.int64)
        ends = np.empty(last_row - row, np.int64)
        n = count_neighbours(
            ids, first, positions, starts, sides, row, last_row, weights, sums, columns, values, ends
        )
        return columns[:n].copy(), values[:n].copy(), np.diff(ends, prepend=0)

    parts = map_ordered(count, _split_rows(starts), workers, lambda: np.zeros(n_ids, np.int64))
    with closing(parts):
        columns, values, lengths = map(np.concatenate, zip(*parts, strict=True))
    matrix = csr_array((values, columns, lengths_to_offsets(lengths)), shape=(n_ids, n_ids))
    return NeighbourCounts(matrix.tocsc().tocsr(), np.diff(starts))  # two transpositions sort the columns


def _split_rows(starts: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield consecutive ranges of ids, each with about `PART` positions."""
    n_ids, n = len(starts) - 1, int(starts[-1])
    limits = np.searchsorted(starts, np.arange(PART, n, PART))
    borders = np.unique(np.concatenate([[0], limits, [n_ids]]))
    yield from pairwise(borders.tolist())
