"""What metrics are made of: sums over documents, and their quotients."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Total = int | NDArray[Any]
Quotient = float | NDArray[np.float64]


def divide(numerator: Total, denominator: Total) -> Quotient:
    """The quotient, of arrays by element; NaN where the denominator is 0.

    Parameters
    ----------
    numerator, denominator : int or ndarray
        Sums over documents; arrays hold one of each resample of the documents, or of each language. They
        broadcast.

    Returns
    -------
    float, or ndarray of float64
        One division, correctly rounded, of numbers below 2^53.

    Examples
    --------
    >>> divide(7, 2), divide(1, 0)
    (3.5, nan)
    """
    above, below = np.broadcast_arrays(np.asarray(numerator, np.float64), np.asarray(denominator, np.float64))
    quotient = np.full(above.shape, np.nan)
    np.divide(above, below, out=quotient, where=below != 0)
    return quotient if quotient.ndim else float(quotient)
