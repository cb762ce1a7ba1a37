"""The merge engine against counting anew after every merge."""

from __future__ import annotations

import _thread
import itertools
import random
import threading

import numpy as np
import pytest

from fasttok.models.merging import engine
from fasttok.ragged import Ragged
from tests import oracles


def check(words, n_alphabet, n_symbols, **options):
    counts = np.array([n for _, n in words], np.int64)
    ours = engine.learn_merges(
        Ragged.from_rows([w for w, _ in words]), counts, n_alphabet, n_symbols, **options
    )
    theirs = oracles.learn_merges(words, n_alphabet, n_symbols, **options)
    merged = range(n_alphabet, n_alphabet + len(ours))  # no string is made twice, here or by the oracle
    assert [(*row, new) for row, new in zip(ours.tolist(), merged, strict=True)] == theirs
    return theirs


def test_wikipedias_example():
    # aaabdaaabac: Z=aa, Y=ab, X=ZY (the article breaks the first tie the same way).
    word = [ord(c) - ord("a") for c in "aaabdaaabac"]
    assert check([(word, 1)], 4, 7) == [(0, 0, 4), (0, 1, 5), (4, 5, 6)]


def test_every_string_of_two_letters_up_to_length_8():
    for n in range(1, 9):
        for word in itertools.product([0, 1], repeat=n):
            check([(list(word), 3)], 2, 12)


@pytest.mark.parametrize("options", [{}, {"by_length": True}, {"min_count": 3}, {"max_length": 3}])
def test_random_corpora(options):
    rng = random.Random(15)
    for _ in range(700):
        n_alphabet = rng.choice([1, 2, 3, 5])
        words = [
            (rng.choices(range(n_alphabet), k=rng.randint(1, rng.choice([4, 12, 40]))), rng.randint(1, 9))
            for _ in range(rng.randint(1, 12))
        ]
        check(words, n_alphabet, n_alphabet + rng.choice([3, 20, 200]), **options)


def test_runs():
    for n in range(1, 40):
        check([([0] * n, 2), ([0, 1] * n, 1), ([1] * (n // 2 + 1), 5)], 2, 60)


def test_pausing_and_growing_change_nothing(monkeypatch):
    rng = random.Random(16)
    words = [(rng.choices(range(3), k=rng.randint(1, 20)), rng.randint(1, 5)) for _ in range(9)] + [
        ([0] * 99, 1)
    ]
    expected = check(words, 3, 300)
    grown = []
    monkeypatch.setattr(engine, "SLICE", 1)  # pause at every posting, and give no more room than needed
    monkeypatch.setattr(
        engine,
        "_with_room",
        lambda array, needed: (
            grown.append(needed) or np.resize(array, (max(int(needed), len(array)), *array.shape[1:]))
        ),
    )
    assert check(words, 3, 300) == expected
    assert grown


def test_counts_beyond_32_bits():
    check([([0, 1, 0, 1], 1 << 40), ([1, 0, 0], (1 << 40) + 1), ([0, 0, 1], 3)], 2, 10)


def test_pairs_beyond_64_bits_are_refused():
    words = Ragged.from_rows([[0, 1], [1, 0, 1]])
    with pytest.raises(OverflowError, match=r"pairs in the corpus; the most is 2\^63 - 1"):
        engine.learn_merges(words, np.array([(1 << 62) + 1] * 2), 2, 4)


def test_more_symbols_asked_for_than_there_can_be():
    assert len(check([([0, 1, 0], 1)], 2, 10**9)) == 2


def test_ctrl_c_between_slices(monkeypatch):
    """An interrupt from outside ends the training before its merges are through."""
    rng = random.Random(41)
    words = Ragged.from_rows([rng.choices(range(3), k=40) for _ in range(1500)])
    counts = np.ones(1500, np.int64)
    run, slices = engine.k.run_merges, []
    monkeypatch.setattr(engine, "SLICE", 1)
    monkeypatch.setattr(engine, "announce_compilation", lambda *_: None)
    monkeypatch.setattr(engine.k, "run_merges", lambda *arguments: slices.append(1) or run(*arguments))
    engine.learn_merges(words, counts, 3, 2000)
    n_all = len(slices)
    slices.clear()
    timer = threading.Timer(0.05, _thread.interrupt_main)
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012  (the timer starts where the interrupt may come)
        timer.start()
        engine.learn_merges(words, counts, 3, 2000)
    assert len(slices) < n_all
