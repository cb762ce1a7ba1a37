"""How short a text becomes.

Functions of totals over a corpus, never of averages of documents: a long document counts for more. Totals may
be arrays, as of `fasttok.evaluation.bootstrap.resample`; then so is what comes out.
"""

from __future__ import annotations

from fasttok.evaluation.metric import Metric
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


N_TOKENS = Metric(
    "n_tokens",
    ("tokens",),
    token_count,
    "documents",
    label="Tokens",
    unit="tokens",
    definition="All tokens of the corpus, without the special tokens of a template.",
    source="Schmidt et al. 2024, arXiv 2402.18376",
    better="less",
)


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


BYTES_PER_TOKEN = Metric(
    "bytes_per_token",
    ("bytes", "tokens"),
    bytes_per_token,
    label="Bytes per token",
    unit="bytes/token",
    definition="Bytes of text in UTF-8, divided by tokens, both over the whole corpus, so that a long "
    "document counts for more.",
    source="fasttok's own; on compression see Goldman et al. 2024, arXiv 2403.06265",
    better="more",
)


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


CHARACTERS_PER_TOKEN = Metric(
    "characters_per_token",
    ("characters", "tokens"),
    characters_per_token,
    label="Characters per token",
    unit="characters/token",
    definition="Code points of text, divided by tokens, both over the whole corpus.",
    source="fasttok's own, as bytes per token",
    better="more",
)


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
    tokenizer: a value says nothing without the name of its baseline.

    Examples
    --------
    >>> nsl(80, 100)
    0.8
    """
    return divide(n_tokens, n_baseline_tokens)


NSL = Metric(
    "nsl",
    ("tokens", "baseline_tokens"),
    nsl,
    label="NSL",
    definition="Normalized sequence length: tokens, divided by those of the baseline tokenizer for the same "
    "text.",
    source="Dagan et al. 2024, arXiv 2402.01035",
    better="less",
)


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
    Weighted by length. For one document it is (tokens - 1) / (characters - 1).
    `fasttok.evaluation.words.count_places` has both terms.

    Examples
    --------
    >>> segmentality(2, 8)
    0.25
    """
    return divide(n_cuts, n_places)


SEGMENTALITY = Metric(
    "segmentality",
    ("cuts", "places"),
    segmentality,
    label="Segmentality",
    definition="Cuts between tokens of a document, divided by the places between its characters, both over "
    "the whole corpus; above 1 where characters are cut into bytes.",
    source="fasttok's own",
    better="less",
)
