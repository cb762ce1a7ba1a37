"""Pruning: estimate the importance of each piece and choose the pieces to keep."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fasttok.models.unigram.lattices import Lattices

LEAST = 0.01  # smallest count of a piece that a penalty leaves


def estimate_losses(
    lattices: Lattices,
    scores: NDArray[np.float64],
    occurrences: NDArray[np.int64],
    n_characters: int,
    token_cost: float,
) -> NDArray[np.float64]:
    """Estimate the loss from the removal of each piece, as sentencepiece does.

    Suppose a piece has F occurrences in the best segmentations of the corpus, which have S tokens in total.
    Without the piece, each occurrence becomes the best other segmentation of its string, with k pieces. The
    loss, where the sum is over these k pieces a with F_a occurrences each, is::

        F (log F/S - sum over a of log (F_a + F) / (S + F (k - 1)) + token_cost (k - 1))

    Parameters
    ----------
    lattices : Lattices
        Lattices of the corpus.
    scores : ndarray of float64, shape (v,)
        Log probability of each piece.
    occurrences : ndarray of int64, shape (v,)
        Number of occurrences of each piece in the best segmentations.
    n_characters : int
        Number of pieces that are characters; they come first.
    token_cost : float
        Cost of each additional token, in nats.

    Returns
    -------
    ndarray of float64, shape (v,)
        Loss in nats: infinity for characters and for pieces without another segmentation, minus infinity for
        pieces that do not occur in the best segmentations, or whose string has a better other segmentation.
    """
    losses = np.full(len(scores), np.inf)
    losses[n_characters:] = lattices.measure_losses(scores, occurrences, n_characters, token_cost)
    return losses


def keep_best(importance: NDArray[np.float64], n: int, n_characters: int) -> NDArray[np.bool_]:
    """Return the mask of the `n` most important pieces.

    Characters, which are the first `n_characters` pieces, are more important than all others. Ties go to the
    piece with the smaller number. Pieces with importance minus infinity are never kept, so the mask may have
    fewer than `n` pieces.
    """
    importance = importance.copy()
    importance[:n_characters] = np.inf
    is_kept: NDArray[np.bool_] = importance > -np.inf
    if np.count_nonzero(is_kept) > n:
        least = np.partition(importance, -n)[-n] if n else np.inf  # the n-th highest value
        is_kept = importance > least
        tied = np.flatnonzero(importance == least)
        is_kept[tied[: n - np.count_nonzero(is_kept)]] = True
    return is_kept


def penalize(
    expected: NDArray[np.float64], n: int, n_characters: int
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return the mask of the `n` pieces with the greatest expected counts, and their counts less a penalty.

    The penalty λ is the greatest expected count of a dropped piece, so that max(0, c - λ) is 0 for dropped
    pieces. Characters, which are the first `n_characters` pieces, are kept without a penalty. Ties go to the
    piece with the smaller number; a kept piece has a count of at least `LEAST`.
    """
    is_kept = keep_best(np.maximum(expected, 0), n, n_characters)
    penalty = expected[~is_kept].max(initial=0)
    counts = np.maximum(expected - penalty, LEAST)
    counts[:n_characters] = np.maximum(expected[:n_characters], LEAST)
    return is_kept, counts[is_kept]
