"""Bootstrap confidence intervals of metrics.

Each resample draws n documents with replacement from the n documents of a text. The metric is computed for
each of 1,000 resamples, and the interval contains the middle 95 % of the resulting values. The draws depend
only on the seed, on the number of documents, and on the names of the corpus and of the language; for parallel
text, the language is left out. Therefore all tokenizers, and all languages of parallel text, are measured on
the same resamples, so a comparison of two of them is paired.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

N_RESAMPLES = 1000  # default number of resamples
_BLOCK = 1 << 22  # number of documents drawn at a time, which limits the memory


def resample(
    columns: NDArray[np.int64], seed: int, names: Sequence[str], n_resamples: int = N_RESAMPLES
) -> NDArray[np.float64]:
    """Return the totals over all documents and over bootstrap resamples of the documents.

    Parameters
    ----------
    columns : ndarray of int64, shape (n, m)
        Counts to add up: one row per document, one column per total.
    seed : int
        Seed of the random draws, used together with `names`.
    names : sequence of str
        Names that identify the text, such as corpus and language.
    n_resamples : int
        Number of resamples.

    Returns
    -------
    ndarray of float64, shape (1 + n_resamples, m)
        Row 0 contains the totals of all documents, and each other row contains the totals of one resample.
        Totals are whole numbers below 2^53 and therefore exact. With a single document, the rows of the
        resamples are NaN, because every resample would be the same.

    Raises
    ------
    OverflowError
        If a total could reach 2^53.

    Notes
    -----
    O(n m r) for r resamples. A Philox generator, whose key is the first 128 bits of the SHA-256 of seed and
    names, produces 64-bit numbers. If h is the upper half of a number, the index of the drawn document is
    ``h * n >> 32``. NumPy guarantees that a Philox generator with the same key always produces the same
    numbers. All columns use the same draws.

    Examples
    --------
    >>> import numpy as np
    >>> from fasttok.evaluation.bootstrap import resample
    >>> totals = resample(np.array([[1, 10], [2, 20]]), 7, ["demo"], n_resamples=4)
    >>> totals[0].tolist(), set(totals[1:, 0].tolist()) <= {2.0, 3.0, 4.0}
    ([3.0, 30.0], True)
    """
    n = len(columns)
    if columns.size and float(np.abs(columns).max()) * n >= 2.0**53:
        raise OverflowError("cannot add the counts exactly: a total could reach 2^53")
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
    """Return the 95 % bootstrap interval: the 2.5th and the 97.5th percentile.

    Parameters
    ----------
    values : ndarray of float64, shape (k,)
        Value of the metric for each of k resamples.

    Returns
    -------
    tuple of float, or None
        Both percentiles, interpolated linearly, in the unit of the values. None if a value is NaN. A value is
        NaN if the denominator of its resample is 0, or if there is only one document.

    Notes
    -----
    The bootstrap is that of Efron (1979), "Bootstrap Methods: Another Look at the Jackknife". O(k log k).

    Examples
    --------
    >>> import numpy as np
    >>> from fasttok.evaluation.bootstrap import interval
    >>> interval(np.arange(1001.0))
    (25.0, 975.0)
    """
    if np.isnan(values).any():
        return None
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
