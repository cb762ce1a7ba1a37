"""Data that a report draws in addition to metrics: rank-frequency curves and tokens of sample documents.

A run calls `collect` for every tokenizer and test corpus, and writes each result as a line of
``curves.jsonl``. A line depends only on the tokenizer and the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.corpus.corpus import Corpus
from fasttok.counts.count import count_corpus
from fasttok.counts.marks import MAX_SHARE, share_of_marks
from fasttok.display.colours import visible
from fasttok.evaluation.encoded import Encoded, untrimmed
from fasttok.evaluation.metrics.distribution import rank_frequency
from fasttok.evaluation.sample import TestCorpus
from fasttok.evaluation.wrappers import AnyTokenizer
from fasttok.text.pipeline import Pipeline
from fasttok.text.unicode.scripts import find_main_script
from fasttok.tokenizer.tokenizer import Tokenizer

POINTS = 120  # maximum number of points of a curve
SCRIPT_BYTES = 10_000  # bytes of a language's text from which its script is detected
LANGUAGES = 8  # maximum number of languages with a sample document
DOCUMENTS = 3  # sample documents per language if there are at most two languages; otherwise there is one
DOCUMENT_BYTES = 240  # bytes of a sample document that are shown
READ_BYTES = 16 * DOCUMENT_BYTES  # bytes of a sample document that are encoded, to limit the time


def collect(tokenizer: str, corpus: TestCorpus, encoded: Mapping[str, Encoded]) -> dict[str, Any]:
    """Return the data to draw for one tokenizer on one test corpus, as plain JSON.

    Parameters
    ----------
    tokenizer : str
        Name of the tokenizer.
    corpus : TestCorpus
        Test corpus.
    encoded : mapping of str to Encoded
        Tokens of each language.

    Returns
    -------
    dict
        Names and numbers: ``tokenizer``, ``corpus``, ``n_tokens``, and ``n_unknown``, which is the number of
        unknown tokens. ``scripts`` maps languages to scripts. ``ranks`` and ``counts`` are the
        points of the rank-frequency curve over all languages. ``documents`` lists the sample documents, which
        do not depend on the tokenizer. Each has its ``language``, its index ``row``, its visible ``tokens``,
        the indices of ``unknown`` tokens, and ``continues``: whether it is longer than the part shown.
        ``separated_marks`` maps languages to the share of pretokens that begin with a separated combining
        mark, if it is more than 1 %.
    """
    scripts = {
        language: find_main_script(part.documents.values[part.documents.offsets[0] :][:SCRIPT_BYTES])
        for language, part in encoded.items()
    }
    occurrences = _count([part.ids.values for part in encoded.values()])
    ranks, counts = thin_ranks(rank_frequency(occurrences))
    unk_id = next(iter(encoded.values())).tokenizer.unk_id
    has_unknown = unk_id is not None and unk_id < len(occurrences)
    languages = choose_languages(scripts, corpus.baseline)
    rows = choose_rows(encoded[languages[0]].documents.lengths, DOCUMENTS if len(languages) <= 2 else 1)
    return {
        "tokenizer": tokenizer,
        "corpus": corpus.name,
        "n_tokens": int(occurrences.sum()),
        "n_unknown": int(occurrences[unk_id]) if has_unknown else 0,
        "scripts": scripts,
        "separated_marks": {
            language: share
            for language, part in encoded.items()
            if (share := _share_of_marks(part)) > MAX_SHARE
        },
        "ranks": ranks.tolist(),
        "counts": counts.tolist(),
        "documents": [
            {"language": language, "row": row, **_cut(part.tokenizer, part.documents[row].tobytes())}
            for row in rows
            for language in languages
            if row < len((part := encoded[language]).documents)
        ],
    }


def share_unknown(part: Encoded) -> float:
    """Return the share of the bytes of a text that are in spans of the unknown token.

    If the spans are not known yet, the documents with unknown tokens are encoded again.
    """
    n_bytes = int(part.documents.lengths.sum())
    places = np.flatnonzero(part.ids.values == part.tokenizer.unk_id)
    if part.tokenizer.unk_id is None or not len(places):
        return 0.0
    if "byte_spans" not in vars(part):
        rows = np.unique(np.searchsorted(part.ids.offsets, places, side="right") - 1)
        part = Encoded(part.tokenizer, part.documents.take(rows), part.ids.take(rows))
    spans = part.byte_spans[part.ids.values == part.tokenizer.unk_id]
    return int((spans[:, 1] - spans[:, 0]).sum()) / n_bytes


def _share_of_marks(part: Encoded) -> float:
    """Return the result of `share_of_marks` for a text; 0 for tokenizers of other libraries."""
    tok = part.tokenizer
    if not isinstance(tok, Tokenizer):
        return 0.0
    corpus = Corpus.from_texts(part.documents.to_bytes())
    counts = count_corpus(corpus, Pipeline(tok.normalizer, tok.pretokenizer))
    return share_of_marks(counts, tok.pretokenizer)


def _count(parts: Iterable[NDArray[np.uint32]]) -> NDArray[np.int64]:
    """Return the number of occurrences of each id."""
    total = np.zeros(0, np.int64)
    for ids in parts:
        counts = np.bincount(ids)
        longer, shorter = (counts, total) if len(counts) > len(total) else (total, counts)
        total = longer.copy()
        total[: len(shorter)] += shorter
    return total


def thin_ranks(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return at most `POINTS` ranks, about evenly spaced on a logarithmic axis, and their counts.

    `counts` must be in descending order.

    Examples
    --------
    >>> ranks, counts = thin_ranks(np.array([9, 3, 1]))
    >>> ranks.tolist(), counts.tolist()
    ([1, 2, 3], [9, 3, 1])
    """
    if not len(counts):
        return counts, counts
    ranks = np.unique(np.rint(np.geomspace(1, len(counts), POINTS)).astype(np.int64))
    return ranks, counts[ranks - 1]


