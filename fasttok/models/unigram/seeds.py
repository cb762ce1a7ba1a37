"""What training begins with: the pieces that might be worth having, and where they stand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fasttok.core.parallel import import_whole
from fasttok.core.ragged import Ragged
from fasttok.models.substrings import Substrings
from fasttok.models.unigram.alphabet import SpelledCounts
from fasttok.models.unigram.lattices import Lattices

Weights = NDArray[np.float64]


def begin_with_substrings(
    corpus: SpelledCounts, n_seeds: int, max_length: int, taken: Ragged, workers: int
) -> tuple[Lattices, Weights]:
    """Begin with the substrings that cover the most text: frequency times length.

    Of the substrings that are always followed by the same symbol there is only the longest. Pieces are
    numbered by length, then in the order of their characters' numbers; of equal worth are the first.

    Parameters
    ----------
    corpus : SpelledCounts
        The pretokens.
    n_seeds : int
        The most substrings to begin with.
    max_length : int
        The most characters of one.
    taken : Ragged of uint32
        Strings that must not be pieces.
    workers : int
        Threads.

    Returns
    -------
    lattices : Lattices
        The words, with an arc for every place where a piece stands: the characters, then the substrings.
    weights : ndarray of float64
        What the pieces are worth to begin with.
    """
    # One symbol more is looked at than a piece may have, to see whether one always follows.
    substrings = Substrings(corpus.words, len(corpus.characters), max_length + 1, workers)
    rows, frequencies = substrings.frequent(corpus.counts, 2, 2)
    weights = frequencies.astype(np.float64) * rows[:, 0]
    is_kept = (rows[:, 0] <= max_length) & ~substrings.are_among(rows, substrings.find(taken))
    kept = np.flatnonzero(is_kept)
    kept = kept[np.lexsort((rows[kept, 1], rows[kept, 0]))]  # by length, then in the order of the suffixes
    if len(kept) > n_seeds:
        best = np.argsort(-weights[kept], kind="stable")[:n_seeds]
        kept = kept[np.sort(best)]
    return _lay_out(substrings, rows[kept], weights[kept], corpus, workers)


def begin_with_merges(
    corpus: SpelledCounts, n_seeds: int, max_length: int, taken: Ragged, workers: int
) -> tuple[Lattices, Weights]:
    """Begin with the pieces of byte-pair encoding over characters; otherwise as `begin_with_substrings`."""
    import_whole("numba")
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
    rows = rows[~substrings.are_among(rows, substrings.find(taken))]
    weights = substrings.weigh(rows, corpus.counts).astype(np.float64) * rows[:, 0]
    return _lay_out(substrings, rows, weights, corpus, workers)


def _lay_out(
    substrings: Substrings,
    rows: NDArray[np.int64],
    weights: Weights,
    corpus: SpelledCounts,
    workers: int,
) -> tuple[Lattices, Weights]:
    words, counts, n_characters = corpus.words, corpus.counts, len(corpus.characters)
    symbols = words.values
    places = np.zeros(n_characters, np.int64)
    places[symbols[::-1]] = np.arange(len(symbols))[::-1]
    occurrences = np.bincount(symbols, np.repeat(counts, words.lengths), n_characters)
    lengths = np.concatenate([np.ones(n_characters, np.int64), rows[:, 0]])
    offsets, arcs = substrings.arcs(rows, n_characters)
    lattices = Lattices(
        words, counts, offsets, arcs, np.concatenate([places, substrings.place(rows)]), lengths, workers
    )
    return lattices, np.concatenate([occurrences, weights])
