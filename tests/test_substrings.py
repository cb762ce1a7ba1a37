"""Sorted suffixes and arcs of `Substrings`, compared with sorted lists and searches at every position."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from fasttok.core.ragged import Ragged
from fasttok.models import substrings as module
from fasttok.models._suffixes import sort_buckets
from fasttok.models.substrings import Substrings


def suffixes_of(words: list[list[int]], longest: int) -> list[list[int]]:
    """Return the suffix of every position."""
    return [word[i : i + longest] for word in words for i in range(len(word))]


def random_rows(rng: random.Random, n_symbols: int) -> list[list[int]]:
    rows = [rng.choices(range(n_symbols), k=rng.choice([0, 1, 3, 9, 40])) for _ in range(rng.randint(1, 40))]
    rows += [rng.choice(rows)[:] for _ in range(5)]
    return [*rows, [n_symbols - 1] * rng.choice([1, 5, 200])]


@pytest.mark.parametrize("n_symbols", [1, 2, 3, 100, 5000, 70_000, 0x10FFFF])
def test_suffixes_are_sorted(n_symbols, monkeypatch):
    rng = random.Random(n_symbols)
    monkeypatch.setattr(module, "PART", 50)
    for longest in (1, 2, 4, 17, 70, 255):
        rows = random_rows(rng, n_symbols)
        suffixes = suffixes_of(rows, longest)
        orders = [Substrings(Ragged.from_rows(rows), n_symbols, longest, n)._order for n in (1, 3)]
        assert orders[0].tolist() == orders[1].tolist()
        assert sorted(orders[0].tolist()) == list(range(len(suffixes)))
        assert [suffixes[p] for p in orders[0]] == sorted(suffixes)


def worst_keys(n: int, n_rounds: int) -> list[int]:
    """Return keys of which quicksort removes only two per round; its pivot is always the second smallest.

    The pivot is the median of the first, the middle and the last entry. A key is chosen when it is compared.
    """
    keys = [n + i for i in range(n)]
    row = list(range(n))
    for smallest in range(0, 2 * n_rounds, 2):
        keys[row[0]], keys[row[len(row) // 2]] = smallest, smallest + 1
        below, i, above = 0, 0, len(row)
        while i < above:
            entry = row[i]
            if keys[entry] < smallest + 1:
                row[i], row[below] = row[below], entry
                below += 1
                i += 1
            elif keys[entry] > smallest + 1:
                above -= 1
                row[i], row[above] = row[above], entry
            else:
                i += 1
        row = row[above:]
    return keys


def test_no_suffixes():
    found = Substrings(Ragged.from_rows([[], []]), 3, 5)
    offsets, arcs = found.arcs(np.empty((0, 3), np.int64), 3)
    assert (offsets.tolist(), len(arcs)) == ([0], 0)


@pytest.mark.parametrize("kind", ["random", "ascending", "descending", "alike", "organ pipe", "worst"])
def test_keys_in_any_order_are_sorted(kind):
    # With one symbol per suffix, the entries are sorted by their keys alone.
    n = 3000
    keys = {
        "random": [random.Random(1).getrandbits(64) for _ in range(n)],
        "ascending": list(range(n)),
        "descending": list(range(n, 0, -1)),
        "alike": [7] * n,
        "organ pipe": [*range(n // 2), *range(n // 2, 0, -1)],
        "worst": worst_keys(n, 60),
    }[kind]
    entries = np.array([[key, p] for p, key in enumerate(keys)], np.uint64)
    order, lengths = np.empty(n, np.int64), np.ones(n, np.int32)
    sort_buckets(entries, entries[:, 0].copy(), lengths, np.array([0, n]), 0, 1, 63, 1, 1, order)
    assert [keys[p] for p in order] == sorted(keys)
    assert sorted(order.tolist()) == list(range(n))


def test_arcs_are_the_occurrences(monkeypatch):
    rng = random.Random(3)
    monkeypatch.setattr(module, "PART", 7)
    for _ in range(20):
        n_symbols = rng.choice([2, 3, 6])
        rows = random_rows(rng, n_symbols)
        texts = {tuple(rng.choices(range(n_symbols), k=rng.randint(2, 5))) for _ in range(12)}
        pieces = sorted(texts, key=lambda text: (len(text), text))
        for workers in (1, 3):
            found = Substrings(Ragged.from_rows(rows), n_symbols, 6, workers)
            strings = found.find(Ragged.from_rows(pieces))
            offsets, arcs = found.arcs(strings, n_symbols)
            expected = [
                [1 << 24 | suffix[0]]
                + [len(t) << 24 | n_symbols + i for i, t in enumerate(pieces) if tuple(suffix[: len(t)]) == t]
                for suffix in suffixes_of(rows, 6)
            ]
            assert [arcs[a:b].tolist() for a, b in itertools.pairwise(offsets)] == expected
