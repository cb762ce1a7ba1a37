"""What training begins with: the pieces that might be worth having, and where they stand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fasttok.models.unigram.lattices import Lattices
from fasttok.models.unigram.substrings import Substrings
from fasttok.parallel import import_whole
from fasttok.ragged import Ragged

Weights = NDArray[np.float64]


def begin_with_substrings(
    words: Ragged, counts: NDArray[np.int64], n_characters: int, n_seeds: int, max_length: int, workers: int
) -> tuple[Lattices, Weights]:
    """Begin with the substrings that cover the most text: frequency times length.

    Of the substrings that are always followed by the same symbol there is only the longest. Pieces are
    numbered by length, then in the order of their characters' numbers; of equal worth are the first.

    Returns
    -------
    lattices : Lattices
        The words, with an arc for every place where a piece stands: the characters, then the substrings.
    weights : ndarray of float64
        What the pieces are worth to begin with.
    """
    # One symbol more is looked at than a piece may have, to see whether one always follows.
    substrings = Substrings(words, n_characters, max_length + 1)
    rows, frequencies = substrings.frequent(counts, 2)
    weights = frequencies * rows[:, 0]
    kept = np.flatnonzero(rows[:, 0] <= max_length)
    kept = kept[np.lexsort((rows[kept, 1], rows[kept, 0]))]  # by length, then in the order of the suffixes
    if len(kept) > n_seeds:
        best = np.argsort(-weights[kept], kind="stable")[:n_seeds]
        kept = kept[np.sort(best)]
    return _lay_out(substrings, rows[kept], weights[kept], counts, n_characters, workers)


def begin_with_merges(
    words: Ragged, counts: NDArray[np.int64], n_characters: int, n_seeds: int, max_length: int, workers: int
) -> tuple[Lattices, Weights]:
    """Begin with the pieces of byte-pair encoding over characters; weights as `begin_with_substrings`."""
    import_whole("numba")
    from fasttok.models.merging.engine import learn_merges

    merges = learn_merges(words, counts, n_characters, n_characters + n_seeds, max_length=max_length)
    strings = [np.array([i], np.uint32) for i in range(n_characters)]
    for left, right in merges.tolist():
        strings.append(np.concatenate([strings[left], strings[right]]))
    merged = sorted(strings[n_characters:], key=lambda symbols: (len(symbols), symbols.tolist()))
    substrings = Substrings(words, n_characters, max_length + 1)
    rows = substrings.find(Ragged.from_arrays(merged))
    weights = substrings.weigh(rows, counts) * rows[:, 0]
    return _lay_out(substrings, rows, weights, counts, n_characters, workers)


def _lay_out(
    substrings: Substrings,
    rows: NDArray[np.int64],
    weights: NDArray[np.int64],
    counts: NDArray[np.int64],
    n_characters: int,
    workers: int,
) -> tuple[Lattices, Weights]:
    words = substrings.words
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
