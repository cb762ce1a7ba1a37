"""Exact weighted sums of counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_number, describe
from fasttok.core.ragged import Ragged
from fasttok.counts._hash import PretokenTable

Weight = int | float | str | Fraction


class Counted(Protocol):
    """Distinct pretokens, as Ragged of uint8, and the int64 count of each."""

    @property
    def text(self) -> Ragged: ...
    @property
    def counts(self) -> NDArray[np.int64]: ...


def exact_weight(weight: Weight) -> Fraction:
    """Return a weight as a fraction; a float is taken as the decimal number that it prints as.

    Raises
    ------
    ValueError
        If the weight is negative or not a finite number.
    """
    if isinstance(weight, (str, Fraction, Decimal)):
        try:
            exact = Fraction(weight)
        except (ValueError, OverflowError, ZeroDivisionError):
            raise ValueError(f"a weight must be a finite number, not {describe(weight)}") from None
    else:
        number = checked_number("a weight", weight)
        exact = Fraction(repr(number)) if isinstance(number, float) else Fraction(number)
    if exact < 0:
        raise ValueError(f"a weight must be at least 0, not {describe(weight)}")
    return exact


def add_weighted(parts: Sequence[tuple[Counted, Fraction]]) -> tuple[Ragged, NDArray[np.int64]]:
    """Return the pretokens of all parts and the weighted sum of each, computed exactly and rounded half up.

    Returns
    -------
    rows : Ragged of uint8
        Distinct pretokens whose sum does not round to 0, sorted by their bytes.
    counts : ndarray of int64
        Sum of each pretoken.

    Raises
    ------
    OverflowError
        If a sum exceeds 2^63 - 1.
    """
    denominator = math.lcm(*(weight.denominator for _, weight in parts))
    largest = sum(int(part.counts.max()) * int(w * denominator) for part, w in parts if len(part.counts))
    fits = 2 * (largest + denominator) < 1 << 63
    rows, rounded = _int64_totals(parts, denominator) if fits else _exact_totals(parts)
    kept = np.flatnonzero(rounded)
    return rows.take(kept), rounded[kept]


def _int64_totals(
    parts: Sequence[tuple[Counted, Fraction]], denominator: int
) -> tuple[Ragged, NDArray[np.int64]]:
    """Return the pretokens, sorted by their bytes, and the rounded weighted sum of each.

    Every product of a count and a weight, and every sum of these products, must fit int64.
    """
    table = PretokenTable()
    for part, weight in parts:
        text = part.text
        table.add(text.values, text.offsets, part.counts * int(weight * denominator))
    table.sort()
    values, offsets, sums = table.rows()
    return Ragged(values, offsets), (2 * sums + denominator) // (2 * denominator)


def _exact_totals(parts: Sequence[tuple[Counted, Fraction]]) -> tuple[Ragged, NDArray[np.int64]]:
    """Return the result of `_int64_totals`, computed with ``Fraction``, for products that exceed int64."""
    sums: dict[bytes, Fraction] = {}
    for part, weight in parts:
        for pretoken, count in zip(part.text.to_bytes(), part.counts.tolist(), strict=True):
            sums[pretoken] = sums.get(pretoken, Fraction(0)) + count * weight
    pretokens = sorted(sums)
    rounded = [math.floor(sums[pretoken] + Fraction(1, 2)) for pretoken in pretokens]
    if max(rounded, default=0) >= 1 << 63:
        raise OverflowError("the count of a pretoken exceeds 2^63 - 1")
    return Ragged.from_bytes(pretokens), np.array(rounded, np.int64)
