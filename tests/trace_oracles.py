"""Slow, obvious versions of what a trace of a training has."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import pairwise


def replace(word: list[int], pair: tuple[int, int], merged: int) -> list[int]:
    """Return the word with the occurrences of the pair merged, from left to right."""
    found: list[int] = []
    i = 0
    while i < len(word):
        is_pair = tuple(word[i : i + 2]) == pair
        found.append(merged if is_pair else word[i])
        i += 2 if is_pair else 1
    return found


def trace_merges(
    words: list[tuple[list[int], int]],
    n_alphabet: int,
    n_symbols: int,
    min_count: int = 1,
    max_length: int | None = None,
    ties: str = "ids",
    veto: list[tuple[int, ...]] | None = None,
    by_likelihood: bool = False,
) -> list[tuple[list[list[int]], int, int, int]]:
    """Learn merges, counting everything again before each of them.

    For each merge, return its best five pairs with the counts of the pair and of its two symbols, the number
    of words with the merged pair, and the number of symbols before and after.
    """
    strings = [(i,) for i in range(n_alphabet)]
    steps = []
    while len(strings) < n_symbols:
        pairs: Counter[tuple[int, int]] = Counter()
        symbols: Counter[int] = Counter()
        for word, n in words:
            for symbol in word:
                symbols[symbol] += n
            for pair in pairwise(word):
                pairs[pair] += n
        ranked = []
        for (left, right), n in pairs.items():
            joined = strings[left] + strings[right]
            if n < min_count or joined in (veto or ()) or (max_length and len(joined) > max_length):
                continue
            if by_likelihood:
                key = (-Fraction(n, symbols[left] * symbols[right]),)
            elif ties == "shortest":
                key = (-n, len(joined), joined)
            elif ties == "largest":
                key = (-n, *((*(-unit for unit in strings[one]), 1) for one in (left, right)))
            else:
                key = (-n,)
            ranked.append((*key, left, right))
        if not ranked:
            break
        best = [(row[-2], row[-1]) for row in sorted(ranked)[:5]]
        n_words = sum(best[0] in pairwise(word) for word, _ in words)
        before = sum(len(word) * n for word, n in words)
        words = [(replace(word, best[0], len(strings)), n) for word, n in words]
        strings.append(strings[best[0][0]] + strings[best[0][1]])
        rows = [[a, b, pairs[a, b], symbols[a], symbols[b]] for a, b in best]
        steps.append((rows, n_words, before, sum(len(word) * n for word, n in words)))
    return steps
