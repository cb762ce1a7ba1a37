"""Text of a training corpus that a model cannot encode: counts for the provenance, and a warning."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import warn
from fasttok.core.ragged import total_length
from fasttok.counts.table import PretokenCounts
from fasttok.text.normalizers.charsmap import CharsMapNormalizer
from fasttok.text.steps import Normalizer

N_CODE_POINTS = 0x110000
BYTES = "bytes_not_utf8"  # key of the number of bytes that are not UTF-8
NULLS = "null_characters"  # key of the number of characters U+0000
REPLACEMENT = 0xFFFD  # U+FFFD
ADVICE = "If the text has another encoding, pass encoding= to Corpus.from_files"


def are_bytes(code_points: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Return whether each code point of counts stands for a byte that is not UTF-8."""
    mask: NDArray[np.bool_] = (code_points >= 0xDC80) & (code_points <= 0xDCFF)
    return mask


def count_occurrences(counts: PretokenCounts, mask: NDArray[np.bool_]) -> int:
    """Return how often the code points of `counts` with a true mask occur in the corpus."""
    places = np.flatnonzero(mask)
    rows = np.searchsorted(counts.offsets, places, side="right") - 1
    return int(counts.counts[rows].sum())


def count_lost(counts: PretokenCounts, known: NDArray[np.integer]) -> dict[str, int | float]:
    """Count the characters of a corpus that a model does not know.

    Parameters
    ----------
    counts : PretokenCounts
        The training corpus.
    known : ndarray of int
        Code points that the model can encode.

    Returns
    -------
    dict
        Empty if all characters are known. Otherwise: ``characters``, the number of unknown characters;
        ``share_of_characters``, their share of the corpus; ``distinct_characters``, the number of different
        ones; ``pretokens``, the number of pretokens with at least one; and, if there are any,
        ``bytes_not_utf8`` and ``null_characters``, how many of the characters are bytes that are not UTF-8,
        and U+0000.

    Notes
    -----
    Takes O(n) time for n characters of distinct pretokens.

    Examples
    --------
    >>> import fasttok as ft
    >>> counts = ft.PretokenCounts.from_dict({"aa": 4, "ab": 2})
    >>> lost = count_lost(counts, np.array([ord("a")]))
    >>> lost["characters"], lost["pretokens"], round(lost["share_of_characters"], 3)
    (2, 2, 0.167)
    """
    is_lost = np.ones(N_CODE_POINTS, np.bool_)
    is_lost[known] = False
    places = np.flatnonzero(is_lost[counts.code_points])
    if not len(places):
        return {}
    rows = np.searchsorted(counts.offsets, places, side="right") - 1
    weights = counts.counts[rows]
    found = counts.code_points[places]
    n, n_all = int(weights.sum()), total_length(np.diff(counts.offsets), counts.counts)
    lost: dict[str, int | float] = {
        "characters": n,
        "share_of_characters": n / n_all,
        "distinct_characters": len(np.unique(found)),
        "pretokens": int(counts.counts[np.unique(rows)].sum()),
    }
    lost |= {BYTES: int(weights[are_bytes(found)].sum()), NULLS: int(weights[found == 0].sum())}
    return {key: value for key, value in lost.items() if value}


def warn_of_lost_bytes(lost: Mapping[str, int | float], has_unk: bool) -> None:
    """Warn if a model cannot encode bytes that are not UTF-8, or U+0000, of its corpus.

    Parameters
    ----------
    lost : mapping
        Result of `count_lost`.
    has_unk : bool
        Whether the model has an unknown token.
    """
    parts = [
        f"{lost[key]:,} {name}"
        for key, name in ((BYTES, "bytes that are not UTF-8"), (NULLS, "characters U+0000 (NUL)"))
        if key in lost
    ]
    if parts:
        what = "they become the unknown token" if has_unk else "encoding them is an error"
        warn(
            f"the corpus contains {' and '.join(parts)}, which the model does not know: {what}. "
            f"{lost['pretokens']:,} pretokens contain unknown characters. {ADVICE}; to keep all bytes, train "
            "with byte_fallback=True or a byte-level model"
        )


def warn_of_learned_bytes(counts: PretokenCounts) -> None:
    """Warn if a corpus contains bytes that are not UTF-8, for models that learn them like characters."""
    mask = are_bytes(counts.code_points)
    if mask.any():
        warn(
            f"the corpus contains {count_occurrences(counts, mask):,} bytes that are not UTF-8. The model "
            f"learns them like characters, and knows no other such bytes. {ADVICE}; to keep all bytes, train "
            "with byte_fallback=True or a byte-level model"
        )


def warn_of_replaced_bytes(counts: PretokenCounts, normalizer: Normalizer | None) -> None:
    """Warn if a normalizer of sentencepiece seems to have replaced bytes that are not UTF-8 by U+FFFD."""
    steps = getattr(normalizer, "steps", (normalizer,))
    if any(isinstance(step, CharsMapNormalizer) and step.by == "longest" for step in steps):
        n = count_occurrences(counts, counts.code_points == REPLACEMENT)
        if n:
            warn(
                f"the corpus contains {n:,} characters U+FFFD, which the normalizer writes for bytes that "
                f"are not UTF-8. {ADVICE}"
            )
