"""The merge engine, compared with an oracle that counts again after every merge."""

from __future__ import annotations

import _thread
import itertools
import random
import threading
from fractions import Fraction

import numpy as np
import pytest

from fasttok.core.ragged import Ragged
from fasttok.models.merging import engine, likelihood
from fasttok.models.merging.orders import Frequency, Likelihood
from tests import oracles
from tests.conftest import FUZZ

ORDERS = [Frequency(), Frequency("largest"), Likelihood()]


def check(words, n_alphabet, n_symbols, order=Frequency(), **options):  # noqa: B008  (immutable)
    counts = np.array([n for _, n in words], np.int64)
    frequencies = np.zeros((n_symbols - n_alphabet, 2), np.int64)
    ours = engine.learn_merges(
        Ragged.from_rows([w for w, _ in words]),
        counts,
        n_alphabet,
        n_symbols,
        order=order,
        frequencies=frequencies,
        **{k: Ragged.from_rows(v) if k == "veto" else v for k, v in options.items()},
    )
    options["by_likelihood"] = isinstance(order, Likelihood)
    options["ties"] = getattr(order, "ties", "ids")
    theirs = oracles.learn_merges(words, n_alphabet, n_symbols, **options)
    merged = range(n_alphabet, n_alphabet + len(ours))  # neither creates a string twice
    assert [(*row, new) for row, new in zip(ours.tolist(), merged, strict=True)] == theirs
    assert frequencies[: len(ours)].tolist() == oracles.count_merges(words, theirs)
    return theirs


def test_wikipedias_example():
    # aaabdaaabac: Z=aa, Y=ab, X=ZY. The article breaks the first tie in the same way.
    word = [ord(c) - ord("a") for c in "aaabdaaabac"]
    assert check([(word, 1)], 4, 7) == [(0, 0, 4), (0, 1, 5), (4, 5, 6)]


@pytest.mark.parametrize("order", ORDERS)
def test_all_strings_of_two_letters_up_to_length_8(order):
    for n in range(1, 9):
        for word in itertools.product([0, 1], repeat=n):
            check([(list(word), 3)], 2, 12, order=order)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"order": Frequency("shortest")},
        {"order": Frequency("largest")},
        {"min_count": 3},
        {"max_length": 3},
        {"order": Likelihood()},
        {"order": Likelihood(), "min_count": 9},
        {"order": Likelihood(), "max_length": 3},
    ],
)
def test_random_corpora(options):
    rng = random.Random(15)
    for _ in range(150 * FUZZ):
        n_alphabet = rng.choice([1, 2, 3, 5])
        words = [
            (rng.choices(range(n_alphabet), k=rng.randint(1, rng.choice([4, 12, 40]))), rng.randint(1, 9))
            for _ in range(rng.randint(1, 12))
        ]
        check(words, n_alphabet, n_alphabet + rng.choice([3, 20, 200]), **options)


