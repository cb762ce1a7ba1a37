"""Prediction metrics: how well a language model predicts the tokens."""

from __future__ import annotations

from fasttok.evaluation.held_out import UNITS
from fasttok.evaluation.metric import Metric
from fasttok.evaluation.metrics.totals import Quotient, Total, divide


def bits_per_byte(n_units: Total, n_bytes: Total) -> Quotient:
    """Return the number of bits that a trigram model needs per byte of text.

    Parameters
    ----------
    n_units : int or ndarray
        Bits of all ids and of one end symbol per document, in units of 1/1,024 bit.
    n_bytes : int or ndarray
        Number of bytes of the same documents, before normalization.

    Returns
    -------
    float or ndarray of float64
        Bits per byte; lower means that the tokens are easier to predict. NaN if there are no bytes.

    Notes
    -----
    The documents are split into two halves by their content. Each half is predicted by a trigram model with
    interpolated Kneser-Ney smoothing that was trained on the other half; see `fasttok.lm.NGram` and
    `fasttok.evaluation.held_out.split_documents`. So the model never sees the text that it predicts, equal
    documents are never on both sides, and all documents count. The model is small, and its training text is
    half of the test corpus: compare values of the same corpus only.

    Values can be compared between tokenizers that restore the text. A tokenizer that drops part of it, or has
    unknown tokens, has less to predict. The probabilities of other segmentations of the text are not added,
    so the value is an upper bound (Cao and Rimell 2021, "You should evaluate your language model on marginal
    likelihood over tokenisations").

    Examples
    --------
    >>> from fasttok.evaluation.metrics.prediction import bits_per_byte
    >>> bits_per_byte(1024 * 500, 250)
    2.0
    """
    return divide(n_units, n_bytes) / UNITS


BITS_PER_BYTE = Metric(
    "bits_per_byte",
    ("model_bits", "modelled_bytes"),
    bits_per_byte,
    label="Bits per byte",
    unit="bits/byte",
    definition="Bits of all tokens and of one end symbol per document under a trigram model with Kneser-Ney "
    "smoothing, divided by UTF-8 bytes of text; each half of the documents is predicted by a model of the "
    "other half.",
    source="Chen and Goodman 1998, An empirical study of smoothing techniques for language modeling",
    better="less",
)
