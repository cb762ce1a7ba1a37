"""Expectation-maximization with pruning, the training method of Kudo (2018) and sentencepiece."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged
from fasttok.models.rounds import Rounds
from fasttok.models.unigram._elementary import exp, log
from fasttok.models.unigram.alphabet import SymbolCounts
from fasttok.models.unigram.lattices import Lattices
from fasttok.models.unigram.pruning import estimate_losses, keep_best, penalize
from fasttok.models.unigram.seeds import seed_with_bpe, seed_with_substrings

OVERSHOOT = 1.1  # pruning stops at this multiple of the requested number of pieces
BPE_SEEDS = 4  # maximum number of BPE seed pieces per requested piece
MIN_EXPECTED = 0.5  # pieces with a smaller expected count are dropped, but characters get this count
FINAL_STEPS = 2  # number of EM steps after the last pruning


@dataclass(frozen=True)
class EMOptions:
    """Options of `UnigramTrainer` that apply to the "em" method only."""

    seed_size: int
    initial_pieces: Literal["substrings", "bpe"]
    pruning: Literal["loss", "final", "sparse"]
    token_cost: float
    shrinking_factor: float
    n_sub_iterations: int


def train_em(
    corpus: SymbolCounts,
    n_pieces: int,
    max_length: int,
    excluded: Ragged,
    options: EMOptions,
    workers: int,
    rounds: Rounds,
) -> tuple[Lattices, NDArray[np.float64]]:
    """Learn pieces and their probabilities by the steps that `UnigramTrainer` lists in its notes.

    Parameters
    ----------
    corpus : SymbolCounts
        Training corpus.
    n_pieces : int
        Number of pieces to learn, including the characters.
    max_length : int
        Maximum length of a piece in characters.
    excluded : Ragged of uint32
        Symbol sequences that must not become pieces.
    options : EMOptions
        Options of the method.
    workers : int
        Number of threads.
    rounds : Rounds
        Object that records the metrics of each round.

    Returns
    -------
    lattices : Lattices
        Lattices of the corpus with the learned pieces.
    probabilities : ndarray of float64
        Probability of each piece.
    """
    # Seed pieces
    find_seeds, n_seeds = seed_with_substrings, options.seed_size
    if options.initial_pieces == "bpe":
        find_seeds, n_seeds = seed_with_bpe, min(n_seeds, BPE_SEEDS * n_pieces)
    lattices, weights = find_seeds(corpus, n_seeds, max_length, excluded, workers)
    rounds.begin(lattices)
    n_characters = len(corpus.characters)
    probabilities = weights / weights.sum()
    n_target = int(OVERSHOOT * n_pieces)
    shrink = _shrink_by_penalty if options.pruning == "sparse" else _shrink_by_importance
    probabilities = shrink(lattices, probabilities, n_target, n_characters, options, rounds)
    # Finalization
    is_kept = keep_best(probabilities, n_pieces, n_characters)
    rounds.report_pruning("probability", probabilities, None, is_kept)
    lattices.keep(is_kept)
    probabilities = probabilities[is_kept]
    for _ in range(FINAL_STEPS):
        expected, log_likelihood = lattices.expect(probabilities)
        rounds.report_step(probabilities, log_likelihood)
        probabilities = estimate_probabilities(expected)
    rounds.report(len(expected), log_likelihood, int(lattices.count_best(log(probabilities)).sum()))
    return lattices, probabilities


def _shrink_by_importance(
    lattices: Lattices,
    probabilities: NDArray[np.float64],
    n_target: int,
    n_characters: int,
    options: EMOptions,
    rounds: Rounds,
) -> NDArray[np.float64]:
    """Alternate EM and pruning until `n_target` pieces remain; return their probabilities."""
    while True:
        for _ in range(options.n_sub_iterations):
            # E step
            expected, log_likelihood = lattices.expect(probabilities)
            is_kept = expected >= MIN_EXPECTED
            is_kept[:n_characters] = True
            rounds.report_step(probabilities, log_likelihood, is_kept)
            if not is_kept.all():
                lattices.keep(is_kept)
                expected = expected[is_kept]
            # M step
            probabilities = _estimate_sparse_probabilities(expected)
        scores = log(probabilities)
        occurrences = lattices.count_best(scores)
        rounds.report(len(expected), log_likelihood, int(occurrences.sum()))
        if len(expected) <= n_target:
            return probabilities
        # Pruning
        importance = expected
        if options.pruning == "loss":
            importance = estimate_losses(lattices, scores, occurrences, n_characters, options.token_cost)
        n_kept = max(n_target, int(options.shrinking_factor * len(expected)))
        is_kept = keep_best(importance, n_kept, n_characters)
        if options.pruning == "loss":
            rounds.report_pruning("loss", importance, occurrences, is_kept)
        else:
            rounds.report_pruning("expected count", importance, None, is_kept)
        lattices.keep(is_kept)
        probabilities = probabilities[is_kept]


def _shrink_by_penalty(
    lattices: Lattices,
    probabilities: NDArray[np.float64],
    n_target: int,
    n_characters: int,
    options: EMOptions,
    rounds: Rounds,
) -> NDArray[np.float64]:
    """Run EM with a penalty on each piece until `n_target` pieces remain, then without it.

    Parameters and results are those of `_shrink_by_importance`.
    """
    while True:
        for _ in range(options.n_sub_iterations):
            expected, log_likelihood = lattices.expect(probabilities)
            rounds.report_step(probabilities, log_likelihood)
            probabilities = estimate_probabilities(expected)
        rounds.report(len(expected), log_likelihood, int(lattices.count_best(log(probabilities)).sum()))
        if len(expected) <= n_target:
            return probabilities
        n_kept = max(n_target, int(options.shrinking_factor * len(expected)))
        is_kept, counts = penalize(expected, n_kept, n_characters)
        rounds.report_pruning("expected count", expected, None, is_kept)
        lattices.keep(is_kept)
        probabilities = counts / counts.sum()


def _estimate_sparse_probabilities(expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """Run sentencepiece's M step, whose sparse prior favours few pieces.

    The probability of a piece is exp(ψ(count) - ψ(total)), where ψ is the digamma function. The probabilities
    sum to less than 1.
    """
    from scipy.special import digamma

    return exp(digamma(np.maximum(expected, MIN_EXPECTED)) - digamma(expected.sum()))


def estimate_probabilities(expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """Run the maximum-likelihood M step: relative counts, with each count raised to at least 0.5."""
    counts = np.maximum(expected, MIN_EXPECTED)
    probabilities: NDArray[np.float64] = counts / counts.sum()
    return probabilities
