"""`Substrings`: all substrings of the words, found by sorting the suffixes of the words."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fasttok.core.parallel import end_if_stopped, map_all
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.models._suffixes import (
    count_keys,
    fill_buckets,
    find_substrings,
    link_substrings,
    list_substrings,
    mark_longest,
    measure_common,
    measure_suffixes,
    nest_substrings,
    pack_symbols,
    share_suffixes,
    sort_buckets,
    weigh_suffixes,
)

BUCKET_BITS = 16  # suffixes are divided into groups by so many bits of their first symbols
PART = 1 << 17  # number of suffixes per part, after which the stop flag is checked
SORTED = 255  # number of symbols by which words are sorted


def sort_words(
    words: Ragged, n_symbols: int, workers: int = 1
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Sort words by their first 255 symbols.

    Parameters
    ----------
    words : Ragged of uint32
        Symbols of each word, numbered from 0.
    n_symbols : int
        Number of different symbols.
    workers : int
        Number of threads.

    Returns
    -------
    order : ndarray of int64, shape (k,)
        Indices of the words in sorted order.
    shared : ndarray of int32, shape (k,)
        Number of symbols, at most 255, that each of these words and the one before it have in common at their
        starts.
    """
    lengths = np.empty(len(words.values), np.int32)
    measure_suffixes(words.offsets, SORTED, lengths)
    nonempty = np.flatnonzero(words.lengths)
    positions = words.offsets[nonempty]
    word_at = np.empty(len(words.values), np.int64)
    word_at[positions] = nonempty
    starts = _sort(words.values, lengths, positions, n_symbols, SORTED, workers)
    shared = _measure_common(words.values, lengths, starts, workers)
    empty = np.flatnonzero(words.lengths == 0)
    return np.concatenate([empty, word_at[starts]]), np.concatenate([np.zeros(len(empty), np.int32), shared])


