"""How fair a tokenizer is to languages: over aligned text, which says the same in each.

Functions of totals, as in `fasttok.evaluation.metrics.compression`. What compares all languages takes an
array with a row per language.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.evaluation.metric import Metric
from fasttok.evaluation.metrics.totals import Quotient, Total, divide


def premium(n_tokens: Total, n_baseline_tokens: Total) -> Quotient:
    """Tokens of a language for what takes one token in another.

    Parameters
    ----------
    n_tokens : int or ndarray
        The numerator: tokens of all sentences in the language.
    n_baseline_tokens : int or ndarray
        The denominator: tokens of the same sentences in the baseline language, by the same tokenizer.

    Returns
    -------
    float or ndarray of float64
        Without unit: 1 is parity, 2 twice the tokens. NaN if the baseline has none.

    Notes
    -----
    Weighted by length: a quotient of sums, not a mean over sentences. After Petrov et al. (2023), "Language
    Model Tokenizers Introduce Unfairness Between Languages", NeurIPS.

    Examples
    --------
    >>> premium(300, 120)
    2.5
    """
    return divide(n_tokens, n_baseline_tokens)


PREMIUM = Metric(
    "premium",
    ("tokens", "aligned_tokens"),
    premium,
    label="Premium",
    definition="Tokens of a language, divided by those of the baseline language for the same sentences.",
    source="Petrov et al. 2023, arXiv 2305.15425",
    better="less",
)


def max_min(n_tokens: NDArray[Any]) -> Quotient:
    """Tokens of the language that takes most, by those of the language that takes fewest.

    Parameters
    ----------
    n_tokens : ndarray, shape (n,) or (n, k)
        The tokens of each language for the same text; of each of k resamples.

    Returns
    -------
    float or ndarray of float64, shape (k,)
        Without unit, at least 1; NaN if a language takes none.

    Notes
    -----
    The numerator is the largest number, the denominator the smallest, whichever languages these are; so it is
    the largest `premium` there is between two of them.

    Examples
    --------
    >>> import numpy as np
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
    definition="Tokens of the most expensive language, divided by those of the cheapest, for the same "
    "sentences.",
    source="the largest premium of Petrov et al. 2023, arXiv 2305.15425",
    better="less",
)


def gini(n_tokens: NDArray[Any]) -> Quotient:
    """The Gini coefficient of the tokens that languages take for the same text.

    Parameters
    ----------
    n_tokens : ndarray, shape (n,) or (n, k)
        The tokens of each language for the same text, in all or a line, which makes no difference; of each
        of k resamples.

    Returns
    -------
    float or ndarray of float64, shape (k,)
        From 0, where all languages take as many tokens, to 1 - 1/n, where one takes them all. NaN if none
        takes any.

    Notes
    -----
    The numerator is the sum of ``|c_i - c_j|`` over all ordered pairs, the denominator ``2 n² μ`` with the
    mean μ; every language weighs the same. Found from the sorted costs, whose i-th of n, from 0, stands in
    the sum ``2 (2 i - n + 1)`` times. O(n log n). After Gini (1912); Foroutan et al. (2025),
    arXiv:2508.04796, use it of tokenizers.

    Examples
    --------
    >>> import numpy as np
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
    definition="Differences in tokens between all ordered pairs of languages, divided by twice the squared "
    "number of languages times their mean, for the same sentences; every language weighs the same. 0 is "
    "equal treatment.",
    source="Gini 1912; Foroutan et al. 2025, arXiv 2508.04796",
    better="less",
)


def lorenz(n_tokens: NDArray[Any]) -> NDArray[np.float64]:
    """The Lorenz curve: the share of all tokens that the cheapest languages take together.

    Parameters
    ----------
    n_tokens : ndarray, shape (n,)
        The tokens of each language for the same text.

    Returns
    -------
    ndarray of float64, shape (n + 1,)
        Entry i is the share of the i languages that take fewest tokens: from 0 to 1, i/n everywhere if all
        take as many. NaN if none takes any.

    Notes
    -----
    The numerators are the sums of the smallest numbers of tokens, the denominator that of all; every language
    weighs the same. `gini` is 1 less twice the area under it. After Lorenz (1905), "Methods of Measuring the
    Concentration of Wealth". O(n log n).

    Examples
    --------
    >>> import numpy as np
    >>> lorenz(np.array([1, 1, 2])).tolist()
    [0.0, 0.25, 0.5, 1.0]
    """
    return np.asarray(divide(np.append(0, np.cumsum(np.sort(n_tokens))), n_tokens.sum()))
