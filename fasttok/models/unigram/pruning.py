"""Which pieces go: the two ways to say what a piece is worth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fasttok.models.unigram.lattices import Lattices


def losses(
    lattices: Lattices,
    scores: NDArray[np.float64],
    occurrences: NDArray[np.int64],
    n_characters: int,
    token_cost: float,
) -> NDArray[np.float64]:
    """What the corpus would lose without each piece, as sentencepiece estimates it, and a price for tokens.

    Were piece i not there, its F occurrences in the best segmentations would each become the best other
    segmentation of its string, a of k pieces. With S tokens in all, the corpus loses::

        F (log F/S - sum over a of log (F_a + F) / (S + F (k - 1)) + token_cost (k - 1))

    Infinity for the characters and for what cannot be written otherwise, minus infinity for what occurs in no
    best segmentation.
    """
    lost = np.full(len(scores), np.inf)
    lost[n_characters:] = lattices.measure_losses(scores, occurrences, n_characters, token_cost)
    return lost


def keep_best(worth: NDArray[np.float64], n: int, n_characters: int) -> NDArray[np.bool_]:
    """Which `n` pieces are worth most, the characters always among them; ties by number.

    They are fewer where others are worth minus infinity.
    """
    worth = worth.copy()
    worth[:n_characters] = np.inf
    best = np.argsort(-worth, kind="stable")[:n]
    is_kept = np.zeros(len(worth), np.bool_)
    is_kept[best[worth[best] > -np.inf]] = True
    return is_kept