@pytest.mark.parametrize("order", ORDERS)
def test_repeated_symbols(order):
    for n in range(1, 40):
        words = [([0] * n, 2), ([0, 1] * n, 1), ([1] * (n // 2 + 1), 5)]
        check(words, 2, 60, order=order)


@pytest.mark.parametrize("order", ORDERS)
def test_merges_do_not_depend_on_pauses_and_growth(monkeypatch, order):
    rng = random.Random(16)
    words = [(rng.choices(range(3), k=rng.randint(1, 20)), rng.randint(1, 5)) for _ in range(9)] + [
        ([0] * 99, 1)
    ]
    expected = check(words, 3, 300, order=order)
    grown = []
    monkeypatch.setattr(engine, "SLICE", 1)  # pause at every posting, and grow arrays by no more than needed
    monkeypatch.setattr(
        engine,
        "_with_capacity",
        lambda array, needed: (
            grown.append(needed) or np.resize(array, (max(int(needed), len(array)), *array.shape[1:]))
        ),
    )
    assert check(words, 3, 300, order=order) == expected
    assert grown


@pytest.mark.parametrize("order", ORDERS)
def test_counts_beyond_32_bits(order):
    words = [([0, 1, 0, 1], 1 << 40), ([1, 0, 0], (1 << 40) + 1), ([0, 0, 1], 3)]
    check(words, 2, 10, order=order)


@pytest.mark.parametrize("order", ORDERS)
def test_random_vetoes(order):
    rng = random.Random(17)
    for _ in range(60 * FUZZ):
        words = [(rng.choices(range(3), k=rng.randint(1, 12)), rng.randint(1, 9)) for _ in range(8)]
        veto = [tuple(rng.choices(range(3), k=rng.randint(2, 4))) for _ in range(5)]
        check(words, 3, 40, veto=veto, order=order)


# The order by likelihood


def test_rising_scores():
    """Merging (0, 1) makes symbol 1 rare, so that the score of (1, 2) rises above that of (3, 4)."""
    words = [([0, 1], 10), ([1, 2], 3), ([2], 1), ([3, 4], 10), ([3], 2), ([4], 2)]
    assert check(words, 5, 8, order=Likelihood())[:2] == [(0, 1, 5), (1, 2, 6)]


def test_scores_that_are_equal_in_floating_point():
    """The cross products have up to 177 bits, of which floating point keeps 53."""
    rng = random.Random(18)
    for bits in (10, 26, 27, 40, 58):
        for _ in range(150):
            n = rng.randint(1 << (bits - 1), 1 << bits)
            words = []
            for pair in range(4):  # each with its own symbols: f(xy), then the rest of f(x) and f(y)
                x, y = 2 * pair, 2 * pair + 1
                more, less = rng.choice([(0, 0), (1, 0), (0, 1), (n, n), (n - 1, n), (n + 1, n)])
                words += [([x, y], n + rng.randint(-1, 1)), ([x], 1 + more), ([y], 1 + less)]
            check(words, 8, 12, order=Likelihood())


def test_exact_comparison_of_the_largest_numbers():
    rng = random.Random(19)
    top = (1 << 63) - 1
    for _ in range(2000):
        x = [rng.choice([top - rng.randrange(3), rng.randrange(1, top), rng.randrange(1, 9)]) for _ in "abc"]
        y = [max(1, min(top, n + rng.randint(-1, 1))) for n in x]
        rng.shuffle(y)
        scores = [Fraction(n, left * right) for n, left, right in (x, y)]
        expected = (scores[0] > scores[1]) - (scores[0] < scores[1])
        floats = np.array([float(n) / (float(left) * float(right)) for n, left, right in (x, y)])
        assert likelihood.scores_above(np.array([x, y], np.int64), floats, 0, 1) == expected


def test_total_counts_beyond_63_bits_are_an_error():
    words = Ragged.from_rows([[0, 1], [1, 0, 1]])
    with pytest.raises(OverflowError, match=r"pairs; the maximum is 2\^63 - 1"):
        engine.learn_merges(words, np.array([(1 << 62) + 1] * 2), 2, 4)
    with pytest.raises(OverflowError, match=r"symbols; the maximum is 2\^63 - 1"):
        engine.learn_merges(words, np.array([(1 << 61) + 1] * 2), 2, 4, order=Likelihood())


def test_more_symbols_requested_than_possible():
    assert len(check([([0, 1, 0], 1)], 2, 10**9)) == 2


def test_ctrl_c_between_slices(monkeypatch):
    """An interrupt stops training before its last merge."""
    rng = random.Random(41)
    words = Ragged.from_rows([rng.choices(range(3), k=40) for _ in range(1500)])
    counts = np.ones(1500, np.int64)
    run, slices = engine.k.run_merges, []
    monkeypatch.setattr(engine, "SLICE", 1)
    monkeypatch.setattr(engine.k, "run_merges", lambda *arguments: slices.append(1) or run(*arguments))
    engine.learn_merges(words, counts, 3, 2000)
    n_all = len(slices)
    slices.clear()
    timer = threading.Timer(0.05, _thread.interrupt_main)
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012  (the timer must start inside, as the interrupt may come at once)
        timer.start()
        engine.learn_merges(words, counts, 3, 2000)
    assert len(slices) < n_all


def test_scores_are_compared_exactly():
    from fasttok.models.merging.likelihood import scores_above

    rng = random.Random(83)
    for _ in range(3000):
        bits = rng.choice([4, 20, 31, 40, 62])
        n, left, right = (rng.randint(1, 1 << bits) for _ in range(3))
        k = rng.randint(1, max(1, (1 << 62) // max(n, left)))
        near = [n * k, min(left * k + rng.randint(-1, 1), (1 << 63) - 1) or 1, right]  # nearly the same score
        other = rng.choice([near, [rng.randint(1, 1 << bits) for _ in range(3)], [n, right, left]])
        keys = np.array([[n, left, right], other], np.int64)
        scores = keys[:, 0] / (keys[:, 1].astype(np.float64) * keys[:, 2].astype(np.float64))
        exact = [Fraction(a, b * c) for a, b, c in keys.tolist()]
        expected = (exact[0] > exact[1]) - (exact[0] < exact[1])
        assert scores_above(keys, scores, 0, 1) == expected
        assert scores_above(keys, scores, 1, 0) == -expected
