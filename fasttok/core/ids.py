"""Conversion and checks of token ids that callers pass: one row of integers, or several rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core._gather import gather_bytes, measure_rows
from fasttok.core.checks import checked_row, describe, describe_items, describe_type, has_flags, is_table
from fasttok.core.ragged import Ragged

Ids = Sequence[int] | NDArray[Any]
Rows = Ragged | Iterable[Ids]


def as_ids(ids: Ids, name: str = "ids") -> NDArray[Any]:
    """Convert a row of ids to a contiguous array of uint32 or int64, without checking their range.

    `name` is the name of the argument, for messages.

    Raises
    ------
    TypeError
        If `ids` is not one row of integers.
    IndexError
        If an id has more than 64 bits.
    """
    if type(ids) not in (np.ndarray, list, tuple):
        ids = checked_row(name, ids, "one row of integers")
    try:
        array = np.asarray(ids)
    except (ValueError, OverflowError):  # rows of different lengths
        array = np.empty((0, 0))
    if array.ndim != 1:
        advice = "; to decode several rows use decode_batch" if array.ndim > 1 else ""
        raise TypeError(f"{name} must be one row of integers, not {_describe_rows(ids)}{advice}")
    if len(array) == 0:
        return np.empty(0, np.int64)
    if array.dtype == object and all(type(i) is int for i in array.tolist()):
        raise IndexError(f"{name}: an id of more than 64 bits is outside any vocabulary")
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, not {_describe_items(ids, array)}")
    if has_flags(ids, array):
        raise TypeError(f"{name} must be integers, not {_describe_items(ids, array)}")
    if array.dtype == np.uint64:
        array = np.minimum(array, np.uint64(1 << 62))
    return np.ascontiguousarray(array if array.dtype == np.uint32 else array.astype(np.int64))


def _describe_rows(ids: Any) -> str:
    return f"an array of shape {ids.shape}" if isinstance(ids, np.ndarray) else describe_type(ids)


def _describe_items(ids: Any, array: NDArray[Any]) -> str:
    """Return the type of the items that are not integers, and the first of them if it is known."""
    for i, one in enumerate(ids if isinstance(ids, (list, tuple)) else ()):
        if isinstance(one, (bool, np.bool_)) or not isinstance(one, (int, np.integer)):
            kind = "bool" if isinstance(one, (bool, np.bool_)) else str(array.dtype)
            return f"{kind} ({describe(one)} at position {i})"
    return str(array.dtype)


def as_id_array(ids: Any, n_ids: int, name: str = "ids", scope: str = "") -> NDArray[Any]:
    """Convert ids in an array of any shape, in nested lists or a single id to an array; check their range.

    Parameters
    ----------
    ids : array_like of int
        The ids.
    n_ids : int
        Number of ids; valid ids are from 0 to ``n_ids - 1``.
    name : str
        Name of the argument, for messages.
    scope : str
        Description of the valid ids, for messages; default: the vocabulary.

    Raises
    ------
    TypeError
        If `ids` are not integers, or are rows of different lengths.
    IndexError
        If an id is out of range. The message gives its index.
    """
    what = f"{name} must be integers in an array of any shape"
    if isinstance(ids, Ragged):
        raise TypeError(
            f"{what}, not a Ragged, whose rows differ in length; pad them first, or pass {name}.values"
        )
    is_text = isinstance(ids, (str, bytes, bytearray, memoryview, Set, type))
    is_number = isinstance(ids, (int, np.integer)) and not isinstance(ids, bool)
    if is_text or is_table(ids) or not (is_number or hasattr(ids, "__len__") or isinstance(ids, np.ndarray)):
        raise TypeError(f"{what}, not {describe_type(ids)}")
    try:
        array = np.asarray(ids)
    except (ValueError, OverflowError):
        raise TypeError(f"{what}, not rows of different lengths; pad them first") from None
    if array.size == 0 and not isinstance(ids, np.ndarray):
        return np.empty(array.shape, np.int64)
    scope = scope or f"the vocabulary of {n_ids:,} ids"
    if array.dtype == object and all(type(i) is int for i in array.ravel().tolist()):
        raise IndexError(f"{name}: an id of more than 64 bits is outside {scope}")
    if array.dtype.kind not in "iu" or _has_flags(ids, array):
        raise TypeError(f"{what}, not {describe_items(array)}")
    if array.size and not 0 <= array.min() <= array.max() < n_ids:
        bad = np.unravel_index(int(np.argmax((array < 0) | (array >= n_ids))), array.shape)
        index = f" at index {', '.join(str(int(i)) for i in bad)}" if bad else ""
        raise IndexError(f"{name}: {int(array[bad])}{index} is outside {scope}")
    return array


def _has_flags(values: Any, array: NDArray[Any]) -> bool:
    """Return whether True or False is in nested lists, of which NumPy has made the integers in `array`."""
    if array.ndim < 2 or not isinstance(values, (list, tuple)):
        return has_flags(values, array)
    return any(_has_flags(one, row) for one, row in zip(values, array, strict=True))


def as_rows(rows: Rows, name: str = "rows") -> Ragged:
    """Convert rows of ids to a Ragged of uint32 or int64, without checking their range.

    `name` is the name of the argument, for messages, which give the row.

    Raises
    ------
    TypeError
        If `rows` are not rows of integers.
    IndexError
        If an id has more than 64 bits.
    """
    if isinstance(rows, Ragged):
        return Ragged(as_ids(rows.values, name), rows.offsets)
    if is_table(rows):
        raise TypeError(
            f"{name} must be a Ragged or rows of integers, not {type(rows).__name__}; pass the ids in it, "
            f'such as {name}["input_ids"]'
        )
    if isinstance(rows, (str, bytes, bytearray, memoryview, Set, type)) or not isinstance(rows, Iterable):
        raise TypeError(f"{name} must be a Ragged or rows of integers, not {describe_type(rows)}")
    if isinstance(rows, np.ndarray) and rows.ndim == 0:
        raise TypeError(f"{name} must be a Ragged or rows of integers, not a single number")
    found: list[NDArray[Any]] = []
    for row in rows:
        try:
            found.append(as_ids(row, "the ids"))
        except (TypeError, IndexError) as error:
            raise type(error)(f"row {len(found)} of {name}: {error}") from None
    return Ragged.from_arrays(found, np.int64)


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
