"""Naive embedding tables and positions, with the standard library, but without fasttok and NumPy.

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
