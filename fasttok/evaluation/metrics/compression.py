"""Compression metrics: the length of a text in tokens.

Each function takes totals over a corpus, not averages per document, so longer documents have more weight. A
total can be an array of resampled totals, as `fasttok.evaluation.bootstrap.resample` returns. The result is
then an array of the same length.
"""

from __future__ import annotations

from fasttok.evaluation.metric import Metric
from fasttok.evaluation.metrics.totals import Quotient, Total, divide


def token_count(n_tokens: Total) -> Quotient:
    """Return the number of tokens of a corpus, as a float.

    Parameters
    ----------
    n_tokens : int or ndarray
        Number of tokens of all documents, without the special tokens of a template.

    Returns
    -------
    float or ndarray of float64
        Number of tokens.

    Examples
    --------
    >>> from fasttok.evaluation.metrics.compression import token_count
    >>> token_count(250)
    250.0
    """
    return divide(n_tokens, 1)


N_TOKENS = Metric(
    "n_tokens",
    ("tokens",),
    token_count,
    "documents",
    label="Tokens",
    unit="tokens",
    definition="Number of tokens of the whole corpus, without the special tokens that a template adds.",
    source="corpus token count of Schmidt et al. 2024, arXiv 2402.18376",
    better="less",
)


def bytes_per_token(n_bytes: Total, n_tokens: Total) -> Quotient:
    """Return the mean number of UTF-8 bytes of text per token.

    Parameters
    ----------
    n_bytes : int or ndarray
        Number of bytes of all documents, before normalization.
    n_tokens : int or ndarray
        Number of tokens of all documents, without the special tokens of a template.

    Returns
    -------
    float or ndarray of float64
        Bytes per token; higher means stronger compression. NaN if there are no tokens.

    Notes
    -----
    The result is the quotient of two sums over the corpus. It differs from the mean of the quotients of the
    documents. Some tools report the inverse, tokens per byte, as compression.

    Examples
    --------
    >>> from fasttok.evaluation.metrics.compression import bytes_per_token
    >>> bytes_per_token(1000, 250)
    4.0
    """
    return divide(n_bytes, n_tokens)


BYTES_PER_TOKEN = Metric(
    "bytes_per_token",
    ("bytes", "tokens"),
    bytes_per_token,
    label="Bytes per token",
    unit="bytes/token",
    definition="UTF-8 bytes of the whole corpus, divided by its tokens; longer documents have more weight.",
    source="fasttok; on compression as a metric see Goldman et al. 2024, arXiv 2403.06265",
    better="more",
)


def characters_per_token(n_characters: Total, n_tokens: Total) -> Quotient:
    """Return the mean number of characters of text per token.

    Parameters
    ----------
    n_characters : int or ndarray
        Number of code points of all documents, before normalization. A byte that is not valid UTF-8 counts as
        one code point.
    n_tokens : int or ndarray
        Number of tokens of all documents, without the special tokens of a template.

    Returns
    -------
    float or ndarray of float64
        Code points per token; higher means stronger compression. NaN if there are no tokens.

    Notes
    -----
    The result is the quotient of two sums over the corpus. It is easier to compare between languages than
    bytes per token, because UTF-8 takes one to four bytes per character depending on the script.

    Examples
    --------
    >>> from fasttok.evaluation.metrics.compression import characters_per_token
    >>> characters_per_token(900, 250)
    3.6
    """
    return divide(n_characters, n_tokens)


CHARACTERS_PER_TOKEN = Metric(
    "characters_per_token",
    ("characters", "tokens"),
    characters_per_token,
    label="Characters per token",
    unit="characters/token",
    definition="Unicode code points of the whole corpus, divided by its tokens.",
    source="fasttok",
    better="more",
)


def nsl(n_tokens: Total, n_baseline_tokens: Total) -> Quotient:
    """Return the normalized sequence length: tokens relative to a baseline tokenizer on the same text.

    Parameters
    ----------
    n_tokens : int or ndarray
        Number of tokens of all documents.
    n_baseline_tokens : int or ndarray
        Number of tokens of the same documents with the baseline tokenizer.

    Returns
    -------
    float or ndarray of float64
        Ratio without unit. 1 means as many tokens as the baseline; below 1 means fewer. NaN if the baseline
        has no tokens.

    Notes
    -----
    The result is the quotient of two sums over the corpus. Values with different baselines cannot be
    compared. After Dagan, Synnaeve and Rozière (2024), arXiv:2402.01035, who use Llama's tokenizer as the
    baseline.

    Examples
    --------
    >>> from fasttok.evaluation.metrics.compression import nsl
    >>> nsl(80, 100)
    0.8
    """
    return divide(n_tokens, n_baseline_tokens)


NSL = Metric(
    "nsl",
    ("tokens", "baseline_tokens"),
    nsl,
    label="NSL",
    definition="Normalized sequence length: tokens, divided by the tokens of the baseline tokenizer for the "
    "same text.",
    source="Dagan et al. 2024, arXiv 2402.01035",
    better="less",
)


def segmentality(n_cuts: Total, n_places: Total) -> Quotient:
    """Return the number of token boundaries per boundary between two characters.

    Parameters
    ----------
    n_cuts : int or ndarray
        Boundaries between two tokens: tokens - 1 per document, summed over all documents that have tokens.
    n_places : int or ndarray
        Boundaries between two characters: characters - 1 per document, summed over all documents that are not
        empty.

    Returns
    -------
    float or ndarray of float64
        Ratio without unit: 0 if every document is one token, 1 if every character is a token, above 1 if
        characters are split into bytes. NaN if no document has two or more characters.

    Notes
    -----
    `fasttok.evaluation.words.count_places` computes both sums per document.

    Examples
    --------
    >>> from fasttok.evaluation.metrics.compression import segmentality
    >>> segmentality(2, 8)
    0.25
    """
    return divide(n_cuts, n_places)


SEGMENTALITY = Metric(
    "segmentality",
    ("cuts", "places"),
    segmentality,
    label="Segmentality",
    definition="Boundaries between two tokens of a document, divided by boundaries between two of its "
    "characters, both summed over the corpus; above 1 if characters are split into bytes.",
    source="fasttok",
    better="less",
)
