"""Smoothing: probabilities from counts of n-grams."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fasttok.lm.levels import NO_NODE, Level

Floats = NDArray[np.float64]
Nodes = NDArray[np.int64]
# Discounts of KenLM's option --discount_fallback, for counts too few to estimate them.
FALLBACK = (0.5, 1.0, 1.5)


class Smoothing(ABC):
    """Probabilities of symbols after contexts.

    Parameters
    ----------
    levels : sequence of Level
        Counts of the n-grams of the lengths from 1 on.
    n_symbols : int
        Number of symbols that can be predicted, from 0 on; the begin symbol is this number.
    """

    def __init__(self, levels: Sequence[Level], n_symbols: int) -> None:
        self.levels = levels
        self.n_symbols = n_symbols
        sizes = [1, *map(len, levels)]
        self.children = [level.find_children(n) for level, n in zip(levels, sizes, strict=False)]
        # Sum of the counts after each context, by the length of the context.
        self.totals = [
            _sum_parts(level.counts, starts) for level, starts in zip(levels, self.children, strict=True)
        ]

    @abstractmethod
    def update(
        self, n: int, chances: Floats, contexts: Nodes, nodes: Nodes, reaches: NDArray[np.bool_]
    ) -> None:
        """Replace probabilities given contexts of length n - 1 by those given contexts of length n.

        Parameters
        ----------
        n : int
            Length of the contexts, from 0.
        chances : ndarray of float64, shape (k,)
            The probabilities, which are changed; for n = 0, those of the uniform distribution.
        contexts : ndarray of int64, shape (k,)
            Node of the context of each symbol, or `NO_NODE`.
        nodes : ndarray of int64, shape (k,)
            Node of the context followed by the symbol, or `NO_NODE`.
        reaches : ndarray of bool, shape (k,)
            Whether the document, with its begin symbol, has n symbols before the symbol.
        """

    @abstractmethod
    def spread(self, n: int, chances: Floats, context: int) -> None:
        """Do the same for the probabilities of all symbols after one context, shape (n_symbols + 1,).

        The last number, that of the begin symbol, has no meaning.
        """

    def score(self, symbols: NDArray[np.uint32]) -> Floats:
        """Return the probability of each symbol given those before it in its document.

        Documents start with the begin symbol, whose own probability has no meaning. O(n log m) for n symbols
        and m n-grams.
        """
        is_begin = symbols == self.n_symbols
        chances = np.full(len(symbols), 1 / self.n_symbols)
        contexts = nodes = np.zeros(len(symbols), np.int64)
        reaches = np.ones(len(symbols), np.bool_)
        for n, level in enumerate(self.levels):
            if n > 0:
                contexts = np.concatenate([[NO_NODE], nodes[:-1]])
                contexts[is_begin] = NO_NODE
                reaches[1:] = reaches[:-1].copy()
                reaches[is_begin] = False
            nodes = level.find(contexts, symbols)
            self.update(n, chances, contexts, nodes, reaches)
        return chances

    def distribute(self, context: Sequence[int]) -> Floats:
        """Return the probabilities of all symbols after a context, which may have the begin symbol first.

        O(n_symbols) for each length of the context.
        """
        chances = np.full(self.n_symbols + 1, 1 / self.n_symbols)
        for n in range(len(context) + 1):
            self.spread(n, chances, self._find(context[len(context) - n :]))
        return chances[:-1]

    def _find(self, gram: Sequence[int]) -> int:
        node = np.zeros(1, np.int64)
        for symbol, level in zip(gram, self.levels, strict=False):
            node = level.find(node, np.array([symbol], np.uint32))
        return int(node[0])


class KneserNey(Smoothing):
    """Interpolated Kneser-Ney smoothing with three discounts per length (Chen and Goodman 1998).

    Attributes
    ----------
    discounts : ndarray of float64, shape (order, 3)
        Number that is subtracted from counts of 1, of 2, and of 3 or more, by the length of the n-gram.
    """

    def __init__(self, levels: Sequence[Level], n_symbols: int) -> None:
        super().__init__(levels, n_symbols)
        self.discounts = np.array([find_discounts(level.counts) for level in levels])
        # Weight of the shorter context: the share of the counts after a context that is discounted.
        self._weights = []
        for level, starts, totals, discounts in zip(
            levels, self.children, self.totals, self.discounts, strict=True
        ):
            mass = np.zeros(len(totals))
            for count, discount in enumerate(discounts.tolist(), 1):
                is_counted = level.counts == count if count < 3 else level.counts >= 3
                mass += discount * _sum_parts(is_counted, starts)
            self._weights.append(mass / np.maximum(totals, 1))

    def update(
        self, n: int, chances: Floats, contexts: Nodes, nodes: Nodes, reaches: NDArray[np.bool_]
    ) -> None:
        """Interpolate with the probabilities after shorter contexts."""
        known = np.flatnonzero(contexts != NO_NODE)
        known = known[self.totals[n][contexts[known]] > 0]
        chances[known] *= self._weights[n][contexts[known]]
        counted = known[nodes[known] != NO_NODE]
        chances[counted] += self._discount(n, nodes[counted]) / self.totals[n][contexts[counted]]

    def spread(self, n: int, chances: Floats, context: int) -> None:
        """Interpolate with the probabilities after a shorter context."""
        if context == NO_NODE or not self.totals[n][context]:
            return
        nodes = np.arange(*self.children[n][context : context + 2])
        chances *= self._weights[n][context]
        chances[self.levels[n].symbols_of(nodes)] += self._discount(n, nodes) / self.totals[n][context]

    def _discount(self, n: int, nodes: Nodes) -> Floats:
        counts = self.levels[n].counts[nodes]
        discounts = np.concatenate([[0.0], self.discounts[n]])
        left: Floats = counts - discounts[np.minimum(counts, 3)]
        return left


class AddK(Smoothing):
    """Additive smoothing: k is added to the count of each n-gram of the greatest length.

    Parameters
    ----------
    levels, n_symbols
        As in `Smoothing`.
    k : float
        Number to add, above 0.
    """

    def __init__(self, levels: Sequence[Level], n_symbols: int, k: float) -> None:
        super().__init__(levels, n_symbols)
        self._k = k

    def update(
        self, n: int, chances: Floats, contexts: Nodes, nodes: Nodes, reaches: NDArray[np.bool_]
    ) -> None:
        """Replace the probabilities where the context is long enough."""
        counts, totals = (
            _take(values, one[reaches])
            for one, values in ((nodes, self.levels[n].counts), (contexts, self.totals[n]))
        )
        chances[reaches] = (counts + self._k) / (totals + self._k * self.n_symbols)

    def spread(self, n: int, chances: Floats, context: int) -> None:
        """Replace the probabilities."""
        known = context != NO_NODE
        nodes = np.arange(*self.children[n][context : context + 2]) if known else np.empty(0, np.int64)
        total = (self.totals[n][context] if known else 0) + self._k * self.n_symbols
        chances[:] = self._k / total
        chances[self.levels[n].symbols_of(nodes)] = (self.levels[n].counts[nodes] + self._k) / total


def find_discounts(counts: NDArray[np.int64]) -> tuple[float, float, float]:
    """Return the discounts for counts of 1, of 2, and of 3 or more.

    They follow from the numbers of n-grams with counts from 1 to 4 (Chen and Goodman 1998, equation 17). If
    one of the first three numbers is 0, or a discount is not above 0 or is more than the count, they are 0.5,
    1 and 1.5.

    Examples
    --------
    >>> import numpy as np
    >>> from fasttok.lm.smoothing import find_discounts
    >>> find_discounts(np.array([1, 1, 1, 1, 2, 2, 3]))
    (0.5, 1.25, 3.0)
    >>> find_discounts(np.array([1, 1, 3]))
    (0.5, 1.0, 1.5)
    """
    n1, n2, n3, n4 = (int(np.count_nonzero(counts == count)) for count in range(1, 5))
    if not n1 or not n2 or not n3:
        return FALLBACK
    y = n1 / (n1 + 2 * n2)
    found = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
    return found if all(0 < discount <= i for i, discount in enumerate(found, 1)) else FALLBACK


def _take(values: NDArray[np.int64], nodes: Nodes) -> NDArray[np.int64]:
    """Return the value of each node, 0 for `NO_NODE`."""
    found = np.zeros(len(nodes), np.int64)
    known = nodes != NO_NODE
    found[known] = values[nodes[known]]
    return found


def _sum_parts(values: NDArray[np.int64] | NDArray[np.bool_], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the sum of each part of an array, given the start of each part and the end of the last one."""
    sums = np.zeros(len(values) + 1, np.int64)
    np.cumsum(values, out=sums[1:])
    return np.diff(sums[starts])
