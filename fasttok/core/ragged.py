"""`Ragged`: rows of different lengths in two flat arrays, the data type for text, ids and pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from fasttok.core._gather import are_offsets, gather_rows, measure_rows
from fasttok.core.checks import checked_row, describe, describe_type, has_flags, is_iterable, is_table

_INT64 = np.dtype(np.int64)


@dataclass(frozen=True, eq=False)
class Ragged:
    """Rows of different lengths; row ``i`` is ``values[offsets[i]:offsets[i + 1]]``.

    The rows may be the ids of documents, the pretokens of a batch or the pieces of a vocabulary. Rows and
    slices are views of `values`; `take`, and slices with a step other than 1, copy.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Values of all rows, concatenated, such as uint32 ids or uint8 text.
    offsets : ndarray of int64, shape (k + 1,)
        Start of each row in `values`, followed by the end of the last row.

    Raises
    ------
    ValueError
        If an array does not have this type and shape, or the offsets decrease or are out of range.

    Examples
    --------
    >>> from fasttok import Ragged
    >>> ragged = Ragged.from_rows([[1, 2, 3], [], [4]])
    >>> len(ragged), ragged.lengths.tolist()
    (3, [3, 0, 1])
    >>> ragged[0].tolist(), ragged[1:].to_list()
    ([1, 2, 3], [[], [4]])
    """

    values: NDArray[Any]
    offsets: NDArray[np.int64]

    def __post_init__(self) -> None:
        values, offsets = self.values, self.offsets
        if not isinstance(values, np.ndarray):
            raise TypeError(f"values must be an ndarray, not {describe_type(values)}")
        if not isinstance(offsets, np.ndarray):
            raise TypeError(f"offsets must be an ndarray, not {describe_type(offsets)}")
        if offsets.dtype != _INT64 or offsets.ndim != 1 or len(offsets) == 0 or values.ndim != 1:
            raise ValueError("a Ragged needs 1-d values, and 1-d offsets of int64 with at least one entry")
        if values.dtype.kind == "O":
            raise TypeError("values must be numbers, not objects")
        if not are_offsets(offsets, len(values)):
            raise ValueError(f"offsets must be from 0 to {len(values)} and must not decrease")

    @classmethod
    def from_rows(cls, rows: Iterable[Sequence[int] | NDArray[Any]], dtype: Any = np.uint32) -> Ragged:
        """Copy rows of integers into a new Ragged. O(total length).

        Raises
        ------
        TypeError
            If `rows` are not rows of integers.
        OverflowError
            If an integer does not fit the `dtype`.
        """
        kind = _checked_dtype(dtype)
        return cls.from_arrays([_as_row(i, row, kind) for i, row in enumerate(_checked_rows(rows))], kind)

    @classmethod
    def from_arrays(cls, rows: Sequence[NDArray[Any]], dtype: Any = np.uint32) -> Ragged:
        """Concatenate 1-d arrays, one per row; `dtype` is used only if there are no arrays.

        Raises
        ------
        TypeError
            If `rows` is not a sequence of 1-d arrays.
        """
        if not isinstance(rows, list):
            rows = list(_checked_rows(rows))
        if dtype is not np.uint32:
            dtype = _checked_dtype(dtype)
        for i, row in enumerate(rows):
            if type(row) is not np.ndarray or row.ndim != 1:
                raise TypeError(f"row {i} of rows must be a 1-d ndarray, not {describe_type(row)}")
        values = np.concatenate(rows) if rows else np.empty(0, dtype)
        return cls(values, lengths_to_offsets([len(row) for row in rows]))

    @classmethod
    def from_bytes(cls, rows: Sequence[bytes]) -> Ragged:
        """Concatenate byte strings into a Ragged of uint8, one row per string. O(total length).

        Raises
        ------
        TypeError
            If `rows` is not a sequence of ``bytes``.
        """
        if not isinstance(rows, list):
            rows = list(_checked_rows(rows))
        if not set(map(type, rows)) <= {bytes}:
            for i, row in enumerate(rows):
                if not isinstance(row, (bytes, bytearray, memoryview)):
                    raise TypeError(f"row {i} of rows must be bytes, not {describe_type(row)}")
        values = np.frombuffer(b"".join(rows), np.uint8)
        return cls(values, lengths_to_offsets([len(row) for row in rows]))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, key: int) -> NDArray[Any]: ...
    @overload
    def __getitem__(self, key: slice) -> Ragged: ...
    def __getitem__(self, key: int | slice) -> NDArray[Any] | Ragged:
        if not isinstance(key, slice):
            i = range(len(self))[key]  # resolves negative indices and raises IndexError
            return self.values[self.offsets[i] : self.offsets[i + 1]]
        start, stop, step = key.indices(len(self))
        if step != 1:
            return self.take(np.arange(start, stop, step))
        stop = max(start, stop)
        offsets = self.offsets[start : stop + 1]
        return type(self)(self.values[offsets[0] : offsets[-1]], offsets - offsets[0])

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self[i] for i in range(len(self)))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Length of each row: ndarray of int64."""
        return np.diff(self.offsets)

    def take(self, rows: NDArray[Any]) -> Ragged:
        """Copy the given rows, in the given order, to a new Ragged. O(length of the result).

        Parameters
        ----------
        rows : ndarray of int, shape (m,)
            Indices of the rows, from 0; an index may be repeated.

        Returns
        -------
        Ragged
            One row per index.

        Raises
        ------
        IndexError
            If a row does not exist; negative indices are not allowed.
        TypeError
            If the indices are not integers.

        Examples
        --------
        >>> import numpy as np
        >>> import fasttok as ft
        >>> ft.Ragged.from_rows([[1, 2, 3], [], [4]]).take(np.array([2, 0, 2])).to_list()
        [[4], [1, 2, 3], [4]]
        """
        if type(rows) is not np.ndarray:
            rows = _as_indices(rows)
        if rows.ndim != 1:
            raise TypeError(f"rows must be one row of integers, not an array of shape {rows.shape}")
        if len(rows) and rows.dtype.kind not in "iu":
            raise TypeError(f"rows must be integers, not {rows.dtype}")
        if rows.dtype != np.uint32:
            rows = rows.astype(np.int64)
        rows = np.ascontiguousarray(rows)
        starts = self.offsets * self.values.itemsize
        n_bytes, bad = measure_rows(starts, rows, True)
        if bad >= 0:
            raise IndexError(
                f"row {rows[bad]} does not exist: the Ragged has {len(self)} rows, counted from 0"
            )
        values = np.empty(n_bytes // self.values.itemsize, self.values.dtype)
        gather_rows(np.ascontiguousarray(self.values).view(np.uint8), starts, rows, values.view(np.uint8))
        return type(self)(values, lengths_to_offsets(self.offsets[rows + np.int64(1)] - self.offsets[rows]))

    def to_list(self) -> list[list[int]]:
        """Return the rows as lists of Python integers."""
        return [row.tolist() for row in self]

    def to_bytes(self) -> list[bytes]:
        """Return the rows of a Ragged of uint8 as byte strings."""
        data, offsets = self.values.tobytes(), self.offsets.tolist()
        return [data[a:b] for a, b in pairwise(offsets)]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ragged):
            return NotImplemented
        return np.array_equal(self.offsets, other.offsets) and np.array_equal(self.values, other.values)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} rows, {len(self.values):,} {self.values.dtype})"


