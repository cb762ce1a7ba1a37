"""What a report draws that is no metric: how often the pieces are used, and some documents cut into tokens.

A run calls `collect` for every tokenizer and test corpus, and writes what it gives as a line of ``curves.jsonl``,
sorted as the rows of ``metrics.jsonl`` are. It holds nothing but what follows from the tokenizer and the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.colours import visible
from fasttok.text.scripts import find_main_script

POINTS = 120  # of a curve
SCRIPT_BYTES = 10_000  # of the text of a language, in which its script is looked for
DOCUMENTS = 8  # that are shown cut, of all languages together,
DOCUMENT_BYTES = 240  # and as far as here


def collect(tokenizer: str, corpus: str, baseline: str | None, encoded: Mapping[str, Any]) -> dict[str, Any]:
    """What is drawn of one tokenizer on one test corpus: plain JSON, the same for any run.

    Parameters
    ----------
    tokenizer, corpus : str
        Their names.
    baseline : str, optional
        The language whose documents say which are shown: those of others are translations of them.
    encoded : mapping of str to Encoded
        The ids of each language's documents, with their spans.

    Returns
    -------
    dict
        ``tokenizer``, ``corpus``; ``scripts``, by language; ``ranks`` and ``counts``, the points of the curve of
        ranks and frequencies over all languages; and ``documents``, each with its ``language``, the index of its
        ``row``, its ``tokens`` as a reader sees them, the places among these that are ``unknown``, and whether it
        ``continues`` beyond what is shown.
    """
    scripts = {
        language: find_main_script(part.documents.values[:SCRIPT_BYTES]) for language, part in encoded.items()
    }
    ranks, counts = thin_ranks(count_ids([part.ids.values for part in encoded.values()]))
    shown = _choose_languages(scripts, baseline)
    n_each = 1 if len(shown) > 2 else 3
    rows = _choose_rows(encoded[shown[0]].documents.lengths, n_each) if shown else []
    return {
        "tokenizer": tokenizer,
        "corpus": corpus,
        "scripts": scripts,
        "ranks": ranks.tolist(),
        "counts": counts.tolist(),
        "documents": [
            {"language": language, "row": row, **_cut(encoded[language], row)}
            for row in rows
            for language in shown
            if row < len(encoded[language].documents)
        ],
    }


def count_ids(parts: list[NDArray[np.uint32]]) -> NDArray[np.int64]:
    """How often each id that occurs does, in descending order."""
    n_ids = max((int(ids.max()) + 1 for ids in parts if len(ids)), default=0)
    total = np.zeros(n_ids, np.int64)
    for ids in parts:
        total += np.bincount(ids, minlength=n_ids)
    return np.sort(total[total > 0])[::-1]


def thin_ranks(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ranks from 1, at equal distances on a logarithmic axis, and the counts at these; `counts` descend.

    Examples
    --------
    >>> thin_ranks(np.array([9, 3, 1]))
    (array([1, 2, 3]), array([9, 3, 1]))
    """
    if not len(counts):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    ranks = np.unique(np.rint(np.geomspace(1, len(counts), POINTS)).astype(np.int64))
    return ranks, counts[ranks - 1]


def _choose_languages(scripts: Mapping[str, str], baseline: str | None) -> list[str]:
    """The baseline first, then a language of each other script, then others, in the order of their names."""
    languages = sorted(scripts, key=lambda language: (language != baseline, language))
    first_of = {scripts[language]: language for language in reversed(languages)}
    firsts = [language for language in languages if first_of[scripts[language]] == language]
    return [*firsts, *(language for language in languages if language not in firsts)][:DOCUMENTS]


def _choose_rows(lengths: NDArray[np.int64], n: int) -> list[int]:
    """The first `n` rows that are neither very short nor longer than what is shown; or else the first ones."""
    fitting = np.flatnonzero((lengths >= DOCUMENT_BYTES // 6) & (lengths <= DOCUMENT_BYTES // 2))
    rows: list[int] = (fitting if len(fitting) else np.arange(len(lengths)))[:n].tolist()
    return rows


def _cut(part: Any, row: int) -> dict[str, Any]:
    """The tokens of a document that begin in its first bytes."""
    begin, end = part.ids.offsets[row : row + 2].tolist()
    ids, spans = part.ids.values[begin:end], part.byte_spans[begin:end]
    limit = part.documents.offsets[row] + DOCUMENT_BYTES
    n = int(np.searchsorted(spans[:, 0], limit))
    text = part.documents.values
    return {
        "tokens": [visible(text[start:stop].tobytes()) for start, stop in spans[:n].tolist()],
        "unknown": [] if part.unk_id is None else np.flatnonzero(ids[:n] == part.unk_id).tolist(),
        "continues": n < len(ids),
    }
