"""Observed training: the steps that the merge engine reports, compared with an oracle."""

from __future__ import annotations

import random

import numpy as np
import pytest

from fasttok.core.ragged import Ragged
from fasttok.models.merging import engine
from fasttok.models.merging.orders import Frequency, Likelihood
from tests import trace_oracles

ORDERS = [Frequency(), Frequency("shortest"), Frequency("largest"), Likelihood()]


def check(words, n_alphabet, n_symbols, order, **options):
    steps = []
    given = {k: Ragged.from_rows(v) if k == "veto" else v for k, v in options.items()}
    counts = np.array([n for _, n in words], np.int64)
    arguments = (Ragged.from_rows([w for w, _ in words]), counts, n_alphabet, n_symbols)
    observed = engine.learn_merges(*arguments, order=order, observer=steps.append, **given)
    assert observed.tolist() == engine.learn_merges(*arguments, order=order, **given).tolist()
    assert observed.tolist() == [step.pairs[0].tolist() for step in steps]
    options |= {"by_likelihood": isinstance(order, Likelihood), "ties": getattr(order, "ties", "ids")}
    assert [
        (np.hstack([step.pairs, step.counts]).tolist(), *step[2:]) for step in steps
    ] == trace_oracles.trace_merges(words, n_alphabet, n_symbols, **options)
    return steps


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "options", [{}, {"min_count": 3}, {"max_length": 3}, {"veto": [(0, 1), (1, 1), (0, 0, 1), (1, 2)]}]
)
def test_steps_of_random_corpora(order, options):
    rng = random.Random(16)
    for _ in range(60):
        n_alphabet = rng.choice([1, 2, 3, 5])
        words = [
            (rng.choices(range(n_alphabet), k=rng.randint(1, rng.choice([4, 12, 40]))), rng.randint(1, 9))
            for _ in range(rng.randint(1, 12))
        ]
        check(words, n_alphabet, n_alphabet + rng.choice([3, 20, 200]), order, **options)


@pytest.mark.parametrize("order", ORDERS)
def test_steps_do_not_depend_on_slices(order, monkeypatch):
    rng = random.Random(17)
    words = [(rng.choices(range(4), k=rng.randint(1, 30)), rng.randint(1, 9)) for _ in range(40)]
    check(words, 4, 80, order)
    monkeypatch.setattr(engine, "SLICE", 1)
    assert len(check(words, 4, 80, order)) == 76


def test_overlapping_occurrences():
    # aaaaa: the pair aa occurs four times, two of them are merged, and the word is touched once.
    [step, *_] = check([([0] * 5, 3)], 1, 3, Frequency())
    assert step.counts[0].tolist() == [12, 15, 15]
    assert step[2:] == (1, 15, 9)


def test_the_total_of_symbols_must_fit():
    words = Ragged.from_rows([[0, 1]] * 2)  # 2 pairs, 4 symbols
    engine.learn_merges(words, np.full(2, 1 << 61), 2, 3)
    with pytest.raises(OverflowError, match="symbols; the maximum"):
        engine.learn_merges(words, np.full(2, 1 << 61), 2, 3, observer=len)
    steps = []
    engine.learn_merges(words, np.full(2, (1 << 61) - 1), 2, 3, observer=steps.append)
    assert steps[0].n_tokens_before == 4 * ((1 << 61) - 1)
