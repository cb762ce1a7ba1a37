"""Sines, cosines and powers that have the same bits on every platform.

NumPy and the C library may compute elementary functions with other instructions on another processor, which
can change the last bits. The functions here use only operations whose results IEEE 754 determines: ``+``,
``-``, ``*``, ``/`` and square roots of float64, integers, and ``decimal``.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Context, Decimal
from math import factorial

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Three numbers with the sum pi / 2. The first two have 33 bits, so that their products with integers of up to
# 20 bits are exact.
_HALF_PI = tuple(map(float.fromhex, ("0x1.921fb544p+0", "0x1.0b4611a6p-34", "0x1.3198a2e037073p-69")))
# Coefficients of power series in x^2, by descending power.
_SINE = [(-1) ** i / factorial(2 * i + 1) for i in reversed(range(9))]
_COSINE = [(-1) ** i / factorial(2 * i) for i in reversed(range(9))]


def compute_sines(x: Floats) -> tuple[Floats, Floats]:
    """Return the sines and cosines of angles in radians, from 0 on; the absolute error is about 2e-16.

    It is larger for angles above 1,000,000: about 1e-16 times the angle.
    """
    quarters = np.rint(x * (2 / np.pi))
    r = x.copy()
    for part in _HALF_PI:
        r -= quarters * part
    square = r * r
    sine, cosine = r * _evaluate(_SINE, square), _evaluate(_COSINE, square)
    turn = quarters.astype(np.int64) & 3
    is_odd = (turn & 1).astype(bool)
    sine, cosine = np.where(is_odd, cosine, sine), np.where(is_odd, sine, cosine)
    return np.where(turn >= 2, -sine, sine), np.where((turn == 1) | (turn == 2), -cosine, cosine)


def compute_powers(base: float, exponents: Sequence[tuple[int, int]]) -> Floats:
    """Return ``base ** (a / b)`` for each pair (a, b), rounded once; `base` is positive."""
    context = Context(prec=50)
    number = Decimal(base)
    return np.array(
        [float(context.power(number, context.divide(Decimal(a), Decimal(b)))) for a, b in exponents],
        np.float64,
    )


def _evaluate(coefficients: Sequence[float], x: Floats) -> Floats:
    first, *rest = coefficients
    result = np.full_like(x, first)
    for one in rest:
        result *= x
        result += one
    return result
