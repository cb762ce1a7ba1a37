"""`Watch`: report each merge of a training, with the pairs that could have been merged instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged
from fasttok.models.merging.orders import check_total

N_CANDIDATES = 5  # pairs that are reported per merge, with the merged one


class SymbolMerge(NamedTuple):
    """One merge of `learn_merges`.

    Attributes
    ----------
    pairs : ndarray of int64, shape (c, 2)
        Left and right symbols of the best pairs before the merge, the best first. The first pair is merged.
    counts : ndarray of int64, shape (c, 3)
        For each of them, the count of the pair, of its left symbol and of its right symbol.
    n_words : int
        Number of words that contain the merged pair.
    n_tokens_before, n_tokens_after : int
        Number of symbols of the corpus before and after the merge.
    """

    pairs: NDArray[np.int64]
    counts: NDArray[np.int64]
    n_words: int
    n_tokens_before: int
    n_tokens_after: int


class Watch:
    """Counts of all symbols during a training, and the merge under way.

    Parameters
    ----------
    observer : callable
        Function that is called with the `SymbolMerge` after each merge.
    words : Ragged of uint32
        Symbols of each word before the first merge.
    weights : ndarray of int64
        Number of occurrences of each word.
    n_symbols : int
        Maximum number of symbols.

    Raises
    ------
    OverflowError
        If the total count of all symbols is 2^63 or more.
    """

    def __init__(
        self,
        observer: Callable[[SymbolMerge], object],
        words: Ragged,
        weights: NDArray[np.int64],
        n_symbols: int,
    ) -> None:
        check_total("symbols", weights, words.lengths)
        self._observer = observer
        self._symbol_counts = np.zeros(n_symbols, np.int64)
        np.add.at(self._symbol_counts, words.values, np.repeat(weights, words.lengths))
        self._n_tokens = int(self._symbol_counts.sum())
        self._begun: SymbolMerge | None = None

    def begin(self, pairs: NDArray[np.int64], counts: NDArray[np.int64], n_words: int) -> None:
        """Record the best pairs, of which the first is about to be merged, and their counts."""
        counts = np.column_stack([counts, self._symbol_counts[pairs]])
        self._begun = SymbolMerge(pairs, counts, n_words, self._n_tokens, self._n_tokens)

    def end(self, symbol: int, n_merged: int) -> None:
        """Report the merge under way, if there is one, which has made `n_merged` occurrences of `symbol`."""
        if self._begun is None:
            return
        self._symbol_counts[symbol] = n_merged
        for part in self._begun.pairs[0].tolist():  # a pair of equal symbols takes two of them
            self._symbol_counts[part] -= n_merged
        self._n_tokens -= n_merged
        self._observer(self._begun._replace(n_tokens_after=self._n_tokens))
        self._begun = None
