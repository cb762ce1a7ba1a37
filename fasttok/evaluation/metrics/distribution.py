"""How evenly a text uses the pieces of a vocabulary.

Functions of counts: how often each id stands in the text, which `numpy.bincount` gives, or, for what depends
on the order, of the ids themselves. Ids that do not occur may be left out of the counts, except where said.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.evaluation.metric import Metric
from fasttok.evaluation.metrics.totals import Quotient, divide

# Roots and logarithms of floats differ in the last bit from one processor and C library to the next.
_ARITHMETIC = Context(
    prec=50, rounding=ROUND_HALF_EVEN, Emin=-999999, Emax=999999, capitals=1, clamp=0, traps=[]
)


def renyi_efficiency(counts: NDArray[Any], alpha: float = 2.5, n_types: int | None = None) -> float:
    """Rényi entropy of the tokens, by the largest it could be.

    Parameters
    ----------
    counts : ndarray of int64, shape (v,)
        How often each id occurs.
    alpha : float
        The order: above 0, and 1 is Shannon's entropy. The larger, the more the most frequent tokens count;
        at infinity the most frequent id alone does.
    n_types : int, optional
        ``|V|``; by default the ids that occur. The value falls where the nominal size of the vocabulary is
        given and part of it is not used.

    Returns
    -------
    float
        Without unit, from 0 to 1, where all ids occur as often. NaN if ``|V|`` is below 2.

    Raises
    ------
    ValueError
        If `alpha` is not above 0, or `n_types` below the ids that occur.

    Notes
    -----
    The numerator is the entropy in bits, ``log2(Σ p^α) / (1 - α)`` with p the share of each id among all
    tokens, ``-Σ p log2 p`` at α = 1 and ``-log2 max p`` at infinity; the denominator is ``log2 |V|``. Worked
    out in 50 decimal digits and rounded once, so it is the same number on every machine. O(v log v).

    Zouhar et al. (2023), arXiv:2306.16842, found that at α = 2.5 it goes with the quality of translation;
    Cognetta et al. (2024), arXiv:2402.14614, made tokenizers that raise it and translate worse.

    Examples
    --------
    >>> import numpy as np
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
        raise ValueError(f"n_types is {n_types}, and {len(counts)} ids occur")
    if n_types < 2 or not len(counts):
        return float("nan")
    values, n_ids = np.unique(counts, return_counts=True)
    with localcontext(_ARITHMETIC):
        n_tokens, largest = Decimal(int(counts.sum())), Decimal(int(values[-1]))
        least = (n_tokens / largest).ln()  # the entropy at infinity, which no order falls below
        shares = [(n, count / largest) for count, n in zip(values.tolist(), n_ids.tolist(), strict=True)]
        if alpha == 1:
            entropy = least - sum(n * share * share.ln() for n, share in shares) * largest / n_tokens
        elif math.isinf(alpha):
            entropy = least
        else:
            power, order = Decimal(alpha) * 2, Decimal(alpha)  # powers of roots are quick: 2.5 is five halves
            total = sum((n * share.sqrt() ** power for n, share in shares), Decimal(0))
            entropy = (order * least - total.ln()) / (order - 1)
        return float(entropy / Decimal(n_types).ln()) + 0.0  # of one token the entropy is 0, not -0


RENYI_EFFICIENCY = Metric(
    "renyi_efficiency",
    ("counts",),
    renyi_efficiency,
    "counted",
    label="Rényi efficiency",
    definition="Rényi entropy of order 2.5 of the distribution of ids, divided by the logarithm of the "
    "number of ids that occur. It can be raised by tokenizers that are no better (Cognetta et al. 2024, "
    "arXiv 2402.14614).",
    source="Zouhar et al. 2023, arXiv 2306.16842",
    better="more",
)


