"""MinGram: hard EM over the segmentations of fewest pieces, pruned once."""

from __future__ import annotations

from math import fsum

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged
from fasttok.models.unigram._elementary import log
from fasttok.models.unigram.alphabet import SpelledCounts
from fasttok.models.unigram.em import OVERSHOOT, Rounds, likeliest
from fasttok.models.unigram.lattices import Lattices
from fasttok.models.unigram.model import PER_PIECE
from fasttok.models.unigram.pruning import keep_best
from fasttok.models.unigram.seeds import begin_with_merges

MOST_STEPS = 10  # it rarely takes five


def train_mingram(
    corpus: SpelledCounts,
    n_pieces: int,
    max_length: int,
    taken: Ragged,
    workers: int,
    rounds: Rounds,
) -> tuple[Lattices, NDArray[np.float64]]:
    """Learn the pieces of words and their probabilities; `UnigramTrainer` says how."""
    n_characters = len(corpus.characters)
    n_seeds = int(OVERSHOOT * n_pieces) - n_characters
    lattices, weights = begin_with_merges(corpus, n_seeds, max_length, taken, workers)
    probabilities = _count_until_still(lattices, likeliest(weights), rounds)
    is_kept = keep_best(probabilities, n_pieces, n_characters)
    lattices.keep(is_kept)
    return lattices, _count_until_still(lattices, likeliest(probabilities[is_kept]), rounds)


def _count_until_still(
    lattices: Lattices, probabilities: NDArray[np.float64], rounds: Rounds
) -> NDArray[np.float64]:
    """The shares of the pieces in the segmentations of fewest pieces, until they stay the same."""
    occurrences = np.zeros(0, np.int64)
    for _ in range(MOST_STEPS):
        before, occurrences = occurrences, lattices.count_best(log(probabilities) + PER_PIECE)
        if np.array_equal(before, occurrences):
            break
        probabilities = likeliest(occurrences.astype(np.float64))
    rounds.report(len(occurrences), fsum(log(probabilities) * occurrences), int(occurrences.sum()))
    return probabilities