def choose_languages(scripts: Mapping[str, str], baseline: str | None) -> list[str]:
    """Return the languages to show: the baseline, one language of each other script, then others by name.

    Examples
    --------
    >>> choose_languages({"deu": "Latin", "eng": "Latin", "ell": "Greek"}, "eng")
    ['eng', 'ell', 'deu']
    """
    languages = sorted(scripts, key=lambda language: (language != baseline, language))
    first = {scripts[language]: language for language in reversed(languages)}
    return sorted(languages, key=lambda language: first[scripts[language]] != language)[:LANGUAGES]


def choose_rows(lengths: NDArray[np.int64], n: int) -> list[int]:
    """Return the first `n` rows of medium length, or the first nonempty rows if no row has medium length."""
    is_fitting = (lengths >= DOCUMENT_BYTES // 6) & (lengths <= DOCUMENT_BYTES // 2)
    rows = np.flatnonzero(is_fitting if is_fitting.any() else lengths > 0)
    chosen: list[int] = rows[:n].tolist()
    return chosen


def _find_end(text: bytes) -> int:
    """Return the number of bytes to encode: at most `READ_BYTES`, and only whole characters."""
    end = min(len(text), READ_BYTES)
    while READ_BYTES - 4 < end < len(text) and text[end] & 0xC0 == 0x80:
        end -= 1
    return end


def _cut(tokenizer: AnyTokenizer, text: bytes) -> dict[str, Any]:
    """Return the tokens that begin in the first `DOCUMENT_BYTES` bytes of a document."""
    read = text[: _find_end(text)]
    encoding = untrimmed(tokenizer).encode_with_offsets(read)
    n = int(np.append(encoding.byte_spans[:, 0] >= DOCUMENT_BYTES, True).argmax())
    return {
        "tokens": [visible(text[start:stop]) for start, stop in encoding.byte_spans[:n].tolist()],
        "unknown": [i for i, id in enumerate(encoding.ids[:n].tolist()) if id == tokenizer.unk_id],
        "continues": n < len(encoding.ids) or len(read) < len(text),
    }
