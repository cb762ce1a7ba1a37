"""What a report draws that is no metric: how often pieces are used, and some documents cut into tokens.

A run calls `collect` for every tokenizer and test corpus, and writes what it gives as a line of
``curves.jsonl``. It holds nothing but what follows from the tokenizer and the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.display.colours import visible
from fasttok.evaluation.encoded import Encoded
from fasttok.evaluation.metrics.distribution import rank_frequency
from fasttok.evaluation.sample import TestCorpus
from fasttok.evaluation.wrappers import AnyTokenizer
from fasttok.text.unicode.scripts import find_main_script

POINTS = 120  # of a curve
SCRIPT_BYTES = 10_000  # of the text of a language, in which its script is looked for
LANGUAGES = 8  # of which a document is shown,
DOCUMENTS = 3  # or so many if there are at most two,
DOCUMENT_BYTES = 240  # and as far as here,
READ_BYTES = 16 * DOCUMENT_BYTES  # cut into tokens as if it ended there, so that long ones take no longer


def collect(tokenizer: str, corpus: TestCorpus, encoded: Mapping[str, Encoded]) -> dict[str, Any]:
    """What is drawn of one tokenizer on one test corpus: plain JSON, the same for any run.

    Parameters
    ----------
    tokenizer : str
        Its name.
    corpus : TestCorpus
        The text.
    encoded : mapping of str to Encoded
        What the tokenizer makes of each language of it.

    Returns
    -------
    dict
        ``tokenizer``, ``corpus``; ``n_tokens``, and how many of them are unknown, ``n_unknown``; ``scripts``,
        by language; ``ranks`` and ``counts``, the points of the curve of ranks and frequencies over all
        languages; and ``documents``, each with its ``language``, the index
        of its ``row``, its ``tokens`` as a reader sees them, the places among these that are ``unknown``, and
        whether it ``continues`` beyond what is shown. Which documents these are does not depend on the
        tokenizer.
    """
    scripts = {
        language: find_main_script(part.documents.values[part.documents.offsets[0] :][:SCRIPT_BYTES])
        for language, part in encoded.items()
    }
    occurrences = _count([part.ids.values for part in encoded.values()])
    ranks, counts = thin_ranks(rank_frequency(occurrences))
    unk_id = next(iter(encoded.values())).tokenizer.unk_id
    is_met = unk_id is not None and unk_id < len(occurrences)
    languages = choose_languages(scripts, corpus.baseline)
    rows = choose_rows(encoded[languages[0]].documents.lengths, DOCUMENTS if len(languages) <= 2 else 1)
    return {
        "tokenizer": tokenizer,
        "corpus": corpus.name,
        "n_tokens": int(occurrences.sum()),
        "n_unknown": int(occurrences[unk_id]) if is_met else 0,
        "scripts": scripts,
        "ranks": ranks.tolist(),
        "counts": counts.tolist(),
        "documents": [
            {"language": language, "row": row, **_cut(part.tokenizer, part.documents[row].tobytes())}
            for row in rows
            for language in languages
            if row < len((part := encoded[language]).documents)
        ],
    }


def _count(parts: Iterable[NDArray[np.uint32]]) -> NDArray[np.int64]:
    """How often each id occurs."""
    total = np.zeros(0, np.int64)
    for ids in parts:
        counts = np.bincount(ids)
        longer, shorter = (counts, total) if len(counts) > len(total) else (total, counts)
        total = longer.copy()
        total[: len(shorter)] += shorter
    return total


def thin_ranks(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ranks from 1, at about equal distances on a logarithmic axis, and the counts there; `counts` descend.

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
    """The baseline first, then a language of each other script, then others, by name; at most `LANGUAGES`.

    Examples
    --------
    >>> choose_languages({"deu": "Latin", "eng": "Latin", "ell": "Greek"}, "eng")
    ['eng', 'ell', 'deu']
    """
    languages = sorted(scripts, key=lambda language: (language != baseline, language))
    first = {scripts[language]: language for language in reversed(languages)}
    return sorted(languages, key=lambda language: first[scripts[language]] != language)[:LANGUAGES]


def choose_rows(lengths: NDArray[np.int64], n: int) -> list[int]:
    """The first `n` rows that are neither very short nor too long to be shown; the first ones if none is."""
    is_fitting = (lengths >= DOCUMENT_BYTES // 6) & (lengths <= DOCUMENT_BYTES // 2)
    rows = np.flatnonzero(is_fitting if is_fitting.any() else lengths > 0)
    chosen: list[int] = rows[:n].tolist()
    return chosen


def _find_end(text: bytes) -> int:
    """How much of a document is read: some bytes, but no part of a character."""
    end = min(len(text), READ_BYTES)
    while READ_BYTES - 4 < end < len(text) and text[end] & 0xC0 == 0x80:
        end -= 1
    return end


def _cut(tokenizer: AnyTokenizer, text: bytes) -> dict[str, Any]:
    """The tokens of a document that begin in its first bytes."""
    read = text[: _find_end(text)]
    encoding = tokenizer.encode_with_offsets(read)
    n = int(np.searchsorted(encoding.byte_spans[:, 0], DOCUMENT_BYTES))
    return {
        "tokens": [visible(text[start:stop]) for start, stop in encoding.byte_spans[:n].tolist()],
        "unknown": [i for i, id in enumerate(encoding.ids[:n].tolist()) if id == tokenizer.unk_id],
        "continues": n < len(encoding.ids) or len(read) < len(text),
    }
