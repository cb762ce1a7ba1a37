"""Fertility metrics: the number of tokens per word.

Each function takes totals over a corpus; see `fasttok.evaluation.metrics.compression`. The functions of
`fasttok.evaluation.words` compute the counts per document.
"""

from __future__ import annotations

from fasttok.evaluation.metric import Metric
from fasttok.evaluation.metrics.totals import Quotient, Total, divide


def fertility(n_tokens: Total, n_words: Total) -> Quotient:
    """Return the mean number of tokens per word in running text.

    Parameters
    ----------
    n_tokens : int or ndarray
        Number of tokens of the text, including tokens of punctuation and white space.
    n_words : int or ndarray
        Number of words, as one of the rules of `fasttok.evaluation.words.find_words` defines them.

    Returns
    -------
    float or ndarray of float64
        Tokens per word; below 1 if tokens span several words. NaN if there are no words.

    Notes
    -----
    The result is the quotient of two sums over the corpus. Encoding each word separately gives a different
    value, because most words in running text are encoded with the space before them. With the rule
    "unicode", punctuation is not a word, but its tokens are counted. After Rust et al. (2021), "How Good is
    Your Tokenizer?", ACL.

    Examples
    --------
    >>> from fasttok.evaluation.metrics.fertility import fertility
    >>> fertility(130, 100)
    1.3
    """
    return divide(n_tokens, n_words)


FERTILITY = Metric(
    "fertility",
    ("tokens", "words"),
    fertility,
    label="Fertility",
    unit="tokens/word",
    definition="Mean number of tokens per word: all tokens of the running text, divided by its words.",
    source="Rust et al. 2021, arXiv 2012.15613",
    better="less",
)


def pcw(n_continued: Total, n_words: Total) -> Quotient:
    """Return the proportion of continued words: the share of words that are split into several tokens.

    Parameters
    ----------
    n_continued : int or ndarray
        Number of words with at least two tokens.
    n_words : int or ndarray
        Number of all words.

    Returns
    -------
    float or ndarray of float64
        Share from 0 to 1; lower is better. NaN if there are no words.

    Notes
    -----
    Every occurrence of a word counts. A token belongs to each word with which it shares a byte, so a word
    inside a longer token has one token. A token that is only a space belongs to no word, even if it is the ▁
    that some libraries put before a text and locate at its first word. After Rust et al. (2021).

    Examples
    --------
    >>> from fasttok.evaluation.metrics.fertility import pcw
    >>> pcw(25, 100)
    0.25
    """
    return divide(n_continued, n_words)


PCW = Metric(
    "pcw",
    ("continued", "words"),
    pcw,
    label="Continued words",
    definition="Proportion of continued words: words that are split into two or more tokens, divided by all "
    "words.",
    source="Rust et al. 2021, arXiv 2012.15613",
    better="less",
)


def strr(n_single: Total, n_words: Total) -> Quotient:
    """Return the single-token retention rate: the share of words with exactly one token.

    Parameters
    ----------
    n_single : int or ndarray
        Number of words with exactly one token, as defined for `pcw`.
    n_words : int or ndarray
        Number of all words.

    Returns
    -------
    float or ndarray of float64
        Share from 0 to 1; higher is better. NaN if there are no words.

    Notes
    -----
    Every occurrence of a word counts. The result equals 1 - `pcw`, unless some words have no token because
    the tokenizer drops text. After Nayeem et al. (2025), arXiv:2510.09947, who encode every word of a list
    separately and therefore count each distinct word once.

    Examples
    --------
    >>> from fasttok.evaluation.metrics.fertility import strr
    >>> strr(75, 100)
    0.75
    """
    return divide(n_single, n_words)


STRR = Metric(
    "strr",
    ("single", "words"),
    strr,
    label="Whole words",
    definition="Single-token retention rate (STRR): words that are exactly one token, divided by all words.",
    source="Nayeem et al. 2025, arXiv 2510.09947",
    better="more",
)
