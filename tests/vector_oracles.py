"""Naive embedding tables, positions and word vectors, with the standard library only.

Each is written to be obviously correct, not to be fast.
"""

from __future__ import annotations

import math
from fractions import Fraction
from statistics import NormalDist

WORD = 1 << 64


# Random numbers


def mix(x: int) -> int:
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 % WORD
    x = (x ^ x >> 27) * 0x94D049BB133111EB % WORD
    return x ^ x >> 31


def splitmix(state: int, i: int) -> int:
    """Return number i of SplitMix64."""
    return mix((state + (i + 1) * 0x9E3779B97F4A7C15) % WORD)


def uniform(seed: int, stream: int, i: int) -> float:
    """Return uniform number i of a stream, between 0 and 1."""
    z = splitmix(splitmix(splitmix(seed, 0) ^ stream, 0), i)
    return float(Fraction(2 * (z >> 12) + 1, 1 << 53))


def random_rows(n: int, dim: int, seed: int, stream: int, init: str, scale: float) -> list[list[float]]:
    if init == "xavier":
        scale *= math.sqrt(6 / (n + dim))

    def number(i: int) -> float:
        u = uniform(seed, stream, i)
        return scale * (NormalDist().inv_cdf(u) if init == "normal" else 2 * u - 1)

    return [[number(row * dim + column) for column in range(dim)] for row in range(n)]


# Tables


def one_hot_product(ids: list[int], weights: list[list[float]]) -> list[list[float]]:
    rows = []
    for i in ids:
        hot = [float(i == j) for j in range(len(weights))]
        rows.append(
            [sum(h * w for h, w in zip(hot, column, strict=True)) for column in zip(*weights, strict=True)]
        )
    return rows


# Positions


def sinusoidal(n: int, dim: int, base: float) -> list[list[float]]:
    def number(p: int, j: int) -> float:
        angle = p / base ** ((j - j % 2) / dim)
        return math.cos(angle) if j % 2 else math.sin(angle)

    return [[number(p, j) for j in range(dim)] for p in range(n)]


def rotate(vector: list[float], position: int, base: float, layout: str) -> list[float]:
    """Rotate pairs of columns as complex numbers."""
    dim = len(vector)
    half = dim // 2
    result = [0.0] * dim
    for i in range(half):
        a, b = (i, i + half) if layout == "half" else (2 * i, 2 * i + 1)
        angle = position * base ** (-2 * i / dim)
        turned = complex(vector[a], vector[b]) * complex(math.cos(angle), math.sin(angle))
        result[a], result[b] = turned.real, turned.imag
    return result


def bucket(query: int, key: int, n_buckets: int, max_distance: int, bidirectional: bool) -> int:
    """Return the bucket of a relative position by the formula of T5, in exact arithmetic where it matters."""
    first = 0
    if bidirectional:
        n_buckets //= 2
        first = n_buckets if key > query else 0
        distance = abs(key - query)
    else:
        distance = max(0, query - key)
    exact = n_buckets // 2
    if distance < exact:
        return first + distance
    width = n_buckets - exact
    # The largest k with (distance / exact) ** width >= (max_distance / exact) ** k.
    k = 0
    ratio, step = Fraction(distance, exact) ** width, Fraction(max_distance, exact)
    while k < width - 1 and ratio >= step ** (k + 1):
        k += 1
    return first + exact + k


def slopes(n_heads: int) -> list[float]:
    """Return the slopes of ALiBi: a geometric series for powers of two, otherwise every other of the next."""
    if math.log2(n_heads).is_integer():
        start = 2 ** -(2 ** -(math.log2(n_heads) - 3))
        return [start ** (i + 1) for i in range(n_heads)]
    below = 2 ** math.floor(math.log2(n_heads))
    return slopes(below) + slopes(2 * below)[::2][: n_heads - below]


# Word vectors


def cooccurrence(rows: list[list[int]], window: int, is_harmonic: bool) -> dict[tuple[int, int], Fraction]:
    """Return the sum of the weights of each pair of ids, by looking at every two places of every document."""
    found: dict[tuple[int, int], Fraction] = {}
    for row in rows:
        for i, x in enumerate(row):
            for j, y in enumerate(row):
                if 0 < abs(i - j) <= window:
                    weight = Fraction(1, abs(i - j)) if is_harmonic else Fraction(1)
                    found[x, y] = found.get((x, y), Fraction(0)) + weight
    return found


