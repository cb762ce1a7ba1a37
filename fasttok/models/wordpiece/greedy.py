"""Greedy WordPiece training: select frequent substrings, longest first, and search for a threshold."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import compress

import numpy as np

from fasttok.core._interrupt import Interrupt
from fasttok.core.progress import Bar
from fasttok.core.ragged import Ragged
from fasttok.models.substrings import Substrings
from fasttok.models.wordpiece._greedy import learn_round
from fasttok.models.wordpiece.word_symbols import WordSymbols

ROUNDS = 4  # rounds per threshold
HIGHEST = 10_000_000  # largest threshold that is tried
SLACK = 0.05  # fraction of the requested vocabulary that may be missing


def learn_greedily(
    symbols: WordSymbols,
    thresholds: tuple[int, int],
    n_pieces: int,
    n_slack: float,
    taken: Ragged,
    workers: int,
    progress: bool,
) -> list[str]:
    """Find about `n_pieces` pieces of two or more characters.

    Parameters
    ----------
    symbols : WordSymbols
        Words of the training corpus.
    thresholds : tuple of int
        Lowest and highest threshold to try.
    n_pieces : int
        Maximum number of pieces.
    n_slack : float
        Number of pieces that may be missing.
    taken : Ragged of uint32
        Strings that must not be pieces, such as special tokens.
    workers : int
        Number of threads that sort substrings.
    progress : bool
        Whether to show a progress bar on standard error.

    Returns
    -------
    list of str
        Names of the pieces and of the continuing characters, by descending count, then by code points.
    """
    words, counts = symbols.words, symbols.counts
    substrings = Substrings(words, symbols.n_symbols, int(words.lengths.max()), workers)
    rows, _ = substrings.frequent(counts, 1, 1)
    parents, leaves = substrings.tree(rows)
    lengths = rows[:, 0].copy()
    longest, occurrences, removed, kept = (np.empty(len(rows), np.int64) for _ in range(4))
    is_taken = substrings.are_among(rows, substrings.find(taken))
    low, high = thresholds
    interrupt = Interrupt()
    with Bar(desc="searching for a threshold", unit="try", disable=not progress) as bar:
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
    names = symbols.piece_names(substrings.place(rows[found]), lengths[found])
    by_name = dict(zip(names, kept[found].tolist(), strict=True))
    single = {symbols.prefix + chr(c) for c in symbols.continuing.tolist()}

    def in_order(names: Iterable[str]) -> list[str]:
        return sorted(names, key=lambda name: (-by_name.get(name, 1), name))

    is_longer = (lengths[found] > 1).tolist()
    best = in_order(compress(names, is_longer))[:n_pieces]
    return in_order([*best, *single])