def _checked_dtype(dtype: Any) -> np.dtype[Any]:
    try:
        found: np.dtype[Any] = np.dtype(dtype)
    except (TypeError, ValueError, RecursionError):
        found = np.dtype(object)
    if dtype is None or isinstance(dtype, np.generic) or found.kind not in "iufb":
        raise TypeError(f"dtype must be a type of numbers, such as np.uint32, not {describe(dtype)}")
    return found


def _checked_rows(rows: Any) -> Iterable[Any]:
    is_text = isinstance(rows, (str, bytes, bytearray, memoryview, Set, type))
    if is_text or is_table(rows) or not is_iterable(rows):
        raise TypeError(f"rows must be a sequence of rows, not {describe_type(rows)}")
    found: Iterable[Any] = rows
    return found


def _as_row(i: int, row: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return a row as an array; raise an error if its items are not integers that fit the type."""
    given = row if isinstance(row, np.ndarray) else _as_indices(row, f"row {i} of rows")
    if given.ndim != 1 or (len(given) and given.dtype.kind not in "iu"):
        raise TypeError(f"row {i} of rows must be integers, not {given.dtype} of shape {given.shape}")
    if len(given) and dtype.kind in "iu":
        limits = np.iinfo(dtype)
        if not limits.min <= given.min() <= given.max() <= limits.max:
            raise OverflowError(f"row {i} of rows has a number that does not fit {dtype}")
    return given.astype(dtype)


def _as_indices(rows: Any, name: str = "rows") -> NDArray[Any]:
    """Return integers as an array; an empty sequence has the type int64."""
    try:
        array = np.asarray(checked_row(name, rows, "integers"))
    except (ValueError, OverflowError):
        raise TypeError(f"{name} must be integers, not nested rows") from None
    if has_flags(rows, array):
        raise TypeError(f"{name} must be integers, not bool")
    return array if array.size or array.ndim != 1 else np.empty(0, np.int64)


def lengths_to_offsets(lengths: Sequence[int] | NDArray[Any]) -> NDArray[np.int64]:
    """Return the offsets of rows with the given lengths: int64, one entry more, starting with 0."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def total_length(lengths: NDArray[np.int64], counts: NDArray[np.int64]) -> float:
    """Return the sum of ``lengths * counts``, approximate above 2^53: the length of rows that repeat.

    The sum is not ``lengths @ counts``: for a matrix product NumPy wakes the threads of its BLAS, which then
    occupy all CPUs for some 30 ms, waiting for more work.
    """
    return float(np.sum(lengths.astype(np.float64) * counts))


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a read-only view of an array."""
    view = array.view()
    view.flags.writeable = False
    return view
