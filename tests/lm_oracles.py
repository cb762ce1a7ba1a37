"""Naive n-gram language models, with dictionaries, without fasttok and NumPy.

Each is written to be obviously correct, not to be fast. `KneserNey` follows Chen and Goodman (1998), "An
empirical study of smoothing techniques for language modeling", section 3.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

BEGIN = -1
Gram = tuple[int, ...]


def pad(document: Sequence[int], end: int) -> Gram:
    return (BEGIN, *document, end)


def count_grams(documents: Sequence[Sequence[int]], length: int, end: int) -> Counter[Gram]:
    """Count the n-grams of one length; the begin symbol alone is not one."""
    found: Counter[Gram] = Counter()
    for document in documents:
        symbols = pad(document, end)
        for start in range(len(symbols) - length + 1):
            found[symbols[start : start + length]] += 1
    found.pop((BEGIN,), None)
    return found


class KneserNey:
    """Interpolated Kneser-Ney smoothing with three discounts per order."""

    def __init__(self, documents: Sequence[Sequence[int]], order: int, n_symbols: int, end: int) -> None:
        self.order, self.n_symbols, self.end = order, n_symbols, end
        raw = {n: count_grams(documents, n, end) for n in range(1, order + 2)}
        self.counts: dict[int, dict[Gram, int]] = {}
        for n in range(1, order + 1):
            before: dict[Gram, set[int]] = defaultdict(set)  # symbols before each n-gram
            for longer in raw[n + 1]:
                before[longer[1:]].add(longer[0])
            self.counts[n] = {
                gram: count if n == order or gram[0] == BEGIN else len(before[gram])
                for gram, count in raw[n].items()
            }
        self.discounts = {n: self.find_discounts(n) for n in self.counts}
        self.totals: Counter[Gram] = Counter()  # sum of the counts after each context
        self.masses: dict[Gram, float] = defaultdict(float)  # sum of the discounts after each context
        for n, counts in self.counts.items():
            for gram, count in counts.items():
                self.totals[gram[:-1]] += count
                self.masses[gram[:-1]] += self.discounts[n][min(count, 3) - 1]

    def find_discounts(self, n: int) -> tuple[float, float, float]:
        n1, n2, n3, n4 = (sum(count == i for count in self.counts[n].values()) for i in (1, 2, 3, 4))
        if n1 and n2 and n3:
            y = n1 / (n1 + 2 * n2)
            d1, d2, d3 = 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3
            if 0 < d1 <= 1 and 0 < d2 <= 2 and 0 < d3 <= 3:
                return d1, d2, d3
        return 0.5, 1.0, 1.5

    def probability(self, symbol: int, history: Sequence[int]) -> float:
        """Return p(symbol | history); the history are all ids of the document before the symbol."""
        context = (BEGIN, *history)
        return self.interpolate(symbol, context[max(0, len(context) - self.order + 1) :])

    def interpolate(self, symbol: int, context: Gram) -> float:
        n = len(context) + 1
        lower = 1 / self.n_symbols if n == 1 else self.interpolate(symbol, context[1:])
        total = self.totals[context]
        if total == 0:
            return lower
        discounts = self.discounts[n]
        count = self.counts[n].get((*context, symbol), 0)
        discounted = count - discounts[min(count, 3) - 1] if count else 0.0
        return discounted / total + self.masses[context] / total * lower


class AddK:
    """Maximum likelihood with a constant k added to each count."""

    def __init__(
        self, documents: Sequence[Sequence[int]], order: int, n_symbols: int, end: int, k: float
    ) -> None:
        self.order, self.n_symbols, self.end, self.k = order, n_symbols, end, k
        self.counts = {n: count_grams(documents, n, end) for n in range(1, order + 1)}

    def probability(self, symbol: int, history: Sequence[int]) -> float:
        context = (BEGIN, *history)
        context = context[max(0, len(context) - self.order + 1) :] if self.order > 1 else ()
        counts = self.counts[len(context) + 1]
        total = sum(count for gram, count in counts.items() if gram[:-1] == context)
        return (counts[(*context, symbol)] + self.k) / (total + self.k * self.n_symbols)


def measure_bits(model: KneserNey | AddK, document: Sequence[int]) -> float:
    """Return minus the sum of the base 2 logarithms of the probabilities of a document and its end."""
    bits = 0.0
    for i, symbol in enumerate((*document, model.end)):
        bits -= math.log2(model.probability(symbol, document[:i]))
    return bits
