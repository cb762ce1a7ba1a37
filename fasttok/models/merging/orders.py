"""Orders of merging: values that determine which pair `learn_merges` merges next.

An order has its own kernel, the arrays that only this kernel uses, and an estimate of the memory per pair. A
new order is a frozen dataclass derived from `Order`, in any module; the engine does not change. Kernels are
imported at first use, because importing Numba is slow.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged, total_length


@dataclass(frozen=True, eq=False)
class Histogram:
    """Pairs of the words before the first merge, in the arrays of the kernels.

    Attributes
    ----------
    words : Ragged of uint32
        Symbols of each word. A word is a distinct pretoken, or a part of one.
    weights : ndarray of int64
        Number of occurrences of each row.
    count : ndarray of int64, shape (p,)
        Number of occurrences of each pair, by slot. Only the first ``reg[N_PAIRS]`` slots are in use.
    pairs : ndarray of int64, shape (p, 4)
        Columns LEFT, RIGHT, START and SIZE of each pair.
    piece_offsets : ndarray of int64, shape (n_symbols + 1,)
        Offsets of the strings of the symbols; only those of the alphabet are set.
    reg : ndarray of int64
        Registers of the kernels.
    """

    words: Ragged
    weights: NDArray[np.int64]
    count: NDArray[np.int64]
    pairs: NDArray[np.int64]
    piece_offsets: NDArray[np.int64]
    reg: NDArray[np.int64]


class Order(ABC):
    """Base class of the orders in which pairs are merged.

    Attributes
    ----------
    bytes_per_pair : int
        Approximate memory per distinct pair.
    """

    bytes_per_pair: ClassVar[int]

    @property
    @abstractmethod
    def loop(self) -> Any:
        """Kernel that merges in this order.

        Its parameters are those of `run_merges` up to `budget`, then the arrays that `begin` returns. It
        returns a status, as `run_merges` does.
        """

    @abstractmethod
    def begin(self, text: Histogram) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
        """Set the registers of the order and return the arrays that are the last arguments of its loop.

        Parameters
        ----------
        text : Histogram
            Pairs before the first merge.

        Returns
        -------
        by_pair : list of ndarray
            Arrays with one entry per slot, as long as `count`. The engine enlarges them together with
            `count`.
        by_symbol : list of ndarray
            Arrays with one entry per symbol.

        Raises
        ------
        OverflowError
            If the counts are too large for this order.
        """

    @abstractmethod
    def find_best(
        self,
        n: int,
        count: NDArray[np.int64],
        pairs: NDArray[np.int64],
        strings: tuple[NDArray[np.uint32], NDArray[np.int64]],
        by_pair: list[NDArray[Any]],
        by_symbol: list[NDArray[Any]],
        reg: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """Return the slots of the `n` pairs that come first in this order, or of all if there are fewer.

        Only pairs that may be merged are found. Time is at most O(p) for p slots.

        Parameters
        ----------
        n : int
            Number of pairs.
        count, pairs, reg : ndarray of int64
            Arrays of the kernels.
        strings : tuple of ndarray
            Arrays `piece_values` and `piece_offsets` of the kernels.
        by_pair, by_symbol : list of ndarray
            Arrays that `begin` has returned.
        """


@dataclass(frozen=True, eq=False)
class Joins:
    """Rules for the pairs that `Frequency` may merge.

    Attributes
    ----------
    traits : ndarray of int64
        Traits of each symbol of the alphabet; see `fasttok.models.merging.joins`.
    forbidden_left, forbidden_right : int
        Flags that the left and the right symbol of a pair must not have.
    marks_alone : bool
        Whether strings that consist of ▁ alone are exempt from the flags.
    """

    traits: NDArray[np.int64]
    forbidden_left: int = 0
    forbidden_right: int = 0
    marks_alone: bool = False


@dataclass(frozen=True)
class Frequency(Order):
    """Order by frequency: the most frequent pair is merged first.

    Parameters
    ----------
    ties : {"ids", "shortest", "largest"}
        Order of equally frequent pairs. "ids": the pair with the smaller left symbol is merged first, then
        the one with the smaller right symbol. "shortest": the pair with the shorter joined string, then the
        one whose string is lexicographically smaller. "largest": the pair whose left string is
        lexicographically larger, then the one whose right string is. If both strings are the same, "shortest"
        and "largest" decide as "ids" does.
    joins : Joins, optional
        Pairs that may be merged; default: all that are short enough.
    """

    ties: Literal["ids", "shortest", "largest"] = "ids"
    joins: Joins | None = None

    bytes_per_pair = 64

    @property
    def loop(self) -> Any:
        from fasttok.models.merging import kernels

        return kernels.run_merges

    def begin(self, text: Histogram) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
        from fasttok.models.merging import kernels as k

        n_pairs, reg = text.reg[k.N_PAIRS], text.reg
        reg[k.TIES] = {"ids": k.BY_SYMBOLS, "shortest": k.SHORTEST, "largest": k.LARGEST}[self.ties]
        reg[k.FLOOR] = max(text.count[:n_pairs].max(initial=0) + 1, reg[k.MIN_COUNT])
        n_alphabet = reg[k.N_SYMBOLS]
        traits = np.empty(len(text.piece_offsets) - 1, np.int64)
        if self.joins is None:
            traits[:n_alphabet] = np.diff(text.piece_offsets[: n_alphabet + 1])
        else:
            traits[:n_alphabet] = self.joins.traits
            reg[k.FORBIDDEN_LEFT] = self.joins.forbidden_left
            reg[k.FORBIDDEN_RIGHT] = self.joins.forbidden_right
            reg[k.MARKS_ALONE] = self.joins.marks_alone
        heap = np.empty((len(text.count), 3), np.int64)
        return [heap], [traits]

    def find_best(
        self,
        n: int,
        count: NDArray[np.int64],
        pairs: NDArray[np.int64],
        strings: tuple[NDArray[np.uint32], NDArray[np.int64]],
        by_pair: list[NDArray[Any]],
        by_symbol: list[NDArray[Any]],
        reg: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        from fasttok.models.merging import candidates

        slots, heap, traits = np.empty(n, np.int64), by_pair[0], by_symbol[0]
        return slots[: candidates.list_most_frequent(count, pairs, *strings, heap, traits, reg, slots)]

    def find_pairs(
        self, pairs: NDArray[np.int64], by_symbol: list[NDArray[Any]], reg: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return the pairs of symbols that occurred at some time and may be merged: shape (n, 2)."""
        from fasttok.models.merging import kernels as k

        may_be_merged = np.empty(int(reg[k.N_PAIRS]), np.bool_)
        k.mark_joinable(pairs, by_symbol[0], reg, may_be_merged)
        found: NDArray[np.int64] = pairs[: len(may_be_merged), :2][may_be_merged]
        return found


