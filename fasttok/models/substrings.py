"""`Substrings`: every substring of the words, and where each stands."""

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

FEW = 1 << 16  # keys that one thread sorts sooner than two


class Substrings:
    """The suffixes of words in order, by their first symbols.

    Parameters
    ----------
    words : Ragged of uint32
        Symbols from 0 on, a row per distinct pretoken.
    n_symbols : int
        How many different ones there are.
    longest : int
        How many symbols of a suffix are looked at.
    workers : int
        Threads to sort with.

    Notes
    -----
    Prefix doubling (Manber & Myers 1993, section 3), which begins with as many symbols as fit a word of 64
    bits and ends at `longest`: O(n log n) for n symbols, and up to 100 bytes a symbol
    while they are sorted and what is frequent is listed.
    """

    def __init__(self, words: Ragged, n_symbols: int, longest: int, workers: int = 1) -> None:
        self._workers = workers
        self.words = words
        self.longest = longest
        n = len(words.values)
        ends = np.repeat(words.offsets[1:], words.lengths)
        self._room = np.minimum(ends - np.arange(n), longest).astype(np.int32)
        self._order = self._sort(n_symbols)

    def _sort(self, n_symbols: int) -> NDArray[np.int64]:
        """The positions, ordered by what is in their room, the shorter first."""
        symbols, room, n = self.words.values, self._room, len(self.words.values)

        def ahead(values: NDArray[np.uint64], k: int) -> NDArray[np.uint64]:
            """Of every position the value k places on, 0 where that is behind the room."""
            found = np.zeros(n, np.uint64)
            np.copyto(found[: max(n - k, 0)], values[k:], where=room[: max(n - k, 0)] > k)
            return found

        bits = n_symbols.bit_length()  # 0 stands for what is behind the end of a word
        depth = min(64 // bits, self.longest)
        keys = np.zeros(n, np.uint64)
        for k in range(depth):
            keys <<= np.uint64(bits)
            keys |= ahead(symbols + np.uint64(1), k)
        order = self._sorted(keys)
        while depth < self.longest:
            ordered = keys[order]
            is_new = np.concatenate([[True], ordered[1:] != ordered[:-1]])
            # Alone in its place, a suffix stays there.
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
        """The order of keys; of equal ones any."""
        if len(keys) < FEW:
            return np.argsort(keys)
        pivot = np.sort(keys[:: len(keys) // 1024])[512]
        is_low = keys < pivot

        def sort(_: int, part: NDArray[np.int64]) -> NDArray[np.int64]:
            return part[np.argsort(keys[part])]

        halves = [np.flatnonzero(is_low), np.flatnonzero(~is_low)]
        return np.concatenate(list(map_ordered(sort, halves, range(self._workers))))

    def frequent(
        self, counts: NDArray[np.int64], min_count: int, shortest: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The substrings that are long enough and occur often enough, and how often they do.

        Of substrings that always go on with the same symbol, only the longest is among them. They stand as in
        the suffix tree from its leaves on: what begins with a substring stands before it.

        Parameters
        ----------
        counts : ndarray of int64
            How often each word occurs.
        min_count : int
            The least occurrences.
        shortest : int
            The least symbols.

        Returns
        -------
        rows : ndarray of int64, shape (k, 3)
            Length; the first suffix that begins so; one past the last.
        frequencies : ndarray of int64, shape (k,)
        """
        order, n = self._order, len(self._order)
        common = np.zeros(n, np.int32)
        measure_common(self.words.values, self._room, order, common)
        weights = self._sum_weights(counts)
        rows = np.empty((2 * n, 3), np.int64)
        stack = np.empty((self.longest + 2, 2), np.int64)
        k = list_substrings(self._room, order, common, weights, min_count, shortest, rows, stack)
        rows = rows[:k].copy()
        return rows, weights[rows[:, 2]] - weights[rows[:, 1]]

    def weigh(self, rows: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """How often each of the substrings occurs."""
        weights = self._sum_weights(counts)
        return weights[rows[:, 2]] - weights[rows[:, 1]]

    def _sum_weights(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """How often the suffixes before each place in the order occur together."""
        return lengths_to_offsets(np.repeat(counts, self.words.lengths)[self._order])

    def find(self, strings: Ragged) -> NDArray[np.int64]:
        """The rows of given strings of symbols, in the form of `frequent`; O(log n) a string."""
        rows = np.empty((len(strings), 3), np.int64)
        find_substrings(self.words.values, self._room, self._order, strings.values, strings.offsets, rows)
        return rows

    @staticmethod
    def are_among(rows: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which substrings are one of the others: of the same length, beginning in the same suffix."""
        found = others[others[:, 2] > others[:, 1]]
        scale = int(rows[:, 0].max(initial=0)) + int(found[:, 0].max(initial=0)) + 1
        return np.isin(rows[:, 1] * scale + rows[:, 0], found[:, 1] * scale + found[:, 0])

    def arcs(self, rows: NDArray[np.int64], first_piece: int) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
        """Where each of the substrings stands, by position: offsets and arcs as `_em` takes them.

        The pieces are the single symbols, numbered as they are, and the substrings, from `first_piece` on;
        `rows` must stand by length.
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
        """The suffix tree of all substrings of one symbol and more, in the order of `frequent`.

        Returns
        -------
        parents : ndarray of int64
            Of every substring the longest other one that it begins with, by its row; -1 where there is none.
        leaves : ndarray of int64
            The row of the substring from each position to the end of its room.
        """
        parents, leaves = np.empty(len(rows), np.int64), np.empty(len(self._order), np.int64)
        stack = np.empty(self.longest + 1, np.int64)
        link_substrings(self._room, self._order, rows, parents, leaves, stack)
        return parents, leaves

    def place(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """A position at which each substring stands."""
        return self._order[rows[:, 1]]
