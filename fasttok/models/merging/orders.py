"""Orders of merging: values that say which pair `learn_merges` merges next.

An order brings the loop that runs in it, the arrays that this loop needs besides those of the text, and how
much memory they take. To add one, derive a frozen dataclass from `Order`, here or elsewhere; the engine asks
nothing else. Kernels are imported when they are asked for, as Numba is slow to import.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged


@dataclass(frozen=True, eq=False)
class Histogram:
    """The pairs of the text before the first merge, as the kernels have them.

    Attributes
    ----------
    words : Ragged of uint32
        The text in symbols, a row per pretoken.
    weights : ndarray of int64
        How often each row occurs.
    count : ndarray of int64, shape (p,)
        How often each pair occurs, by slot; only the first ``reg[N_PAIRS]`` slots are in use.
    pairs : ndarray of int64, shape (p, 4)
        The symbols of each pair, and its postings.
    piece_offsets : ndarray of int64, shape (n_symbols + 1,)
        Where the string of each symbol begins; those of the alphabet are set.
    reg : ndarray of int64
        The registers.
    """

    words: Ragged
    weights: NDArray[np.int64]
    count: NDArray[np.int64]
    pairs: NDArray[np.int64]
    piece_offsets: NDArray[np.int64]
    reg: NDArray[np.int64]


class Order(ABC):
    """The order in which pairs are merged.

    Attributes
    ----------
    bytes_per_pair : int
        About how much memory a distinct pair takes.
    """

    bytes_per_pair: ClassVar[int]

    @property
    @abstractmethod
    def loop(self) -> Any:
        """The kernel that merges in this order; its parameters are those of `run_merges`."""

    @abstractmethod
    def begin(self, text: Histogram) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
        """Set the registers of the order and make the arrays that its loop takes last.

        Returns
        -------
        by_pair : list of ndarray
            Those with an entry a slot, as long as `count`; the engine enlarges them with it.
        by_symbol : list of ndarray
            Those with an entry a symbol.

        Raises
        ------
        OverflowError
            If the text is too large for it.
        """


@dataclass(frozen=True)
class Frequency(Order):
    """The most frequent pair first.

    Parameters
    ----------
    shortest_first : bool
        How ties break. False: the pair of lesser symbols goes first. True: the pair whose joined string is
        shorter, then the one whose string is lesser, then the pair of lesser symbols.
    """

    shortest_first: bool = False

    bytes_per_pair = 64

    @property
    def loop(self) -> Any:
        from fasttok.models.merging import kernels

        return kernels.run_merges

    def begin(self, text: Histogram) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
        from fasttok.models.merging import kernels as k

        n_pairs, reg = text.reg[k.N_PAIRS], text.reg
        reg[k.BY_LENGTH] = self.shortest_first
        reg[k.FLOOR] = max(text.count[:n_pairs].max(initial=0) + 1, reg[k.MIN_COUNT])
        heap = np.empty((len(text.count), 3), np.int64)
        return [heap], []


@dataclass(frozen=True)
class Likelihood(Order):
    """The pair (x, y) of greatest f(xy) / (f(x) f(y)) first, where f is how often it occurs by now.

    The scores are compared exactly. Ties go to the pair of lesser symbols.
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


def check_total(what: str, weights: NDArray[np.int64], lengths: NDArray[np.int64]) -> None:
    """Refuse a text whose rows, counted as often as they occur, hold 2^63 of something.

    Raises
    ------
    OverflowError
        If they do.
    """
    if float(weights @ lengths.astype(np.float64)) >= 2.0**62:
        total = sum(a * b for a, b in zip(weights.tolist(), lengths.tolist(), strict=True))
        if total >= 1 << 63:
            raise OverflowError(f"{total:,} {what} in the corpus; the most is 2^63 - 1")
