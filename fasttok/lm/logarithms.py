"""Logarithms to the base 2 that have the same bits on every platform."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Coefficients of the power series of 2 artanh(s) / (s ln 2) in s^2, by descending power.
_SERIES = [2 / (n * 0.6931471805599453) for n in range(25, 0, -2)]


def compute_log2(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the base 2 logarithms of positive numbers; the relative error is about 4e-16.

    NumPy and the C library may compute logarithms with other instructions on another processor, which can
    change the last bits. This function uses only operations whose results IEEE 754 determines.

    Examples
    --------
    >>> import numpy as np
    >>> from fasttok.lm.logarithms import compute_log2
    >>> compute_log2(np.array([0.125, 1.0, 1024.0])).tolist()
    [-3.0, 0.0, 10.0]
    """
    mantissas, exponents = np.frexp(x)
    is_small = mantissas < 0.7071067811865476
    mantissas = np.where(is_small, 2 * mantissas, mantissas)  # from sqrt(1/2) to sqrt(2)
    s = (mantissas - 1) / (mantissas + 1)
    square = s * s
    series = np.full_like(s, _SERIES[0])
    for coefficient in _SERIES[1:]:
        series = series * square + coefficient
    logarithms: NDArray[np.float64] = (exponents - is_small) + s * series
    return logarithms
