"""Ids as callers give them: rows of integers, made arrays and checked."""

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
    """A row of ids as a contiguous array of uint32 or int64; none of them looked at yet."""
    if isinstance(ids, (str, bytes)) or not hasattr(ids, "__len__"):
        raise TypeError(f"ids must be one row of integers, not {type(ids).__name__}")
    try:
        array = np.asarray(ids)
    except ValueError:
        array = np.empty((0, 0))
    if array.ndim != 1:
        raise TypeError("ids must be one row of integers; for several rows there is decode_batch")
    if len(array) == 0:
        return np.empty(0, np.int64)
    if array.dtype == object and all(type(i) is int for i in array.tolist()):
        raise IndexError("an id beyond 64 bits is outside any vocabulary")
    if array.dtype.kind not in "iu":
        raise TypeError(f"ids must be integers, not {array.dtype}")
    if array.dtype == np.uint64:
        array = np.minimum(array, np.uint64(1 << 62))
    return np.ascontiguousarray(array if array.dtype == np.uint32 else array.astype(np.int64))


def as_rows(rows: Rows) -> Ragged:
    """Rows of ids as a Ragged of uint32 or int64; none of the ids looked at yet."""
    if not isinstance(rows, Ragged):
        if isinstance(rows, (str, bytes)) or not isinstance(rows, Iterable):
            raise TypeError(f"rows must be a Ragged or rows of integers, not {type(rows).__name__}")
        rows = Ragged.from_arrays([as_ids(row) for row in rows])
    return Ragged(as_ids(rows.values), rows.offsets)


def as_known_rows(rows: Rows, n_ids: int) -> Ragged:
    """Rows of ids as a Ragged of uint32.

    Raises
    ------
    IndexError
        If an id is negative, or not below `n_ids`.
    TypeError
        If `rows` are no rows of integers.
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
    """The error for the id at `bad`, which is no id; `offsets` are those of rows, if it is to name one."""
    i = int(ids[bad])
    why = "is not in use" if 0 <= i < n_ids else f"is outside the vocabulary of {n_ids} ids"
    place = f"position {bad}"
    if offsets is not None:
        row = int(np.searchsorted(offsets, bad, side="right")) - 1
        place = f"position {bad - offsets[row]} of row {row}"
    return IndexError(f"id {i} at {place} {why}")


def gather_pieces(pieces: Ragged, ids: NDArray[Any], rows: NDArray[np.int64] | None = None) -> bytes:
    """The rows of the ids, one after another; `rows` are the offsets of rows to name in an error.

    Raises
    ------
    IndexError
        If there is no such row, or nothing in it.
    """
    return gather_bytes(pieces.values, pieces.offsets, ids, measure_pieces(pieces, ids, rows))


def measure_pieces(pieces: Ragged, ids: NDArray[Any], rows: NDArray[np.int64] | None) -> int:
    """Return the number of bytes that `gather_pieces` gives."""
    n_bytes, bad = measure_rows(pieces.offsets, ids, False)
    if bad >= 0:
        raise unknown_id(ids, bad, len(pieces), rows)
    return n_bytes
