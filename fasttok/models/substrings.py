"""`Substrings`: all substrings of the words, found by sorting the suffixes of the words."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fasttok.core.parallel import end_if_stopped, map_ordered
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.models._suffixes import (
    count_arcs,
    count_keys,
    fill_arcs,
    fill_buckets,
    find_substrings,
    link_substrings,
    list_substrings,
    measure_common,
    pack_symbols,
    sort_buckets,
)

BUCKET_BITS = 16  # suffixes are divided into groups by so many bits of their first symbols
PART = 1 << 17  # number of suffixes per part, after which the stop flag is checked


class Substrings:
    """Sorted suffixes of words: the suffixes that begin with a substring are an interval of them.

    A suffix goes from a position to the end of its word, but has at most `longest` symbols. A position is an
    index into all symbols of the words.

    Parameters
    ----------
    words : Ragged of uint32
        Symbols of each word, numbered from 0. A word is a distinct pretoken, or a part of one.
    n_symbols : int
        Number of different symbols.
    longest : int
        Maximum length of a suffix in symbols.
    workers : int
        Number of threads that sort.

    Notes
    -----
    As many symbols as fit 64 bits are sorted as one number. Suffixes in which these symbols are the same are
    then sorted by the next ones, and so on (Bentley & Sedgewick 1997). The time is O(n log n) for n symbols
    of natural text. Sorting and listing frequent substrings take up to 100 bytes per symbol.
    """

    def __init__(self, words: Ragged, n_symbols: int, longest: int, workers: int = 1) -> None:
        self._workers = workers
        self.words = words
        self.longest = longest
        n = len(words.values)
        ends = np.repeat(words.offsets[1:], words.lengths)
        self._suffix_lengths = np.minimum(ends - np.arange(n), longest).astype(np.int32)
        self._order = self._sort(n_symbols)

    def _sort(self, n_symbols: int) -> NDArray[np.int64]:
        """Return the positions sorted by their suffixes; a prefix of another suffix comes first."""
        lengths, n = self._suffix_lengths, len(self.words.values)
        bits = n_symbols.bit_length()  # symbols are shifted by one, as 0 marks the end of a suffix
        depth = min(64 // bits, self.longest)
        keys, entries, order = np.empty(n, np.uint64), np.empty((n, 2), np.uint64), np.empty(n, np.int64)
        pack_symbols(self.words.values, lengths, bits, depth, keys)
        shift = max(bits * depth - BUCKET_BITS, 0)
        starts = np.zeros((1 << min(bits * depth, BUCKET_BITS)) + 1, np.int64)
        count_keys(keys, shift, starts)
        np.cumsum(starts, out=starts)
        fill_buckets(keys, shift, starts[:-1].copy(), entries)

        def sort(_: int, part: tuple[int, int]) -> None:
            end_if_stopped()
            sort_buckets(entries, keys, lengths, starts, *part, bits, depth, self.longest, order)

        bounds = np.searchsorted(starts[:-1], np.arange(0, n, PART), side="right") - 1
        bounds = np.unique(np.concatenate([[0], bounds, [len(starts) - 1]]))
        for _ in map_ordered(sort, pairwise(bounds.tolist()), self._workers, int):
            pass
        return order

    def frequent(
        self, counts: NDArray[np.int64], min_count: int, shortest: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the substrings that are long and frequent enough, with their frequencies.

        A substring that is always followed by the same symbol is skipped; the longer substring with this
        symbol is returned instead. A substring comes after all substrings that begin with it, as in a
        traversal of the suffix tree that visits children first.

        Parameters
        ----------
        counts : ndarray of int64
            Number of occurrences of each word.
        min_count : int
            Minimum frequency.
        shortest : int
            Minimum length in symbols.

        Returns
        -------
        rows : ndarray of int64, shape (k, 3)
            One row per substring: its length, the index of the first suffix that begins with it, and one more
            than the index of the last.
        frequencies : ndarray of int64, shape (k,)
            Number of occurrences of each substring.
        """
        order, n = self._order, len(self._order)
        common = np.zeros(n, np.int32)

        def measure(_: int, first: int) -> None:
            last = min(first + PART, n)
            measure_common(self.words.values, self._suffix_lengths, order, first, last, common)

        for _ in map_ordered(measure, range(1, n, PART), self._workers, int):
            pass
        weights = self._sum_weights(counts)
        rows = np.empty((2 * n, 3), np.int64)
        stack = np.empty((self.longest + 2, 2), np.int64)
        k = list_substrings(self._suffix_lengths, order, common, weights, min_count, shortest, rows, stack)
        rows = rows[:k].copy()
        return rows, weights[rows[:, 2]] - weights[rows[:, 1]]

    def weigh(self, rows: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of occurrences of each substring, given by its row as from `frequent`."""
        weights = self._sum_weights(counts)
        return weights[rows[:, 2]] - weights[rows[:, 1]]

    def _sum_weights(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return cumulative counts of the sorted suffixes: entry i is the total of the first i."""
        return lengths_to_offsets(np.repeat(counts, self.words.lengths)[self._order])

    def find(self, strings: Ragged) -> NDArray[np.int64]:
        """Return one row per string, with the columns of the rows of `frequent`.

        The two indices are equal if the string does not occur. Each string takes O(log n) comparisons.
        """
        rows = np.empty((len(strings), 3), np.int64)
        find_substrings(
            self.words.values, self._suffix_lengths, self._order, strings.values, strings.offsets, rows
        )
        return rows

    @staticmethod
    def are_among(rows: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return whether each substring in `rows` is also in `others`, which are rows from `find`."""
        found = others[others[:, 2] > others[:, 1]]
        scale = int(rows[:, 0].max(initial=0)) + int(found[:, 0].max(initial=0)) + 1
        return np.isin(rows[:, 1] * scale + rows[:, 0], found[:, 1] * scale + found[:, 0])

    def arcs(self, rows: NDArray[np.int64], first_piece: int) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
        """Return the occurrences of the substrings by position, as the offsets and arcs of the `_em` kernels.

        Pieces are the single symbols, with their own numbers, and the substrings, numbered from
        `first_piece` in the order of `rows`.
        """
        symbols = self.words.values
        order, n = self._order, len(symbols)
        outermost_first = np.lexsort((rows[:, 0], rows[:, 1]))
        rows = rows[outermost_first]
        pieces = (outermost_first + first_piece).astype(np.uint32)
        offsets = np.zeros(n + 1, np.int64)
        offsets[1:] = 1

        def begin(first: int) -> tuple[int, int, int, int, NDArray[np.int64]]:
            """Return the parameters of the kernels for the part that begins at a sorted suffix."""
            next_row = int(np.searchsorted(rows[:, 1], first))
            enclosing = np.flatnonzero(rows[:next_row, 2] > first)
            stack = np.empty(len(rows), np.int64)
            stack[: len(enclosing)] = enclosing
            return first, min(first + part, n), next_row, len(enclosing), stack

        def count(_: int, first: int) -> None:
            end_if_stopped()
            count_arcs(order, rows, *begin(first), offsets)

        def fill(_: int, first: int) -> None:
            end_if_stopped()
            fill_arcs(order, rows, pieces, *begin(first), offsets, arcs)

        part = max(PART, n // 64)
        for _ in map_ordered(count, range(0, n, part), self._workers, int):
            pass
        np.cumsum(offsets, out=offsets)
        arcs = np.empty(offsets[-1], np.uint32)
        arcs[offsets[:-1]] = symbols | np.uint32(1 << 24)
        for _ in map_ordered(fill, range(0, n, part), self._workers, int):
            pass
        return offsets, arcs

    def tree(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the suffix tree of the substrings, whose rows are those of ``frequent(counts, 1, 1)``.

        Returns
        -------
        parents : ndarray of int64
            Row of each substring's longest proper prefix among the substrings; -1 if there is none.
        leaves : ndarray of int64
            For each position, the row of the substring that is the whole suffix.
        """
        parents, leaves = np.empty(len(rows), np.int64), np.empty(len(self._order), np.int64)
        stack = np.empty(self.longest + 1, np.int64)
        link_substrings(self._suffix_lengths, self._order, rows, parents, leaves, stack)
        return parents, leaves

    def place(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the position of one occurrence of each substring in `rows`."""
        return self._order[rows[:, 1]]
