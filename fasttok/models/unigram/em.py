"""Expectation maximisation with pruning: many pieces, expected counts, probabilities, fewer pieces."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged
from fasttok.models.base import Round
from fasttok.models.unigram._elementary import exp, log
from fasttok.models.unigram.alphabet import SpelledCounts
from fasttok.models.unigram.lattices import Lattices
from fasttok.models.unigram.pruning import keep_best, losses
from fasttok.models.unigram.seeds import begin_with_merges, begin_with_substrings

OVERSHOOT = 1.1  # so many times the pieces wanted are left when pruning ends; the best of them stay
BPE_SEEDS = 4  # pieces of BPE to begin with, for each that is wanted
LEAST_EXPECTED = 0.5  # a piece expected less often goes, and a character is counted so often at least
FINAL_STEPS = 2  # with the pieces that stay


@dataclass(frozen=True)
class EMOptions:
    """The options of `UnigramTrainer` that are for this method alone."""

    seed_size: int
    initial_pieces: Literal["substrings", "bpe"]
    pruning: Literal["loss", "final"]
    token_cost: float
    shrinking_factor: float
    n_sub_iterations: int


@dataclass
class Rounds:
    """What the rounds of a training have left so far, shown as they end.

    Parameters
    ----------
    n_characters : float
        The characters of the corpus.
    bar : Bar
        Where it is shown.
    """

    n_characters: float
    bar: Any
    reported: list[Round] = field(default_factory=list)

    def report(self, n_pieces: int, log_likelihood: float, n_tokens: int) -> None:
        """Take down the end of a round."""
        nats = log_likelihood / self.n_characters
        self.reported.append(Round(n_pieces=n_pieces, log_likelihood_per_character=nats, n_tokens=n_tokens))
        self.bar.update(self.reported[0]["n_pieces"] - n_pieces - self.bar.n)
        self.bar.set_postfix(pieces=n_pieces, nats=f"{nats:.4f}", tokens=n_tokens)


def train_em(
    corpus: SpelledCounts,
    n_pieces: int,
    max_length: int,
    taken: Ragged,
    options: EMOptions,
    workers: int,
    rounds: Rounds,
) -> tuple[Lattices, NDArray[np.float64]]:
    """Learn the pieces of words and their probabilities; `UnigramTrainer` says how."""
    begin, n_seeds = begin_with_substrings, options.seed_size
    if options.initial_pieces == "bpe":
        begin, n_seeds = begin_with_merges, min(n_seeds, BPE_SEEDS * n_pieces)
    lattices, weights = begin(corpus, n_seeds, max_length, taken, workers)
    n_characters = len(corpus.characters)
    probabilities = weights / weights.sum()
    enough = int(OVERSHOOT * n_pieces)
    while True:
        for _ in range(options.n_sub_iterations):
            expected, log_likelihood = lattices.expect(probabilities)
            expected = _drop_rare(lattices, expected, n_characters)
            probabilities = _likeliest_with_few(expected)
        scores = log(probabilities)
        occurrences = lattices.count_best(scores)
        rounds.report(len(expected), log_likelihood, int(occurrences.sum()))
        if len(expected) <= enough:
            break
        worth = expected
        if options.pruning == "loss":
            worth = losses(lattices, scores, occurrences, n_characters, options.token_cost)
        n_left = max(enough, int(options.shrinking_factor * len(expected)))
        is_kept = keep_best(worth, n_left, n_characters)
        lattices.keep(is_kept)
        probabilities = probabilities[is_kept]
    is_kept = keep_best(probabilities, n_pieces, n_characters)
    lattices.keep(is_kept)
    probabilities = probabilities[is_kept]
    for _ in range(FINAL_STEPS):
        expected, log_likelihood = lattices.expect(probabilities)
        probabilities = likeliest(expected)
    rounds.report(len(expected), log_likelihood, int(lattices.count_best(log(probabilities)).sum()))
    return lattices, probabilities


def _drop_rare(lattices: Lattices, expected: NDArray[np.float64], n_characters: int) -> NDArray[np.float64]:
    """Let the pieces go that are hardly expected; what is expected of the others."""
    is_kept = expected >= LEAST_EXPECTED
    is_kept[:n_characters] = True
    lattices.keep(is_kept)
    return expected[is_kept]


def _likeliest_with_few(expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """The M step with a prior that favours few pieces; the probabilities sum to less than 1."""
    from scipy.special import digamma

    return exp(digamma(np.maximum(expected, LEAST_EXPECTED)) - digamma(expected.sum()))


def likeliest(expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """The M step of maximum likelihood, no piece counted less than half."""
    counted = np.maximum(expected, LEAST_EXPECTED)
    shares: NDArray[np.float64] = counted / counted.sum()
    return shares
