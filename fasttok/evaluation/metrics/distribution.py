"""Distribution metrics: how evenly a text uses the ids of a vocabulary.

Most functions take the number of occurrences of each id, as `numpy.bincount` returns it. Counts of 0 can be
omitted. `count_in_windows` takes the ids themselves, because its result depends on their order.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.evaluation.metric import Metric
from fasttok.evaluation.metrics.totals import Quotient, divide

# Decimals, because floating-point roots and logarithms differ in the last bit between processors and C
# libraries.
_ARITHMETIC = Context(
    prec=50, rounding=ROUND_HALF_EVEN, Emin=-999999, Emax=999999, capitals=1, clamp=0, traps=[]
)


def renyi_efficiency(counts: NDArray[Any], alpha: float = 2.5, n_types: int | None = None) -> float:
    """Return the Rényi efficiency: the Rényi entropy of the ids, divided by its maximum.

    Parameters
    ----------
    counts : ndarray of int64, shape (v,)
        Number of occurrences of each id.
    alpha : float
        Order of the entropy, above 0; 1 is the Shannon entropy. A larger order gives more weight to frequent
        ids. At infinity only the most frequent id matters.
    n_types : int, optional
        Number of types (distinct ids) ``|V|``; default: the number of ids that occur. Pass the vocabulary
        size to penalize unused ids.

    Returns
    -------
    float
        Ratio without unit, from 0 to 1. It is 1 if all types occur equally often. NaN if ``|V|`` is below 2.

    Raises
    ------
    ValueError
        If `alpha` is not above 0, or if `n_types` is smaller than the number of ids that occur.

    Notes
    -----
    Let p be the share of each id among all tokens. The entropy in bits is ``log2(Σ p^α) / (1 - α)``,
    ``-Σ p log2 p`` for α = 1, and ``-log2 max p`` for α = ∞. Its maximum is ``log2 |V|``. The computation
    uses 50 decimal digits and rounds once, so the result is the same on every machine. O(v log v).

    Zouhar et al. (2023), arXiv:2306.16842, found that the efficiency at α = 2.5 correlates with translation
    quality. Cognetta et al. (2024), arXiv:2402.14614, constructed tokenizers that have a higher efficiency
    but translate worse.

    Examples
    --------
    >>> import numpy as np
    >>> from fasttok.evaluation.metrics.distribution import renyi_efficiency
    >>> round(renyi_efficiency(np.array([3, 2, 1, 1])), 6)
    0.826506
    >>> round(renyi_efficiency(np.array([3, 2, 1, 1, 0]), n_types=5), 6)
    0.711914
    """
    if not alpha > 0:
        raise ValueError(f"alpha must be above 0, not {alpha}")
    counts = counts[counts > 0]
    n_types = len(counts) if n_types is None else n_types
    if n_types < len(counts):
        raise ValueError(
            f"n_types must be at least the number of ids that occur: {len(counts)} ids occur, "
            f"n_types is {n_types}"
        )
    if n_types < 2 or not len(counts):
        return float("nan")
    values, n_ids = np.unique(counts, return_counts=True)
    with localcontext(_ARITHMETIC):
        n_tokens, largest = Decimal(int(counts.sum())), Decimal(int(values[-1]))
        least = (n_tokens / largest).ln()  # entropy of order infinity, a lower bound for all orders
        shares = [(n, count / largest) for count, n in zip(values.tolist(), n_ids.tolist(), strict=True)]
        if alpha == 1:
            entropy = least - sum(n * share * share.ln() for n, share in shares) * largest / n_tokens
        elif math.isinf(alpha):
            entropy = least
        else:
            power, order = Decimal(alpha) * 2, Decimal(alpha)  # p^2.5 as sqrt(p)^5: integer powers are fast
            total = sum((n * share.sqrt() ** power for n, share in shares), Decimal(0))
            entropy = (order * least - total.ln()) / (order - 1)
        return float(entropy / Decimal(n_types).ln()) + 0.0  # turns -0.0 into 0.0


RENYI_EFFICIENCY = Metric(
    "renyi_efficiency",
    ("counts",),
    renyi_efficiency,
    "counted",
    label="Rényi efficiency",
    definition="Rényi entropy of order 2.5 of the distribution of ids, divided by the logarithm of the "
    "number of distinct ids that occur. A higher value does not guarantee a better tokenizer (Cognetta et "
    "al. 2024, arXiv 2402.14614).",
    source="Zouhar et al. 2023, arXiv 2306.16842",
    better="more",
)


def renyi_efficiency_nominal(counts: NDArray[Any], vocab_size: int) -> float:
    """Return the Rényi efficiency of order 2.5 relative to the whole vocabulary.

    Parameters
    ----------
    counts : ndarray of int64, shape (v,)
        Number of occurrences of each id.
    vocab_size : int
        Number of ids, including special tokens and unused ids.

    Returns
    -------
    float
        Result of `renyi_efficiency` with ``n_types=vocab_size``. It is at most the efficiency relative to the
        ids that occur.

    Examples
    --------
    >>> import numpy as np
    >>> from fasttok.evaluation.metrics.distribution import renyi_efficiency_nominal
    >>> round(renyi_efficiency_nominal(np.array([3, 2, 1, 1, 0]), 5), 6)
    0.711914
    """
    return renyi_efficiency(counts, n_types=vocab_size)


RENYI_EFFICIENCY_NOMINAL = Metric(
    "renyi_efficiency_nominal",
    ("counts", "vocab_size"),
    renyi_efficiency_nominal,
    "counted",
    label="Rényi, nominal",
    definition="Rényi entropy of order 2.5 of the distribution of ids, divided by the logarithm of the "
    "vocabulary size.",
    source="Zouhar et al. 2023, arXiv 2306.16842",
    better="more",
)


def percentile_frequency(counts: NDArray[Any], low: int = 3, high: int = 83) -> float:
    """Return the share of all tokens that belong to ids of medium frequency.

    Parameters
    ----------
    counts : ndarray of int64, shape (v,)
        Number of occurrences of each id.
    low, high : int
        Percentiles of the frequency ranks. The m ids that occur are ranked from 0, most frequent first. Ids
        from rank ``low m / 100`` up to, but not including, rank ``high m / 100`` count. Both ranks are
        rounded down.

    Returns
    -------
    float
        Tokens of these ids divided by all tokens, from 0 to 1. NaN if there are no tokens.

    Raises
    ------
    ValueError
        Unless 0 <= low <= high <= 100.

    Notes
    -----
    After Gowda and May (2020), who recommend vocabularies in which most types are frequent. The default
    percentiles are those of Zouhar et al. (2023). O(v log v).

    Examples
    --------
    >>> import numpy as np
    >>> from fasttok.evaluation.metrics.distribution import percentile_frequency
    >>> percentile_frequency(np.array([50, 10, 10, 10, 10, 10]), low=20)
    0.3
    """
    if not 0 <= low <= high <= 100:
        raise ValueError(
            f"low and high must be from 0 to 100, and low at most high; got low={low} and high={high}"
        )
    frequencies = rank_frequency(counts)
    n = len(frequencies)
    return float(divide(int(frequencies[low * n // 100 : high * n // 100].sum()), int(frequencies.sum())))


PERCENTILE_FREQUENCY = Metric(
    "percentile_frequency",
    ("counts",),
    percentile_frequency,
    "counted",
    label="Percentile frequency",
    definition="Tokens whose ids rank between the 3rd and the 83rd percentile by frequency, divided by all "
    "tokens.",
    source="Gowda and May 2020, arXiv 2004.02334; percentiles of Zouhar et al. 2023, arXiv 2306.16842",
)


def type_token_ratio(counts: NDArray[Any]) -> float:
    """Return the type–token ratio: distinct ids divided by tokens.

    Parameters
    ----------
    counts : ndarray of int64, shape (v,)
        Number of occurrences of each id.

    Returns
    -------
    float
        Ratio without unit, above 0 and at most 1. NaN if there are no tokens.

    Notes
    -----
    The ratio falls with the length of the text in tokens, and different tokenizers split the same text into
    different numbers of tokens. `mattr` avoids this problem by windows of a fixed length.

    Examples
    --------
    >>> import numpy as np
    >>> from fasttok.evaluation.metrics.distribution import type_token_ratio
    >>> type_token_ratio(np.array([3, 1, 0]))
    0.5
    """
    return float(divide(int(np.count_nonzero(counts)), int(counts.sum())))


TYPE_TOKEN_RATIO = Metric(
    "type_token_ratio",
    ("counts",),
    type_token_ratio,
    "counted",
    label="Type–token ratio",
    definition="Number of distinct ids that occur, divided by the number of tokens.",
    source="described for words by Covington and McFall 2010",
)


def mattr(n_distinct: int, n_in_windows: int) -> Quotient:
    """Return the moving-average type–token ratio: the mean type–token ratio of all windows.

    Parameters
    ----------
    n_distinct : int
        Number of distinct ids per window, summed over all windows.
    n_in_windows : int
        Number of tokens per window, summed over all windows.

    Returns
    -------
    float
        Ratio without unit, from 0 to 1. NaN if there are no tokens.

    Notes
    -----
    `count_in_windows` computes both sums. `fasttok.measure` joins the documents of a language before it forms
    windows, so a window can span several documents but only one language. After Covington and McFall (2010).

    Examples
    --------
    The three windows have 1, 2 and 2 distinct ids of 2 tokens:

    >>> import numpy as np
    >>> from fasttok.evaluation.metrics.distribution import count_in_windows, mattr
    >>> mattr(*count_in_windows(np.array([1, 1, 2, 3]), window=2))
    0.8333333333333334
    """
    return divide(n_distinct, n_in_windows)


MATTR = Metric(
    "mattr",
    ("distinct", "in_windows"),
    mattr,
    label="MATTR",
    definition="Moving-average type–token ratio: distinct ids in a window of 2,000 tokens, divided by the "
    "tokens of the window, averaged over all windows.",
    source="Covington and McFall 2010, for words",
)


def count_in_windows(ids: NDArray[Any], window: int = 2000) -> tuple[int, int]:
    """Return the number of distinct ids and of tokens per window, each summed over all windows.

    Parameters
    ----------
    ids : ndarray of integers, shape (n,)
        Ids of a text, in order.
    window : int
        Length of a window in tokens. Windows start at every token and overlap. A shorter text is one window.

    Returns
    -------
    n_distinct, n_in_windows : int
        The two sums. The sums of several texts can be added.

    Raises
    ------
    ValueError
        If `window` is below 1.

    Notes
    -----
    A token adds 1 for each window in which it is the first occurrence of its id. Such a window starts after
    the previous occurrence of the id. O(n log n), independent of `window`.

    Examples
    --------
    >>> import numpy as np
    >>> from fasttok.evaluation.metrics.distribution import count_in_windows
    >>> count_in_windows(np.array([1, 1, 2, 3]), window=2)
    (5, 6)
    """
    if window < 1:
        raise ValueError(f"window must be at least 1, not {window}")
    n = len(ids)
    window = min(window, n)
    order = np.argsort(ids, kind="stable")
    is_same = ids[order[1:]] == ids[order[:-1]]
    previous = np.full(n, -1, np.int64)
    previous[order[1:][is_same]] = order[:-1][is_same]
    positions = np.arange(n, dtype=np.int64)
    first = np.maximum(previous, positions - window) + 1  # first and last window that a token adds 1 for
    last = np.minimum(positions, n - window)
    return int(np.maximum(last - first + 1, 0).sum()), window * (n - window + 1) if n else 0


def rank_frequency(counts: NDArray[Any]) -> NDArray[Any]:
    """Return the counts of the m ids that occur, in descending order.

    Parameters
    ----------
    counts : ndarray of int64, shape (v,)
        Number of occurrences of each id.

    Returns
    -------
    ndarray of int64, shape (m,)
        Entry r is the count of the id with frequency rank r + 1. O(v log v).

    Examples
    --------
    >>> import numpy as np
    >>> from fasttok.evaluation.metrics.distribution import rank_frequency
    >>> rank_frequency(np.array([1, 0, 5, 2])).tolist()
    [5, 2, 1]
    """
    return np.sort(counts[counts > 0])[::-1]
