"""Counts of the ids of a vocabulary over training counts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import describe
from fasttok.core.errors import UnknownCharacterError
from fasttok.counts.table import PretokenCounts
from fasttok.models._cache import PretokenCache
from fasttok.models.base import Model

BATCH = 1 << 12  # pretokens that are encoded at a time
CACHE_BYTES = 1 << 20  # every pretoken occurs once, so a cache is of little use
_HALF = 32  # bits; sums of halves of counts fit int64


def count_pieces(model: Model, counts: PretokenCounts, n_ids: int) -> NDArray[np.int64]:
    """Return how often each id occurs if every pretoken of a corpus is encoded.

    A pretoken that the model cannot encode is not counted. O(n) for n bytes of distinct pretokens.

    Parameters
    ----------
    model : Model
        Model that encodes the pretokens.
    counts : PretokenCounts
        Pretokens of the corpus.
    n_ids : int
        Largest id plus one.

    Returns
    -------
    ndarray of int64, shape (n_ids,)
        Count of each id.

    Raises
    ------
    OverflowError
        If a count exceeds 2^63 - 1.

    Examples
    --------
    >>> import fasttok as ft
    >>> model = ft.CharacterModel(["a", "b", "c"])
    >>> count_pieces(model, ft.PretokenCounts.from_dict({"ab": 5, "a": 2, "bd": 1}), 3).tolist()
    [7, 5, 0]
    """
    low, high = np.zeros((2, n_ids), np.int64)
    cache = PretokenCache(CACHE_BYTES)
    text, first = counts.text, 0
    while first < len(text):
        rows = text[first : first + BATCH]
        n_unknown = 0
        try:
            encoded = model.encode_pretokens(rows.values, rows.offsets, cache)
        except UnknownCharacterError as error:
            rows, n_unknown = rows[: error.document], 1
            encoded = model.encode_pretokens(rows.values, rows.offsets, cache)
        values = np.repeat(counts.counts[first : first + len(rows)], encoded.lengths)
        np.add.at(low, encoded.values, values & ((1 << _HALF) - 1))
        np.add.at(high, encoded.values, values >> _HALF)
        first += len(rows) + n_unknown
    high += low >> _HALF
    if (too_large := high >> (63 - _HALF)).any():
        raise OverflowError(f"the count of id {int(np.argmax(too_large > 0))} exceeds 2^63 - 1")
    return (high << _HALF) | (low & ((1 << _HALF) - 1))


def read_piece_counts(written: Any, n_ids: int) -> NDArray[np.int64]:
    """Return the counts that a provenance contains; ids that were added later have the count 0.

    Raises
    ------
    ValueError
        If they are not at most `n_ids` integers from 0 to 2^63 - 1.
    """
    is_list = isinstance(written, list) and len(written) <= n_ids
    if not is_list or not all(type(n) is int and 0 <= n < 1 << 63 for n in written):
        raise ValueError(
            f'provenance["piece_counts"] must be a list of at most {n_ids:,} integers from 0 to 2^63 - 1, '
            f"not {describe(written)}"
        )
    counts = np.zeros(n_ids, np.int64)
    counts[: len(written)] = written
    return counts
