"""Sorted suffixes and arcs of `Substrings`, compared with sorted lists and searches at every position."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from fasttok.core.ragged import Ragged
from fasttok.models import substrings as module
from fasttok.models._suffixes import sort_buckets
from fasttok.models.substrings import Substrings, sort_words


def suffixes_of(words: list[list[int]], longest: int | None = None) -> list[list[int]]:
    """Return the suffix of every position, or its first `longest` symbols."""
    return [word[i:][:longest] for word in words for i in range(len(word))]


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
        found = [Substrings(Ragged.from_rows(rows), n_symbols, longest, n) for n in (1, 3)]
        order = found[0]._order.tolist()
        assert order == found[1]._order.tolist()
        # One position represents all that have the same suffix.
        suffixes = suffixes_of(rows)
        first = [suffixes[p] for p in found[0]._representatives]
        assert first == suffixes
        assert sorted(order) == sorted(set(found[0]._representatives.tolist()))
        different = {tuple(suffix) for suffix in suffixes}
        assert len(order) == len(different)
        assert [suffixes[p][:longest] for p in order] == sorted(list(text[:longest]) for text in different)


def shared_length(a: list[int], b: list[int]) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


@pytest.mark.parametrize("n_symbols", [1, 2, 100, 70_000])
def test_words_are_sorted(n_symbols, monkeypatch):
    rng = random.Random(n_symbols)
    monkeypatch.setattr(module, "PART", 20)
    for _ in range(5):
        rows = [*random_rows(rng, n_symbols), [0] * 300, [0] * 400]
        results = [sort_words(Ragged.from_rows(rows), n_symbols, workers) for workers in (1, 3)]
        (order, shared), (others, _) = results
        assert order.tolist() == others.tolist()
        assert sorted(order.tolist()) == list(range(len(rows)))
        words = [rows[w][:255] for w in order]
        assert words == sorted(words)
        assert shared[0] == 0
        assert shared[1:].tolist() == [shared_length(a, b) for a, b in itertools.pairwise(words)]


def test_the_weight_of_a_substring_is_its_number_of_occurrences():
    rng = random.Random(9)
    for _ in range(20):
        n_symbols = rng.choice([2, 3, 6])
        rows = random_rows(rng, n_symbols)
        counts = np.array([rng.randint(1, 9) for _ in rows], np.int64)
        texts = [rng.choices(range(n_symbols), k=rng.randint(1, 5)) for _ in range(20)]
        found = Substrings(Ragged.from_rows(rows), n_symbols, 6)
        expected = [
            sum(
                int(n) * sum(row[i:][: len(t)] == t for i in range(len(row)))
                for row, n in zip(rows, counts, strict=True)
            )
            for t in texts
        ]
        assert found.weigh(found.find(Ragged.from_rows(texts)), counts).tolist() == expected


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
    chains = found.chains(np.empty((0, 3), np.int64), 3)
    assert [len(chains.representatives), len(chains.longest), len(chains.links)] == [0, 0, 0]


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


def test_chains_are_the_occurrences(monkeypatch):
    rng = random.Random(3)
    monkeypatch.setattr(module, "PART", 7)
    for _ in range(20):
        n_symbols = rng.choice([2, 3, 6])
        rows = random_rows(rng, n_symbols)
        texts = {tuple(rng.choices(range(n_symbols), k=rng.randint(2, 5))) for _ in range(12)}
        pieces = sorted(texts, key=lambda text: (len(text), text))
        expected = [
            [len(t) << 24 | n_symbols + i for i, t in enumerate(pieces) if tuple(suffix[: len(t)]) == t][::-1]
            for suffix in suffixes_of(rows, 6)
        ]
        for workers in (1, 3):
            found = Substrings(Ragged.from_rows(rows), n_symbols, 6, workers)
            chains = found.chains(found.find(Ragged.from_rows(pieces)), n_symbols)
            arcs = []
            for row in chains.longest[chains.representatives].tolist():
                arcs.append([])
                at = row
                while at:
                    arc, at = chains.links[at - 1].tolist()
                    arcs[-1].append(arc)
            assert arcs == expected
