"""Seed pieces of Unigram training, with the lattices of the corpus over them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged
from fasttok.models.substrings import Substrings
from fasttok.models.unigram.alphabet import SymbolCounts
from fasttok.models.unigram.lattices import Lattices

Weights = NDArray[np.float64]


def seed_with_substrings(
    corpus: SymbolCounts, n_seeds: int, max_length: int, excluded: Ragged, workers: int
) -> tuple[Lattices, Weights]:
    """Use the characters and the substrings that cover the most text as seed pieces.

    A substring occurs at least twice and is weighted by frequency times length. Substrings that are always
    followed by the same symbol are skipped, because a longer one has the same frequency. Substrings are
    sorted by length, then by their symbols. Ties in weight go to the one that is first in this order.

    Parameters
    ----------
    corpus : SymbolCounts
        Training corpus.
    n_seeds : int
        Maximum number of substrings.
    max_length : int
        Maximum length of a substring in symbols.
    excluded : Ragged of uint32
        Symbol sequences that must not become pieces.
    workers : int
        Number of threads.

    Returns
    -------
    lattices : Lattices
        Lattices of the corpus. The pieces are the characters, then the substrings.
    weights : ndarray of float64
        Weight of each piece, proportional to its initial probability.
    """
    # One symbol more than a piece may have, to find out whether it is always followed by the same symbol.
    substrings = Substrings(corpus.words, len(corpus.characters), max_length + 1, workers)
    rows, frequencies = substrings.frequent(corpus.counts, 2, 2)
    weights = frequencies.astype(np.float64) * rows[:, 0]
    keys = rows[:, 0] * len(corpus.words.values) + rows[:, 1]  # by length, then by suffix
    is_kept = (rows[:, 0] <= max_length) & ~substrings.are_among(rows, substrings.find(excluded))
    kept = np.flatnonzero(is_kept)
    if len(kept) > n_seeds:
        least = np.partition(weights[kept], -n_seeds)[-n_seeds]
        tied = kept[weights[kept] == least]
        kept = kept[weights[kept] > least]
        kept = np.concatenate([kept, tied[np.argsort(keys[tied])[: n_seeds - len(kept)]]])
    kept = kept[np.argsort(keys[kept])]
    return _build_lattices(substrings, rows[kept], weights[kept], corpus, workers)


def seed_with_bpe(
    corpus: SymbolCounts, n_seeds: int, max_length: int, excluded: Ragged, workers: int
) -> tuple[Lattices, Weights]:
    """Use the characters and the pieces of byte-pair encoding over characters as seed pieces.

    Parameters, results and weights are those of `seed_with_substrings`.
    """
    from fasttok.models.merging.engine import learn_merges

    n_characters = len(corpus.characters)
    merges = learn_merges(
        corpus.words, corpus.counts, n_characters, n_characters + n_seeds, max_length=max_length
    )
    strings = [np.array([i], np.uint32) for i in range(n_characters)]
    for left, right in merges.tolist():
        strings.append(np.concatenate([strings[left], strings[right]]))
    merged = sorted(strings[n_characters:], key=lambda symbols: (len(symbols), symbols.tolist()))
    substrings = Substrings(corpus.words, n_characters, max_length + 1, workers)
    rows = substrings.find(Ragged.from_arrays(merged))
    rows = rows[~substrings.are_among(rows, substrings.find(excluded))]
    weights = substrings.weigh(rows, corpus.counts).astype(np.float64) * rows[:, 0]
    return _build_lattices(substrings, rows, weights, corpus, workers)


def _build_lattices(
    substrings: Substrings,
    rows: NDArray[np.int64],
    weights: Weights,
    corpus: SymbolCounts,
    workers: int,
) -> tuple[Lattices, Weights]:
    """Return the lattices over the characters and the substrings in `rows`, and the weights of both."""
    words, counts, n_characters = corpus.words, corpus.counts, len(corpus.characters)
    symbols = words.values
    positions = np.zeros(n_characters, np.int64)
    positions[symbols[::-1]] = np.arange(len(symbols))[::-1]  # the first occurrence of each character
    occurrences = np.bincount(symbols, np.repeat(counts, words.lengths), n_characters)
    lengths = np.concatenate([np.ones(n_characters, np.int64), rows[:, 0]])
    positions = np.concatenate([positions, substrings.place(rows)])
    chains = substrings.chains(rows, n_characters)
    lattices = Lattices(words, counts, n_characters, chains, positions, lengths, workers)
    return lattices, np.concatenate([occurrences, weights])
