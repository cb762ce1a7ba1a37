"""Totals that metrics are functions of, and their quotients."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Total = int | NDArray[Any]
Quotient = float | NDArray[np.float64]

# Definitions of the totals that depend on ids or on the vocabulary. `fasttok.evaluation.columns.COLUMNS`
# defines the totals that are sums of a count per document.
PIECE_TOTALS = {
    "counts": "Number of occurrences of each id: an array of int64, shape (vocab_size,).",
    "counted": "Number of all tokens: the sum of `counts`.",
    "distinct": "Number of distinct ids in a window of 2,000 tokens, summed over all windows.",
    "in_windows": "Number of tokens in a window of 2,000 tokens, summed over all windows.",
    "vocab_size": "Number of ids, including special tokens and unused ids.",
    "is_ordinary": "True for each id that is in use, not special and not the unknown token: an array of "
    "bool, shape (vocab_size,).",
    "ordinary": "Number of ordinary ids: ids in use that are neither special nor the unknown token.",
    "unreached": "Number of ordinary ids that encoding does not seem to produce for any text; exists only "
    "over all languages.",
    "pieces": "Bytes of each id: a Ragged of uint8; exists only over all languages.",
}
# Definitions of the totals that compare with another tokenizer or language.
COMPARISON_TOTALS = {
    "baseline_tokens": "Number of tokens of the same text with the baseline tokenizer.",
    "aligned_tokens": "Number of tokens of the same sentences in the baseline language; exists only per "
    "language.",
    "tokens_by_language": "Number of tokens of each language: an array with one row per language; exists "
    "only over all languages.",
    "languages": "Number of languages; exists only over all languages.",
}
# Definitions of the totals of a gold segmentation into morphemes.
MORPHEME_TOTALS = {
    "gold": "Number of morpheme boundaries inside words.",
    "predicted": "Number of token boundaries inside words.",
    "correct": "Number of boundaries inside words that are both morpheme and token boundaries.",
    "scored": "Number of words that have a morpheme boundary and two or more tokens.",
    "hit": "Number of scored words in which a token begins at a morpheme boundary.",
    "aligned_entries": "Number of words of the gold segmentation that equal their concatenated morphemes.",
    "entries": "Number of all words of the gold segmentation.",
}
# Requirements that a test corpus must meet for a total to exist. Totals without an entry always exist.
NEEDS = {
    **dict.fromkeys(
        ("aligned_tokens", "tokens_by_language", "languages"), "parallel text of several languages"
    ),
    **dict.fromkeys(MORPHEME_TOTALS, "a file of morphemes for a language of the text"),
}


def divide(numerator: Total, denominator: Total) -> Quotient:
    """Return the element-wise quotient; NaN where the denominator is 0.

    Parameters
    ----------
    numerator, denominator : int or ndarray
        Totals below 2^53. Arrays contain one total per resample or per language, and are broadcast.

    Returns
    -------
    float, or ndarray of float64
        Correctly rounded quotient.

    Examples
    --------
    >>> from fasttok.evaluation.metrics.totals import divide
    >>> divide(7, 2), divide(1, 0)
    (3.5, nan)
    """
    above, below = np.broadcast_arrays(np.asarray(numerator, np.float64), np.asarray(denominator, np.float64))
    quotient = np.full(above.shape, np.nan)
    np.divide(above, below, out=quotient, where=below != 0)
    return quotient if quotient.ndim else float(quotient)