@dataclass(frozen=True)
class Likelihood(Order):
    """Order by likelihood: the pair (x, y) with the greatest score f(xy) / (f(x) f(y)) is merged first.

    f is the current number of occurrences. Scores are compared exactly. Of pairs with equal scores, the one
    with the smaller left symbol is merged first, then the one with the smaller right symbol.
    """

    bytes_per_pair = 104

    @property
    def loop(self) -> Any:
        from fasttok.models.merging import likelihood

        return likelihood.run_likely_merges

    def begin(self, text: Histogram) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
        from fasttok.models.merging import likelihood

        words, n_symbols = text.words, len(text.piece_offsets) - 1
        check_total("symbols", text.weights, words.lengths)
        frequencies = np.zeros(n_symbols, np.int64)
        np.add.at(frequencies, words.values, np.repeat(text.weights, words.lengths))
        by_pair = [np.empty((len(text.count), *shape), dtype) for shape, dtype in likelihood.BY_PAIR]
        by_symbol = [frequencies, np.full((n_symbols, 2), -1)]
        likelihood.add_pairs(text.count, text.pairs, text.piece_offsets, text.reg, 0, *by_pair, *by_symbol)
        return by_pair, by_symbol

    def find_best(
        self,
        n: int,
        count: NDArray[np.int64],
        pairs: NDArray[np.int64],
        strings: tuple[NDArray[np.uint32], NDArray[np.int64]],
        by_pair: list[NDArray[Any]],
        by_symbol: list[NDArray[Any]],
        reg: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        from fasttok.models.merging import candidates

        slots, frequencies = np.empty(n, np.int64), by_symbol[0]
        scratch = np.empty((n + 1, 3), np.int64), np.empty(n + 1), np.empty((n + 1, 2), np.int64)
        found = candidates.list_likeliest(count, pairs, strings[1], reg, frequencies, *scratch, slots)
        return slots[:found]


def check_total(what: str, weights: NDArray[np.int64], lengths: NDArray[np.int64]) -> None:
    """Raise an OverflowError if the sum of ``weights * lengths`` is 2^63 or more.

    `what` names the things that are counted, for the message.
    """
    if total_length(lengths, weights) >= 2.0**62:
        total = sum(a * b for a, b in zip(weights.tolist(), lengths.tolist(), strict=True))
        if total >= 1 << 63:
            raise OverflowError(f"the corpus has {total:,} {what}; the maximum is 2^63 - 1")
