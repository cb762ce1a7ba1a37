"""`Substrings`: all substrings of the words, found by sorting the suffixes of the words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fasttok.core.parallel import map_ordered
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.models._suffixes import (
    count_arcs,
    fill_arcs,
    find_substrings,
    link_substrings,
    list_substrings,
    measure_common,
)

FEW = 1 << 16  # up to this number of keys, one thread sorts faster than two
PART = 1 << 21  # number of keys that are sorted at once


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
        Number of threads that sort; more than two have no effect.

    Notes
    -----
    Suffixes are sorted by prefix doubling (Manber & Myers 1993, section 3). The first step compares as many
    symbols as fit 64 bits; doubling stops at `longest`. The time is O(n log n) for n symbols. Sorting and
    listing frequent substrings take up to 100 bytes per symbol.
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
        symbols, suffix_lengths, n = self.words.values, self._suffix_lengths, len(self.words.values)

        def ahead(values: NDArray[np.uint64], k: int) -> NDArray[np.uint64]:
            """Return, per position, the value k positions later; 0 if this is after the end of the suffix."""
            found = np.zeros(n, np.uint64)
            np.copyto(found[: max(n - k, 0)], values[k:], where=suffix_lengths[: max(n - k, 0)] > k)
            return found

        bits = n_symbols.bit_length()  # symbols are shifted by one, as 0 marks the end of a suffix
        depth = min(64 // bits, self.longest)
        keys = np.zeros(n, np.uint64)
        for k in range(depth):
            keys <<= np.uint64(bits)
            keys |= ahead(symbols + np.uint64(1), k)
        order = self._sorted(keys)
        while depth < self.longest:
            ordered = keys[order]
            is_new = np.concatenate([[True], ordered[1:] != ordered[:-1]])
            # A suffix that differs from both neighbours is at its final position.
            is_tied = ~(is_new & np.append(is_new[1:], True))
            if not is_tied.any():
                break
            ranks = np.empty(n, np.uint64)
            ranks[order] = np.cumsum(is_new, dtype=np.uint64)
            keys = ranks << np.uint64(32) | ahead(ranks, depth)
            tied = order[is_tied]
            order[is_tied] = tied[self._sorted(keys[tied])]
            depth *= 2
        return order

    def _sorted(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return the order that sorts the keys; equal keys may come in any order."""
        if len(keys) < FEW:
            return np.argsort(keys)
        # In parts, since neither threads nor Ctrl-C can divide a sort of NumPy.
        n_parts = 2 + len(keys) // PART
        sample = np.sort(keys[:: len(keys) // 1024])
        pivots = sample[len(sample) * np.arange(1, n_parts) // n_parts]

        def place(_: int, start: int) -> NDArray[np.uint16]:
            return np.searchsorted(pivots, keys[start : start + PART], side="right").astype(np.uint16)

        def sort(_: int, part: NDArray[np.int64]) -> NDArray[np.int64]:
            return part[np.argsort(keys[part])]

        starts = range(0, len(keys), PART)
        places = np.concatenate(list(map_ordered(place, starts, self._workers, int)))
        parts = (np.flatnonzero(places == i) for i in range(n_parts))
        return np.concatenate(list(map_ordered(sort, parts, self._workers, int)))

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
        measure_common(self.words.values, self._suffix_lengths, order, common)
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
        `first_piece`. `rows` must be sorted by length.
        """
        symbols = self.words.values
        offsets = np.zeros(len(symbols) + 1, np.int64)
        offsets[1:] = 1
        count_arcs(self._order, rows, offsets)
        np.cumsum(offsets, out=offsets)
        arcs = np.empty(offsets[-1], np.uint32)
        arcs[offsets[:-1]] = symbols | np.uint32(1 << 24)
        fill_arcs(self._order, rows, first_piece, offsets[:-1] + 1, arcs)
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
