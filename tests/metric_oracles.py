"""Naive implementations of the metrics, with the standard library, numpy and regex, but without fasttok.

Each is written to be obviously correct, not to be fast.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import regex

BYTE_NAMES = [f"<0x{byte:02X}>".encode() for byte in range(256)]
TIBETAN_MARKS = [0x0F0B, 0x0F0C, 0x0FD2, *range(0x0F0D, 0x0F15)]


def words(document: bytes, rule: str) -> list[tuple[int, int]]:
    """Return the spans of the words in bytes."""
    text = document.decode(errors="surrogateescape")
    if rule == "unicode":
        units = regex.split(r"(?V1w)\b", text)
        is_word = [any(regex.match(r"[\p{L}\p{N}]", c) for c in unit) for unit in units]
    else:
        is_separator = [regex.match(r"\p{White_Space}", c) for c in text]
        if rule == "dzongkha":
            is_separator = [
                found or ord(c) in TIBETAN_MARKS for found, c in zip(is_separator, text, strict=True)
            ]
        units = []
        for i, c in enumerate(text):
            if i and bool(is_separator[i]) == bool(is_separator[i - 1]):
                units[-1] += c
            else:
                units.append(c)
        is_word = [bool(unit) and not regex.match(r"\p{White_Space}", unit) for unit in units]
        if rule == "dzongkha":
            is_word = [
                found and ord(unit[0]) not in TIBETAN_MARKS
                for found, unit in zip(is_word, units, strict=True)
            ]
    ends = [0]
    for unit in units:
        ends.append(ends[-1] + len(unit.encode(errors="surrogateescape")))
    return [span for span, found in zip(pairwise(ends), is_word, strict=True) if found]


def tokens_of_word(word: tuple[int, int], spans: list[list[int]]) -> int:
    """Count the tokens that share a byte with a word. An empty token counts for the byte after it."""
    filled = [range(start, max(end, start + 1)) for start, end in spans]
    return sum(bool(set(token) & set(range(*word))) for token in filled)


def spans_of_text(
    spans: list[list[int]], pieces: list[bytes], written: list[bytes], n_bytes: int
) -> list[list[int]]:
    """Return the spans of the tokens that can be part of a word, in a document of `n_bytes` bytes.

    Excluded are tokens that are only a space or only a ▁ that decodes to something else, and tokens after the
    last byte.
    """
    found = []
    for span, piece, text in zip(spans, pieces, written, strict=True):
        is_space = piece == b" " or (piece == "▁".encode() and text != piece)
        if not is_space and span[0] < n_bytes:
            found.append(span)
    return found


def quotient(numerator: int, denominator: int) -> float | None:
    return float(Fraction(numerator, denominator)) if denominator else None


def gini(costs: list[int]) -> float | None:
    mean = Fraction(sum(costs), len(costs))
    differences = sum(abs(a - b) for a, b in product(costs, repeat=2))
    return float(differences / (2 * len(costs) ** 2 * mean)) if mean else None


def lorenz(costs: list[int]) -> list[float]:
    return [sum(sorted(costs)[:i]) / sum(costs) for i in range(len(costs) + 1)]


def renyi_efficiency(tokens: list[int], alpha: float, n_types: int | None = None) -> float | None:
    counts = Counter(tokens)
    n_types = n_types or len(counts)
    if n_types < 2 or not tokens:
        return None
    shares = [count / len(tokens) for count in counts.values()]
    if alpha == 1:
        return -math.fsum(p * math.log2(p) for p in shares) / math.log2(n_types)
    return math.log2(math.fsum(p**alpha for p in shares)) / (1 - alpha) / math.log2(n_types)


def percentile_frequency(tokens: list[int], low: int, high: int) -> float | None:
    ranked = [count for _, count in Counter(tokens).most_common()]
    inside = [
        count
        for rank, count in enumerate(ranked)
        if math.floor(Fraction(low * len(ranked), 100))
        <= rank
        < math.floor(Fraction(high * len(ranked), 100))
    ]
    return quotient(sum(inside), len(tokens))


def count_in_windows(tokens: list[int], window: int) -> tuple[int, int]:
    if not tokens:
        return 0, 0
    window = min(window, len(tokens))
    windows = [tokens[i : i + window] for i in range(len(tokens) - window + 1)]
    return sum(len(set(part)) for part in windows), sum(map(len, windows))


def boundaries(word: tuple[int, int], gold: set[int], spans: list[list[int]], text: bytes) -> tuple[int, ...]:
    """Return the numbers of gold, predicted and correct boundaries inside a word, and MorphScore's two flags.

    The first flag is 1 if the word is scored, the second if it has a correct boundary; else they are 0.
    """
    characters = {len(text.decode()[:i].encode()) for i in range(len(text.decode()))}
    inside = set(range(word[0] + 1, word[1])) & characters
    gold, predicted = gold & inside, {start for start, _ in spans} & inside
    scored = bool(gold) and bool(predicted)
    return len(gold), len(predicted), len(gold & predicted), int(scored), int(bool(gold & predicted))


def resample(columns: list[list[int]], seed: int, names: list[str], n_resamples: int) -> list[list[int]]:
    """Return the totals of the columns over all documents, then over each resample."""
    n = len(columns)
    key = hashlib.sha256("\0".join([str(seed), *names]).encode()).digest()
    stream = iter(
        np.random.Philox(key=int.from_bytes(key[:16], "little")).random_raw(n * n_resamples).tolist()
    )
    totals = [[sum(column) for column in zip(*columns, strict=True)]]
    for _ in range(n_resamples):
        drawn = [columns[(next(stream) >> 32) * n >> 32] for _ in range(n)]
        totals.append([sum(column) for column in zip(*drawn, strict=True)])
    return totals


def percentile(values: list[float], percent: float) -> float:
    position = Fraction(percent) / 100 * (len(values) - 1)
    low = math.floor(position)
    values = sorted(values)
    return values[low] + (values[min(low + 1, len(values) - 1)] - values[low]) * float(position - low)


def text_of_pieces(pieces: list[bytes]) -> list[bytes]:
    """Return the pieces with ``<0x41>`` replaced by A, if there is such a piece for each of the 256 bytes."""
    if not all(name in pieces for name in BYTE_NAMES):
        return pieces
    return [bytes([BYTE_NAMES.index(piece)]) if piece in BYTE_NAMES else piece for piece in pieces]