def renyi_efficiency_nominal(counts: NDArray[Any], vocab_size: int) -> float:
    """Rényi entropy of the tokens at α = 2.5, by that of a vocabulary all of whose ids are used alike.

    Parameters
    ----------
    counts : ndarray of int64, shape (v,)
        How often each id occurs.
    vocab_size : int
        ``|V|``: all ids up to the largest, special tokens and ids that are not in use among them.

    Returns
    -------
    float
        As `renyi_efficiency` with ``n_types=vocab_size``; not above what it is with the ids that occur.

    Examples
    --------
    >>> import numpy as np
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
    definition="Rényi entropy of order 2.5 of the distribution of ids, divided by the logarithm of the size "
    "of the vocabulary.",
    source="Zouhar et al. 2023, arXiv 2306.16842",
    better="more",
)


def percentile_frequency(counts: NDArray[Any], low: int = 3, high: int = 83) -> float:
    """The share of all tokens that are neither among the most nor the least frequent types.

    Parameters
    ----------
    counts : ndarray of int64, shape (v,)
        How often each id occurs.
    low, high : int
        Percentiles of the ranks, the most frequent first: of the m ids that occur, those of rank ``low m /
        100`` and up to, without, ``high m / 100``, both rounded down and counted from 0.

    Returns
    -------
    float
        The numerator is the tokens of these ids, the denominator all tokens; from 0 to 1, NaN without tokens.

    Raises
    ------
    ValueError
        If not 0 <= low <= high <= 100.

    Notes
    -----
    Gowda and May (2020) asked for enough frequent types; Zouhar et al. (2023) chose these percentiles. O(v
    log v).

    Examples
    --------
    >>> import numpy as np
    >>> percentile_frequency(np.array([50, 10, 10, 10, 10, 10]), low=20)
    0.3
    """
    if not 0 <= low <= high <= 100:
        raise ValueError(f"percentiles go from 0 to 100, not from {low} to {high}")
    frequencies = rank_frequency(counts)
    n = len(frequencies)
    return float(divide(int(frequencies[low * n // 100 : high * n // 100].sum()), int(frequencies.sum())))


PERCENTILE_FREQUENCY = Metric(
    "percentile_frequency",
    ("counts",),
    percentile_frequency,
    "counted",
    label="Percentile frequency",
    definition="Occurrences of the ids that rank between the 3rd and the 83rd percentile by frequency, "
    "divided by all.",
    source="Gowda and May 2020, arXiv 2004.02334; percentiles of Zouhar et al. 2023, arXiv 2306.16842",
)


def type_token_ratio(counts: NDArray[Any]) -> float:
    """Different ids by tokens.

    Parameters
    ----------
    counts : ndarray of int64, shape (v,)
        How often each id occurs.

    Returns
    -------
    float
        The numerator is the ids that occur, the denominator all tokens; above 0, to 1, without unit. NaN
        without tokens.

    Notes
    -----
    Every id weighs the same. It falls as a text goes on, so it compares texts of one length only, which those
    of two tokenizers are not; `mattr` mends that.

    Examples
    --------
    >>> import numpy as np
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
    definition="Different ids that occur, divided by tokens.",
    source="Covington and McFall 2010, of words",
)


def mattr(n_distinct: int, n_in_windows: int) -> Quotient:
    """Moving-average type–token ratio: different ids by tokens in a window, averaged over its places.

    Parameters
    ----------
    n_distinct : int
        The numerator: different ids of each window, summed over all windows.
    n_in_windows : int
        The denominator: tokens of each window, summed over all windows. `count_in_windows` has both.

    Returns
    -------
    float
        Without unit, from 0 to 1; NaN without tokens.

    Notes
    -----
    Every window weighs the same. `fasttok.measure` takes the documents of a language as one text, so windows
    go on from one to the next, and none from one language to another. After Covington and McFall (2010).

    Examples
    --------
    >>> import numpy as np
    >>> mattr(*count_in_windows(np.array([1, 1, 2, 3]), window=2))  # 1, 2 and 2 of 2
    0.8333333333333334
    """
    return divide(n_distinct, n_in_windows)


MATTR = Metric(
    "mattr",
    ("distinct", "in_windows"),
    mattr,
    label="MATTR",
    definition="Different ids in a window of 2,000 tokens, divided by its tokens, over all windows.",
    source="Covington and McFall 2010, of words",
)


def count_in_windows(ids: NDArray[Any], window: int = 2000) -> tuple[int, int]:
    """The different ids of every window, and their tokens, each summed over all windows.

    Parameters
    ----------
    ids : ndarray of integers, shape (n,)
        The tokens of a text in order.
    window : int
        The tokens of a window. It begins at every token that has enough behind it; a text that is shorter is
        one window of its own length.

    Returns
    -------
    n_distinct, n_in_windows : int
        Sums that may be added over texts.

    Raises
    ------
    ValueError
        If the window is below 1.

    Notes
    -----
    A token is counted in the windows where it is the first of its id: those that begin behind the last one of
    that id before it. O(n log n), whatever the window.

    Examples
    --------
    >>> import numpy as np
    >>> count_in_windows(np.array([1, 1, 2, 3]), window=2)
    (5, 6)
    """
    if window < 1:
        raise ValueError(f"the window must be at least 1, not {window}")
    n = len(ids)
    window = min(window, n)
    order = np.argsort(ids, kind="stable")
    is_same = ids[order[1:]] == ids[order[:-1]]
    previous = np.full(n, -1, np.int64)
    previous[order[1:][is_same]] = order[:-1][is_same]
    places = np.arange(n, dtype=np.int64)
    first = np.maximum(previous, places - window) + 1
    last = np.minimum(places, n - window)
    return int(np.maximum(last - first + 1, 0).sum()), window * (n - window + 1) if n else 0


def rank_frequency(counts: NDArray[Any]) -> NDArray[Any]:
    """The counts of the ids that occur, the largest first.

    Parameters
    ----------
    counts : ndarray of int64, shape (v,)
        How often each id occurs.

    Returns
    -------
    ndarray of int64, shape (m,)
        In tokens: entry r is the count of the id of rank r + 1. O(v log v).

    Examples
    --------
    >>> import numpy as np
    >>> rank_frequency(np.array([1, 0, 5, 2])).tolist()
    [5, 2, 1]
    """
    return np.sort(counts[counts > 0])[::-1]
