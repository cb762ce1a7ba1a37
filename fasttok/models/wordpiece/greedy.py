"""Top-down learning: frequent substrings, the longest first, and the threshold that gives enough of them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import compress

import numpy as np

from fasttok.core._interrupt import Interrupt
from fasttok.core.progress import Bar
from fasttok.core.ragged import Ragged
from fasttok.models.substrings import Substrings
from fasttok.models.wordpiece._greedy import learn_round
from fasttok.models.wordpiece.spelling import SpelledWords

ROUNDS = 4  # with one threshold
HIGHEST = 10_000_000  # threshold
SLACK = 0.05  # of the vocabulary wanted may be missing


def learn_greedily(
    spelled: SpelledWords,
    thresholds: tuple[int, int],
    n_pieces: int,
    n_slack: float,
    taken: Ragged,
    workers: int,
    progress: bool,
) -> list[str]:
    """Find pieces of two characters and more, about as many as wanted.

    Parameters
    ----------
    spelled : SpelledWords
        The words.
    thresholds : tuple of int
        The lowest and the highest that is tried.
    n_pieces : int
        The most pieces that there may be.
    n_slack : float
        How many fewer will do.
    taken : Ragged of uint32
        What must not be pieces; it is left out of what was found.
    workers : int
        Threads to sort with.
    progress : bool
        Show a bar on the standard error stream.

    Returns
    -------
    list of str
        The pieces and the characters that continue a word, the most frequent first, then by code points.
    """
    words, counts = spelled.words, spelled.counts
    substrings = Substrings(words, spelled.n_symbols, int(words.lengths.max()), workers)
    rows, _ = substrings.frequent(counts, 1, 1)
    parents, leaves = substrings.tree(rows)
    lengths = rows[:, 0].copy()
    longest, occurrences, removed, kept = (np.empty(len(rows), np.int64) for _ in range(4))
    is_taken = substrings.are_among(rows, substrings.find(taken))
    low, high = thresholds
    interrupt = Interrupt()
    with Bar(desc="searching a threshold", unit="try", disable=not progress) as bar:
        while True:
            threshold = (low + high) // 2
            for i in range(ROUNDS):
                n_kept = learn_round(
                    words.offsets, counts, lengths, parents, leaves, threshold, i == 0, longest, occurrences,
                    removed, kept, interrupt,
                )  # fmt: skip
            n_kept -= int(np.count_nonzero(kept[is_taken]))
            bar.update()
            if n_pieces - n_slack <= n_kept <= n_pieces or low >= high or threshold <= 1:
                break
            if n_kept > n_pieces:
                low = threshold + 1
            else:
                high = threshold - 1
    found = np.flatnonzero((kept > 0) & ~is_taken)
    names = spelled.name(substrings.place(rows[found]), lengths[found])
    by_name = dict(zip(names, kept[found].tolist(), strict=True))
    single = {spelled.prefix + chr(c) for c in spelled.continuing.tolist()}

    def in_order(names: Iterable[str]) -> list[str]:
        return sorted(names, key=lambda name: (-by_name.get(name, 1), name))

    is_longer = (lengths[found] > 1).tolist()
    best = in_order(compress(names, is_longer))[:n_pieces]
    return in_order([*best, *single])
