"""Split texts that have counts, such as the words of a word list, into pretokens that have counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import PatternError
from fasttok.core.ragged import Ragged
from fasttok.counts._hash import PretokenTable
from fasttok.text._spans import list_spans
from fasttok.text.normalizers.registry import AnyNormalizer, get_normalizer
from fasttok.text.pipeline import Pipeline
from fasttok.text.pretokenizers.registry import AnyPretokenizer, get_pretokenizer
from fasttok.text.rows import Rows

BATCH = 1 << 20  # approximate number of bytes that are split at a time


def count_texts(
    texts: Ragged, counts: NDArray[np.int64], pretokenizer: AnyPretokenizer, normalizer: AnyNormalizer
) -> PretokenTable:
    """Count the pretokens of texts, each of which is a document that occurs several times.

    Parameters
    ----------
    texts : Ragged of uint8
        Texts in UTF-8. Invalid bytes are allowed.
    counts : ndarray of int64
        Count of each text, at least 0.
    pretokenizer, normalizer
        Steps that make the pretokens, as for `count_pretokens`.

    Returns
    -------
    PretokenTable
        Table in which each pretoken of a text has been added once per occurrence of the text.

    Raises
    ------
    PatternError
        If a regular expression exceeds its timeout.
    OverflowError
        If a count exceeds 2^63 - 1.
    """
    pipeline = Pipeline(get_normalizer(normalizer), get_pretokenizer(pretokenizer))
    table = PretokenTable()
    ends = texts.offsets[1:]
    first = 0
    while first < len(texts):
        last = int(np.searchsorted(ends, texts.offsets[first] + BATCH, side="right"))
        last = max(last, first + 1)
        try:
            prepared = pipeline.prepare(Rows.of(texts[first:last]))
        except PatternError as error:
            raise error.at(first + (error.document or 0), 0) from None
        spans, bounds = prepared.run(lambda text, offsets, spans: list_spans(spans, text, offsets))
        rows = np.repeat(prepared.row_documents(), np.diff(bounds))
        table.add(*_join(prepared.rows.documents.values, spans), counts[first:last][rows])
        first = last
    return table


def _join(values: NDArray[np.uint8], spans: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the text of spans that ascend, without what is between them, and its offsets."""
    if not len(spans):
        return values, np.zeros(1, np.int64)
    # The rows alternate: a span, then the text before the next one.
    joined = Ragged(values, np.append(spans.reshape(-1), spans[-1, 1])).take(np.arange(0, 2 * len(spans), 2))
    return joined.values, joined.offsets