def _sort(
    symbols: NDArray[np.uint32],
    lengths: NDArray[np.int32],
    positions: NDArray[np.int64],
    n_symbols: int,
    longest: int,
    workers: int,
) -> NDArray[np.int64]:
    """Return positions sorted by the first `longest` symbols of their suffixes; a prefix comes first."""
    n = len(positions)
    bits = n_symbols.bit_length()  # symbols are shifted by one, as 0 marks the end of a suffix
    depth = min(64 // bits, longest)
    keys, entries = np.empty(len(symbols), np.uint64), np.empty((n, 2), np.uint64)
    order = np.empty(n, np.int64)
    pack_symbols(symbols, lengths, bits, depth, keys)
    shift = max(bits * depth - BUCKET_BITS, 0)
    starts = np.zeros((1 << min(bits * depth, BUCKET_BITS)) + 1, np.int64)
    count_keys(keys, positions, shift, starts)
    np.cumsum(starts, out=starts)
    fill_buckets(keys, positions, shift, starts[:-1].copy(), entries)

    def sort(part: tuple[int, int]) -> None:
        end_if_stopped()
        sort_buckets(entries, keys, lengths, starts, *part, bits, depth, longest, order)

    bounds = np.searchsorted(starts[:-1], np.arange(0, n, PART), side="right") - 1
    bounds = np.unique(np.concatenate([[0], bounds, [len(starts) - 1]]))
    map_all(sort, pairwise(bounds.tolist()), workers)
    return order


def _measure_common(
    symbols: NDArray[np.uint32], lengths: NDArray[np.int32], order: NDArray[np.int64], workers: int
) -> NDArray[np.int32]:
    """Return the length of the common prefix of each sorted suffix and the one before it."""
    n = len(order)
    common = np.zeros(n, np.int32)

    def measure(first: int) -> None:
        end_if_stopped()
        measure_common(symbols, lengths, order, first, min(first + PART, n), common)

    map_all(measure, range(1, n, PART), workers)
    return common


@dataclass(frozen=True, eq=False)
class Chains:
    """Occurrences of substrings by position.

    The substrings that begin at a position are a chain, the longest first. It is the chain of row
    ``longest[p] - 1`` of `links` for the representative p of the position, and it is empty if this is -1.

    Attributes
    ----------
    representatives : ndarray of int64, shape (n,)
        Representative of each position.
    longest : ndarray of uint32, shape (n,)
        Row of the longest substring that begins at each representative, plus 1.
    links : ndarray of uint32, shape (k, 2)
        Arc of each substring (the length in the upper 8 bits, the number in the others), and the row of the
        next one, plus 1.
    """

    representatives: NDArray[np.int64]
    longest: NDArray[np.uint32]
    links: NDArray[np.uint32]


class Substrings:
    """Sorted suffixes of words: the suffixes that begin with a substring are an interval of them.

    A suffix goes from a position to the end of its word, but has at most `longest` symbols. A position is an
    index into all symbols of the words. Of the positions whose suffixes are the same up to the end of the
    word, one represents all.

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
    Words are sorted from their ends, so that each suffix that several words share is next to itself, and is
    sorted only once; this leaves a third to a half of the suffixes of natural text. As many symbols as fit 64
    bits are sorted as one number. Suffixes in which these symbols are the same are then sorted by the next
    ones, and so on (Bentley & Sedgewick 1997). The time is O(n log n) for n symbols of natural text. Sorting
    and listing frequent substrings take up to 100 bytes per symbol.
    """

    def __init__(self, words: Ragged, n_symbols: int, longest: int, workers: int = 1) -> None:
        self._workers = workers
        self.words = words
        self.longest = longest
        n = len(words.values)
        reversed_words = Ragged(words.values[::-1].copy(), n - words.offsets[::-1])
        by_end, self._shared = sort_words(reversed_words, n_symbols, workers)
        self._by_end = len(words) - 1 - by_end
        self._representatives = np.empty(n, np.int64)
        share_suffixes(words.offsets, self._by_end, self._shared, self._stack(), self._representatives)
        self._suffix_lengths = np.empty(n, np.int32)
        measure_suffixes(words.offsets, longest, self._suffix_lengths)
        # In ascending order, so that keys are read one after the other.
        positions = np.flatnonzero(self._representatives == np.arange(n))
        self._order = _sort(words.values, self._suffix_lengths, positions, n_symbols, longest, workers)

    def _stack(self) -> NDArray[np.int64]:
        """Return a buffer of zeros, one per symbol of the longest word."""
        return np.zeros(int(self.words.lengths.max(initial=0)) + 1, np.int64)

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
        common = _measure_common(self.words.values, self._suffix_lengths, order, self._workers)
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
        weights = np.empty(len(self.words.values), np.int64)
        weigh_suffixes(self.words.offsets, self._by_end, self._shared, counts, self._stack(), weights)
        return lengths_to_offsets(weights[self._order])

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
        if len(found) == 0:
            return np.zeros(len(rows), np.bool_)
        scale = int(rows[:, 0].max(initial=0)) + int(found[:, 0].max(initial=0)) + 1
        return np.isin(rows[:, 1] * scale + rows[:, 0], found[:, 1] * scale + found[:, 0])

    def chains(self, rows: NDArray[np.int64], first_piece: int) -> Chains:
        """Return the occurrences of the substrings, which are numbered from `first_piece` on, by position."""
        order, n = self._order, len(self._order)
        outermost_first = np.lexsort((rows[:, 0], rows[:, 1]))
        outermost_first = outermost_first[rows[outermost_first, 2] > rows[outermost_first, 1]]
        rows = rows[outermost_first]
        parents, links = np.empty(len(rows), np.int64), np.empty((len(rows), 2), np.uint32)
        nest_substrings(rows, (outermost_first + first_piece).astype(np.uint32), parents, links)
        longest = np.zeros(len(self.words.values), np.uint32)

        def mark(first: int) -> None:
            end_if_stopped()
            next_row = int(np.searchsorted(rows[:, 1], first))
            mark_longest(order, rows, parents, first, min(first + PART, n), next_row, longest)

        map_all(mark, range(0, n, PART), self._workers)
        return Chains(self._representatives, longest, links)

    def tree(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the suffix tree of the substrings, whose rows are those of ``frequent(counts, 1, 1)``.

        Returns
        -------
        parents : ndarray of int64
            Row of each substring's longest proper prefix among the substrings; -1 if there is none.
        leaves : ndarray of int64
            For each position, the row of the substring that is the whole suffix.
        """
        parents, leaves = np.empty(len(rows), np.int64), np.empty(len(self.words.values), np.int64)
        stack = np.empty(self.longest + 1, np.int64)
        link_substrings(self._suffix_lengths, self._order, rows, parents, leaves, stack)
        return parents, leaves[self._representatives]

    def place(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the position of one occurrence of each substring in `rows`."""
        return self._order[rows[:, 1]]