def ppmi(
    table: dict[tuple[int, int], Fraction], shift: float, smoothing: float
) -> dict[tuple[int, int], float]:
    """Return the positive pointwise mutual information of each pair, from probabilities."""
    total = sum(table.values())
    words, contexts = {i for i, _ in table}, {j for _, j in table}
    p_word = {i: sum(x for (a, _), x in table.items() if a == i) / total for i in words}
    powers = {j: float(sum(x for (_, b), x in table.items() if b == j)) ** smoothing for j in contexts}
    p_context = {j: power / sum(powers.values()) for j, power in powers.items()}
    values = {
        (i, j): math.log(float(x / total) / (float(p_word[i]) * p_context[j])) - shift
        for (i, j), x in table.items()
    }
    return {pair: value for pair, value in values.items() if value > 0}


def glove(
    pairs: list[tuple[int, int, float]], n_ids: int, dim: int, epochs: int, seed: int
) -> tuple[list[list[float]], list[float]]:
    """Train GloVe on pairs, in their order; return the vectors of all ids and the losses."""
    starts = [random_rows(n_ids, dim + 1, seed, stream, "uniform", 0.5 / dim) for stream in (3, 4)]
    words, contexts = starts
    squares = [[[1.0] * (dim + 1) for _ in range(n_ids)] for _ in range(2)]
    losses = []
    for _ in range(epochs):
        loss = 0.0
        for i, j, x in pairs:
            w, v = words[i], contexts[j]
            error = sum(a * b for a, b in zip(w[:dim], v[:dim], strict=True)) + w[dim] + v[dim] - math.log(x)
            weight = (x / 100) ** 0.75 if x < 100 else 1.0
            loss += weight * error**2
            gradients_w = [0.05 * weight * error * one for one in [*v[:dim], 1.0]]
            gradients_v = [0.05 * weight * error * one for one in [*w[:dim], 1.0]]
            for vector, gradients, sums in ((w, gradients_w, squares[0][i]), (v, gradients_v, squares[1][j])):
                for k, gradient in enumerate(gradients):
                    vector[k] -= gradient / math.sqrt(sums[k])
                    sums[k] += gradient**2
        losses.append(loss / len(pairs))
    used = {i for i, _, _ in pairs}
    return [
        [a + b for a, b in zip(w[:dim], v[:dim], strict=True)] if i in used else [0.0] * dim
        for i, (w, v) in enumerate(zip(words, contexts, strict=True))
    ], losses


def cosine(x: list[float], y: list[float]) -> float:
    lengths = math.hypot(*x) * math.hypot(*y)
    return sum(a * b for a, b in zip(x, y, strict=True)) / lengths if lengths else 0.0


def weighted_mean(rows: list[int], vectors: list[list[float]], weights: dict[int, float]) -> list[float]:
    """Return the mean of weighted vectors of ids, without those that are zero."""
    known = [i for i in rows if any(vectors[i])]
    sums = [sum(weights[i] * vectors[i][k] for i in known) for k in range(len(vectors[0]))]
    return [one / max(1, len(known)) for one in sums]


def sif_weights(counts: list[int]) -> dict[int, float]:
    return {i: 0.001 / (0.001 + n / sum(counts)) for i, n in enumerate(counts)}


def idf_weights(texts: list[list[int]], n_ids: int) -> dict[int, float]:
    n = len(texts)
    return {i: math.log((1 + n) / (1 + sum(i in text for text in texts))) + 1 for i in range(n_ids)}


def without_common(rows: list[list[float]], steps: int = 3000) -> list[list[float]]:
    """Return the rows without their first right singular vector, which is found by power iteration."""
    u = [1.0 + k for k in range(len(rows[0]))]
    for _ in range(steps):
        products = [sum(a * b for a, b in zip(row, u, strict=True)) for row in rows]
        u = [sum(p * row[k] for p, row in zip(products, rows, strict=True)) for k in range(len(u))]
        u = [one / math.hypot(*u) for one in u]
    products = [sum(a * b for a, b in zip(row, u, strict=True)) for row in rows]
    return [[a - p * b for a, b in zip(row, u, strict=True)] for p, row in zip(products, rows, strict=True)]
