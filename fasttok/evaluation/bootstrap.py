"""Confidence intervals of metrics: bootstrap over documents.

Documents are drawn with replacement, as many as there are, and the metric is worked out again; the interval
has the middle 95 % of a thousand such values. What is drawn depends on the seed and on the name of the text,
so that all tokenizers, and all languages of aligned text, are worked out from the same documents: two values
are compared in pairs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

N_RESAMPLES = 1000
_BLOCK = 1 << 22  # how many documents are drawn at a time


def resample(
    columns: NDArray[np.int64], seed: int, names: Sequence[str], n_resamples: int = N_RESAMPLES
) -> NDArray[np.float64]:
    """Totals over all documents, and over documents drawn by chance.

    Parameters
    ----------
    columns : ndarray of int64, shape (n, m)
        What is added up, a row per document.
    seed : int
        What the draws depend on, with `names`.
    names : sequence of str
        What the documents are, such as corpus and language.
    n_resamples : int
        How often to draw.

    Returns
    -------
    ndarray of float64, shape (1 + n_resamples, m)
        In row 0 the totals of all documents, in each other row those of n documents drawn with replacement.
        All are whole numbers, so exact in any order of adding, while they are below 2^53. The other rows are
        NaN if there is but one document: every draw is that one, which does not say that it is certain.

    Raises
    ------
    OverflowError
        If a total could be 2^53 or more.

    Notes
    -----
    O(n m r) in r resamples. The draws are the upper halves of the words of a Philox generator, keyed by a
    SHA-256 of seed and names, times n, by 2^32: a stream that NumPy never changes. How often a document is
    drawn is the same for all columns.

    Examples
    --------
    >>> import numpy as np
    >>> totals = resample(np.array([[1, 10], [2, 20]]), 7, ["demo"], n_resamples=4)
    >>> totals[0].tolist(), set(totals[1:, 0].tolist()) <= {2.0, 3.0, 4.0}
    ([3.0, 30.0], True)
    """
    n = len(columns)
    if columns.size and float(np.abs(columns).max()) * n >= 2.0**53:
        raise OverflowError("totals of 2^53 and more are not exact")
    values = columns.astype(np.float64)
    key = hashlib.sha256("\0".join([str(seed), *names]).encode()).digest()[:16]
    generator = np.random.Philox(key=int.from_bytes(key, "little"))
    totals = [values.sum(axis=0, keepdims=True)]
    if n == 1:
        return np.concatenate([*totals, np.full((n_resamples, values.shape[1]), np.nan)])
    step = max(1, _BLOCK // max(n, 1))
    for start in range(0, n_resamples, step):
        k = min(step, n_resamples - start)
        halves = generator.random_raw(k * n) >> np.uint64(32)
        drawn = ((halves * np.uint64(n)) >> np.uint64(32)).astype(np.int64).reshape(k, n)
        drawn += n * np.arange(k, dtype=np.int64)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=k * n).reshape(k, n)
        totals.append(weights.astype(np.float64) @ values)
    return np.concatenate(totals)


def interval(values: NDArray[np.float64]) -> tuple[float, float] | None:
    """The 2.5th and 97.5th percentile of values.

    Parameters
    ----------
    values : ndarray of float64, shape (k,)
        The value of each draw of documents.

    Returns
    -------
    tuple of float, or None
        Both percentiles, between two values in proportion; in the unit of the values. None if one of these
        is NaN, as where documents drawn by chance have nothing to divide by, or there is but one document.

    Notes
    -----
    After Efron (1979), "Bootstrap Methods: Another Look at the Jackknife". O(k log k).

    Examples
    --------
    >>> import numpy as np
    >>> interval(np.arange(1001.0))
    (25.0, 975.0)
    """
    if np.isnan(values).any():
        return None
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
