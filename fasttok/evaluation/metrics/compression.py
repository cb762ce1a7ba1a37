"""How short a text becomes.

Functions of totals over a corpus, never of averages of documents: a long document counts for more. Totals may
be arrays, as of `fasttok.evaluation.bootstrap.resample`; then so is what comes out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fasttok.evaluation.metrics.totals import Quotient, Total, divide


def token_count(n_tokens: Total) -> Quotient:
    """The tokens of a corpus.

    Parameters
    ----------
    n_tokens : int or ndarray
        Tokens of all documents, special tokens of a template not among them.

    Returns
    -------
    float or ndarray of float64
        In tokens: the sum itself, which is divided by nothing.

    Examples
    --------
    >>> token_count(250)
    250.0
    """
    return divide(n_tokens, 1)


def bytes_per_token(n_bytes: Total, n_tokens: Total) -> Quotient:
    """Bytes of text in UTF-8 that a token stands for; more is shorter.

    Parameters
    ----------
    n_bytes : int or ndarray
        The numerator: bytes of all documents, before any normalization.
    n_tokens : int or ndarray
        The denominator: tokens of all documents, special tokens of a template not among them.

    Returns
    -------
    float or ndarray of float64
        In bytes a token; NaN without tokens.

    Notes
    -----
    Weighted by length: the sum over the corpus by the sum over the corpus. The mean of the ratios of
    documents is another number, and so is tokens per byte, which some tools call compression.

    Examples
    --------
    >>> bytes_per_token(1000, 250)
    4.0
    """
    return divide(n_bytes, n_tokens)


def characters_per_token(n_characters: Total, n_tokens: Total) -> Quotient:
    """Characters that a token stands for; more is shorter.

    Parameters
    ----------
    n_characters : int or ndarray
        The numerator: characters of all documents, before any normalization. A character is a code point, and
        so is a byte that is not UTF-8.
    n_tokens : int or ndarray
        The denominator: tokens of all documents.

    Returns
    -------
    float or ndarray of float64
        In characters a token; NaN without tokens.

    Notes
    -----
    Weighted by length, as `bytes_per_token`. Between languages this compares better than bytes do, as UTF-8
    has one to four bytes a character by script.

    Examples
    --------
    >>> characters_per_token(900, 250)
    3.6
    """
    return divide(n_characters, n_tokens)


def nsl(n_tokens: Total, n_baseline_tokens: Total) -> Quotient:
    """Normalized sequence length: tokens as a share of those of another tokenizer for the same text.

    Parameters
    ----------
    n_tokens : int or ndarray
        The numerator: tokens of all documents.
    n_baseline_tokens : int or ndarray
        The denominator: what the baseline tokenizer makes of the same documents.

    Returns
    -------
    float or ndarray of float64
        Without unit: 1 is as long as the baseline, less is shorter. NaN if the baseline makes no tokens.

    Notes
    -----
    Weighted by length. After Dagan, Synnaeve and Rozière (2024), arXiv:2402.01035, who divide by Llama's
    tokenizer: a figure says nothing without the name of its baseline.

    Examples
    --------
    >>> nsl(80, 100)
    0.8
    """
    return divide(n_tokens, n_baseline_tokens)


def segmentality(n_cuts: Total, n_places: Total) -> Quotient:
    """The share of the places between two characters where tokens were cut.

    Parameters
    ----------
    n_cuts : int or ndarray
        The numerator: tokens - 1, over all documents that have any.
    n_places : int or ndarray
        The denominator: characters - 1, over all documents that have any.

    Returns
    -------
    float or ndarray of float64
        Without unit: 0 where every document is one token, 1 where each character is, more where bytes are.
        NaN without places.

    Notes
    -----
    Weighted by length. For one document it is (tokens - 1) / (characters - 1). `count_places` has both terms.

    Examples
    --------
    >>> segmentality(2, 8)
    0.25
    """
    return divide(n_cuts, n_places)


def count_places(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The places between the tokens, or the characters, of each document.

    Parameters
    ----------
    lengths : ndarray of int64, shape (k,)
        How many of them each document has.

    Returns
    -------
    ndarray of int64, shape (k,)
        One less, and 0 of an empty document.

    Examples
    --------
    >>> import numpy as np
    >>> count_places(np.array([3, 1, 0]))
    array([2, 0, 0])
    """
    return np.maximum(lengths - 1, 0)
