"""Conversion and checks of token ids that callers pass: one row of integers, or several rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core._gather import gather_bytes, measure_rows
from fasttok.core.ragged import Ragged

Ids = Sequence[int] | NDArray[Any]
Rows = Ragged | Iterable[Ids]


def as_ids(ids: Ids) -> NDArray[Any]:
    """Convert a row of ids to a contiguous array of uint32 or int64, without checking their range."""
    if isinstance(ids, (str, bytes)) or not hasattr(ids, "__len__"):
        raise TypeError(f"ids must be one row of integers, not {type(ids).__name__}")
    try:
        array = np.asarray(ids)
    except ValueError:
        array = np.empty((0, 0))
    if array.ndim != 1:
        raise TypeError("ids must be one row of integers; to decode several rows use decode_batch")
    if len(array) == 0:
        return np.empty(0, np.int64)
    if array.dtype == object and all(type(i) is int for i in array.tolist()):
        raise IndexError("an id of more than 64 bits is outside any vocabulary")
    if array.dtype.kind not in "iu":
        raise TypeError(f"ids must be integers, not {array.dtype}")
    if array.dtype == np.uint64:
        array = np.minimum(array, np.uint64(1 << 62))
    return np.ascontiguousarray(array if array.dtype == np.uint32 else array.astype(np.int64))


def as_rows(rows: Rows) -> Ragged:
    """Convert rows of ids to a Ragged of uint32 or int64, without checking their range."""
    if not isinstance(rows, Ragged):
        if isinstance(rows, (str, bytes)) or not isinstance(rows, Iterable):
            raise TypeError(f"rows must be a Ragged or rows of integers, not {type(rows).__name__}")
        rows = Ragged.from_arrays([as_ids(row) for row in rows])
    return Ragged(as_ids(rows.values), rows.offsets)


def as_known_rows(rows: Rows, n_ids: int) -> Ragged:
    """Convert rows of ids to a Ragged of uint32 and check their range.

    Raises
    ------
    IndexError
        If an id is negative, or `n_ids` or more.
    TypeError
        If `rows` are not rows of integers.
    """
    found = as_rows(rows)
    ids = found.values[found.offsets[0] : found.offsets[-1]]
    if len(ids) and not 0 <= ids.min() <= ids.max() < n_ids:
        bad = int(np.argmax((ids < 0) | (ids >= n_ids))) + int(found.offsets[0])
        raise unknown_id(found.values, bad, n_ids, found.offsets)
    return Ragged(found.values.astype(np.uint32, copy=False), found.offsets)


def unknown_id(
    ids: NDArray[Any], bad: int, n_ids: int, offsets: NDArray[np.int64] | None = None
) -> IndexError:
    """Return the error for the unknown id at index `bad`.

    If the offsets of rows of ids are given, the message gives the row and the position in it.
    """
    i = int(ids[bad])
    why = "is not in use" if 0 <= i < n_ids else f"is outside the vocabulary of {n_ids} ids"
    location = f"position {bad}"
    if offsets is not None:
        row = int(np.searchsorted(offsets, bad, side="right")) - 1
        location = f"position {bad - offsets[row]} of row {row}"
    return IndexError(f"id {i} at {location} {why}")


def gather_pieces(pieces: Ragged, ids: NDArray[Any], rows: NDArray[np.int64] | None = None) -> bytes:
    """Return the concatenated pieces of the ids.

    `rows` contains the offsets of the rows of ids, for the error message.

    Raises
    ------
    IndexError
        If an id is outside the vocabulary, or its piece is empty.
    """
    return gather_bytes(pieces.values, pieces.offsets, ids, measure_pieces(pieces, ids, rows))


def measure_pieces(pieces: Ragged, ids: NDArray[Any], rows: NDArray[np.int64] | None) -> int:
    """Return the length of the result of `gather_pieces`. It raises the same errors."""
    n_bytes, bad = measure_rows(pieces.offsets, ids, False)
    if bad >= 0:
        raise unknown_id(ids, bad, len(pieces), rows)
    return n_bytes
