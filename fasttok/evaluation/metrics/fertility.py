"""How many tokens a word is cut into.

Functions of totals, as in `fasttok.evaluation.metrics.compression`; `fasttok.evaluation.words` counts what
goes in.
"""

from __future__ import annotations

from fasttok.evaluation.metric import Metric
from fasttok.evaluation.metrics.totals import Quotient, Total, divide


def fertility(n_tokens: Total, n_words: Total) -> Quotient:
    """Tokens a word in running text.

    Parameters
    ----------
    n_tokens : int or ndarray
        The numerator: all tokens of the text, those of punctuation and white space too.
    n_words : int or ndarray
        The denominator: its words, by the rule that `fasttok.evaluation.words.find_words` was given.

    Returns
    -------
    float or ndarray of float64
        In tokens a word; NaN without words. Below 1 where tokens span words.

    Notes
    -----
    Weighted by length. After Rust et al. (2021), "How Good is Your Tokenizer?", ACL. Words that are encoded
    each alone give another number, as a word in text has a space before it. By the rule "unicode" punctuation
    is no word, though its tokens are counted, so the value is higher than by "whitespace".

    Examples
    --------
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
    definition="All tokens of the running text, divided by its words.",
    source="Rust et al. 2021, arXiv 2012.15613",
    better="less",
)


def pcw(n_continued: Total, n_words: Total) -> Quotient:
    """Proportion of continued words: the share of words that several tokens share.

    Parameters
    ----------
    n_continued : int or ndarray
        The numerator: words with at least two tokens.
    n_words : int or ndarray
        The denominator: all words.

    Returns
    -------
    float or ndarray of float64
        From 0 to 1, without unit; less is better. NaN without words.

    Notes
    -----
    Every occurrence of a word counts. A token is a word's if it shares a byte with it, so a word inside a
    larger token has one token. A token that is a space alone is no word's, also where one is put before the
    text and stands at its first word, as a ▁ does. After Rust et al. (2021).

    Examples
    --------
    >>> pcw(25, 100)
    0.25
    """
    return divide(n_continued, n_words)


PCW = Metric(
    "pcw",
    ("continued", "words"),
    pcw,
    label="Continued words",
    definition="Words that are cut into two or more tokens, divided by all words.",
    source="Rust et al. 2021, arXiv 2012.15613",
    better="less",
)


def strr(n_single: Total, n_words: Total) -> Quotient:
    """Single-token retention rate: the share of words with exactly one token.

    Parameters
    ----------
    n_single : int or ndarray
        The numerator: words with exactly one token, found as for `pcw`.
    n_words : int or ndarray
        The denominator: all words.

    Returns
    -------
    float or ndarray of float64
        From 0 to 1, without unit; more is better. NaN without words.

    Notes
    -----
    Every occurrence of a word counts. It is 1 - `pcw`, unless words have no token at all, as may be where a
    tokenizer drops text. After Nayeem et al. (2025), arXiv:2510.09947, who encode each word of a list alone,
    and so count every word once.

    Examples
    --------
    >>> strr(75, 100)
    0.75
    """
    return divide(n_single, n_words)


STRR = Metric(
    "strr",
    ("single", "words"),
    strr,
    label="Whole words",
    definition="Words that are one token (STRR), divided by all words.",
    source="Nayeem et al. 2025, arXiv 2510.09947",
    better="more",
)
