"""MinGram (Land 2026): hard EM over the segmentations with the fewest pieces, pruned once."""

from __future__ import annotations

from math import fsum

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged
from fasttok.models.rounds import Rounds
from fasttok.models.unigram._elementary import log
from fasttok.models.unigram.alphabet import SymbolCounts
from fasttok.models.unigram.em import OVERSHOOT, estimate_probabilities
from fasttok.models.unigram.lattices import Lattices
from fasttok.models.unigram.model import PIECE_PENALTY
from fasttok.models.unigram.pruning import keep_best
from fasttok.models.unigram.seeds import seed_with_bpe

MAX_STEPS = 10  # maximum number of EM steps; more than five are rarely needed


def train_mingram(
    corpus: SymbolCounts,
    n_pieces: int,
    max_length: int,
    excluded: Ragged,
    workers: int,
    rounds: Rounds,
) -> tuple[Lattices, NDArray[np.float64]]:
    """Learn pieces and their probabilities; parameters and results are those of `train_em`."""
    n_characters = len(corpus.characters)
    n_seeds = int(OVERSHOOT * n_pieces) - n_characters
    lattices, weights = seed_with_bpe(corpus, n_seeds, max_length, excluded, workers)
    rounds.begin(lattices)
    probabilities = _run_hard_em(lattices, estimate_probabilities(weights), rounds)
    is_kept = keep_best(probabilities, n_pieces, n_characters)
    rounds.report_pruning("probability", probabilities, None, is_kept)
    lattices.keep(is_kept)
    return lattices, _run_hard_em(lattices, estimate_probabilities(probabilities[is_kept]), rounds)


def _run_hard_em(
    lattices: Lattices, probabilities: NDArray[np.float64], rounds: Rounds
) -> NDArray[np.float64]:
    """Repeat counting and estimation until the counts no longer change, or MAX_STEPS times.

    Only the best segmentation of each word counts: the most probable one with the fewest pieces.
    """
    occurrences = np.zeros(0, np.int64)
    for _ in range(MAX_STEPS):
        before, occurrences = occurrences, lattices.count_best(log(probabilities) + PIECE_PENALTY)
        if np.array_equal(before, occurrences):
            break
        if rounds.is_observed:
            rounds.report_step(probabilities, fsum(log(probabilities) * occurrences))
        probabilities = estimate_probabilities(occurrences.astype(np.float64))
    rounds.report(len(occurrences), fsum(log(probabilities) * occurrences), int(occurrences.sum()))
    return probabilities
