"""Parity metrics: how equally a tokenizer treats languages, on parallel text.

Each function takes totals over a corpus; see `fasttok.evaluation.metrics.compression`. The functions that
compare all languages take an array with one row per language.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.evaluation.metric import Metric
from fasttok.evaluation.metrics.totals import Quotient, Total, divide


def premium(n_tokens: Total, n_baseline_tokens: Total) -> Quotient:
    """Return the tokenization premium: tokens of a language relative to a baseline language.

    Parameters
    ----------
    n_tokens : int or ndarray
        Number of tokens of all sentences in the language.
    n_baseline_tokens : int or ndarray
        Number of tokens of the same sentences in the baseline language, with the same tokenizer.

    Returns
    -------
    float or ndarray of float64
        Ratio without unit: 1 is parity, 2 means twice as many tokens. NaN if the baseline language has
        no tokens.

    Notes
    -----
    The result is a quotient of sums, not a mean over sentences. After Petrov et al. (2023), "Language Model
    Tokenizers Introduce Unfairness Between Languages", NeurIPS.

    Examples
    --------
    >>> from fasttok.evaluation.metrics.parity import premium
    >>> premium(300, 120)
    2.5
    """
    return divide(n_tokens, n_baseline_tokens)


PREMIUM = Metric(
    "premium",
    ("tokens", "aligned_tokens"),
    premium,
    label="Premium",
    definition="Tokens of a language, divided by the tokens of the same sentences in the baseline language.",
    source="Petrov et al. 2023, arXiv 2305.15425",
    better="less",
)


def max_min(n_tokens: NDArray[Any]) -> Quotient:
    """Return the tokens of the most expensive language relative to the cheapest one.

    Parameters
    ----------
    n_tokens : ndarray, shape (n,) or (n, k)
        Number of tokens of each of n languages for the same text, optionally for each of k resamples.

    Returns
    -------
    float or ndarray of float64, shape (k,)
        Ratio without unit, at least 1. NaN if a language has no tokens.

    Notes
    -----
    The most expensive language has the most tokens, the cheapest language the fewest. The ratio is the
    largest `premium` between any two of the languages.

    Examples
    --------
    >>> import numpy as np
    >>> from fasttok.evaluation.metrics.parity import max_min
    >>> max_min(np.array([100, 150, 400]))
    4.0
    """
    return divide(n_tokens.max(axis=0), n_tokens.min(axis=0))


MAX_MIN = Metric(
    "max_min",
    ("tokens_by_language",),
    max_min,
    "languages",
    label="Max / min",
    definition="Tokens of the most expensive language, divided by the tokens of the same sentences in the "
    "cheapest language.",
    source="the largest premium of Petrov et al. 2023, arXiv 2305.15425",
    better="less",
)


def gini(n_tokens: NDArray[Any]) -> Quotient:
    """Return the Gini coefficient of the token counts of several languages for the same text.

    Parameters
    ----------
    n_tokens : ndarray, shape (n,) or (n, k)
        Number of tokens of each of n languages for the same text, optionally for each of k resamples. Totals
        and means per sentence give the same result.

    Returns
    -------
    float or ndarray of float64, shape (k,)
        From 0 if all languages have equally many tokens, to 1 - 1/n if one language has all tokens. NaN if
        there are no tokens.

    Notes
    -----
    For token counts c with mean μ, the coefficient is the sum of ``|c_i - c_j|`` over all ordered pairs,
    divided by ``2 n² μ``. Every language has the same weight. The sum is computed from the sorted counts: the
    count at index i is multiplied by ``2 (2 i - n + 1)``. O(n log n). After Gini (1912); applied to
    tokenizers by Foroutan et al. (2025), arXiv:2508.04796.

    Examples
    --------
    >>> import numpy as np
    >>> from fasttok.evaluation.metrics.parity import gini
    >>> gini(np.array([1, 1, 2]))
    0.16666666666666666
    """
    n = len(n_tokens)
    weights = 2 * np.arange(n, dtype=np.int64) - n + 1
    return divide(weights @ np.sort(n_tokens, axis=0), n * n_tokens.sum(axis=0))


GINI = Metric(
    "gini",
    ("tokens_by_language",),
    gini,
    "languages",
    label="Gini",
    definition="Gini coefficient of the languages' token counts for the same sentences: the sum of absolute "
    "differences over all ordered pairs of languages, divided by twice the squared number of languages times "
    "the mean count; 0 means equal treatment.",
    source="Gini 1912; Foroutan et al. 2025, arXiv 2508.04796",
    better="less",
)


def lorenz(n_tokens: NDArray[Any]) -> NDArray[np.float64]:
    """Return the Lorenz curve: the cumulative share of all tokens, from the cheapest language up.

    Parameters
    ----------
    n_tokens : ndarray, shape (n,)
        Number of tokens of each language for the same text.

    Returns
    -------
    ndarray of float64, shape (n + 1,)
        Entry i is the share of all tokens that the i languages with the fewest tokens have together. It rises
        from 0 to 1, and is i/n everywhere if all languages have equally many tokens. NaN if there are no
        tokens.

    Notes
    -----
    Every language has the same weight. `gini` equals 1 minus twice the area under the curve. After Lorenz
    (1905), "Methods of Measuring the Concentration of Wealth". O(n log n).

    Examples
    --------
    >>> import numpy as np
    >>> from fasttok.evaluation.metrics.parity import lorenz
    >>> lorenz(np.array([1, 1, 2])).tolist()
    [0.0, 0.25, 0.5, 1.0]
    """
    return np.asarray(divide(np.append(0, np.cumsum(np.sort(n_tokens))), n_tokens.sum()))
