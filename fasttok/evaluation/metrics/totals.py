"""The totals that metrics are functions of, and their quotients."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Total = int | NDArray[Any]
Quotient = float | NDArray[np.float64]

# Totals that are not sums of a count per document; `fasttok.evaluation.columns.COLUMNS` has those that are.
# Each of these follows from the pieces that a text uses, or from the vocabulary.
OF_PIECES = {
    "counts": "Occurrences of each id: an array of int64 of shape (vocab_size,).",
    "counted": "Sum of these: all tokens.",
    "distinct": "Different ids of a window of 2,000 tokens, summed over all windows.",
    "in_windows": "Tokens of a window, summed over all windows.",
    "vocab_size": "Number of ids, special tokens and unused ids included.",
    "is_ordinary": "Whether each id is in use and neither special nor the unknown one: an array of bool.",
    "ordinary": "Number of ordinary ids.",
    "unreached": "Ordinary ids that no text seems to become; over all languages only.",
    "pieces": "Bytes of each id: a Ragged of uint8; over all languages only.",
}
OF_OTHERS = {
    "baseline_tokens": "Tokens of the baseline tokenizer for the same text.",
    "aligned_tokens": "Tokens of the baseline language for the same sentences; of each language only.",
    "tokens_by_language": "Tokens of each language, one row per language; over all languages only.",
    "languages": "Number of languages; over all languages only.",
}
OF_MORPHEMES = {
    "gold": "Boundaries of morphemes inside words.",
    "predicted": "Boundaries of tokens inside words.",
    "correct": "Boundaries that are both.",
    "scored": "Words with a boundary of morphemes and two or more tokens.",
    "hit": "Scored words in which a token begins at a boundary of morphemes.",
    "aligned_entries": "Words of the list whose morphemes joined are the word.",
    "entries": "All words of the list.",
}
# What a text must have for these totals, where not every text has it.
NEEDS = {
    **dict.fromkeys(
        ("aligned_tokens", "tokens_by_language", "languages"), "parallel text of several languages"
    ),
    **dict.fromkeys(OF_MORPHEMES, "morphemes of a language of the text"),
}


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
