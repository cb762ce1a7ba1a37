"""`Ragged`: rows of different lengths in two flat arrays; what every stage hands to the next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from fasttok.core._gather import are_offsets, gather_rows, measure_rows


@dataclass(frozen=True, eq=False)
class Ragged:
    """Rows of different lengths: row ``i`` is ``values[offsets[i]:offsets[i + 1]]``.

    Ids over documents, pretokens over a batch, pieces over a vocabulary. Rows are views; nothing is
    copied until rows are concatenated or taken.

    Parameters
    ----------
    values : ndarray of shape (n,)
        All rows one after another: uint32 or uint16 ids and symbols, or uint8 text.
    offsets : ndarray of int64, shape (k + 1,)
        Where each row starts; the last entry is where the last row ends.

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
        offsets = self.offsets
        if offsets.dtype != np.int64 or offsets.ndim != 1 or len(offsets) == 0 or self.values.ndim != 1:
            raise ValueError("a Ragged takes flat values and at least one offset, of int64")
        if not are_offsets(offsets, len(self.values)):
            raise ValueError("offsets must not decrease and must lie within the values")

    @classmethod
    def from_rows(cls, rows: Iterable[Sequence[int] | NDArray[Any]], dtype: Any = np.uint32) -> Ragged:
        """Copy rows into one Ragged. O(total length)."""
        return cls.from_arrays([np.asarray(row, dtype=dtype) for row in rows], dtype)

    @classmethod
    def from_arrays(cls, rows: Sequence[NDArray[Any]], dtype: Any = np.uint32) -> Ragged:
        """Join flat arrays, one after the other; `dtype` is for the case that there are none."""
        values = np.concatenate(rows) if rows else np.empty(0, dtype)
        return cls(values, lengths_to_offsets([len(row) for row in rows]))

    @classmethod
    def from_bytes(cls, rows: Sequence[bytes]) -> Ragged:
        """Join byte strings into one Ragged of uint8. O(total length)."""
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
            i = range(len(self))[key]  # counts negative indices from the end, raises IndexError
            return self.values[self.offsets[i] : self.offsets[i + 1]]
        start, stop, step = key.indices(len(self))
        if step != 1:
            return self.take(np.arange(start, stop, step))
        stop = max(start, stop)
        offsets = self.offsets[start : stop + 1]
        return Ragged(self.values[offsets[0] : offsets[-1]], offsets - offsets[0])

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self[i] for i in range(len(self)))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The length of each row, int64."""
        return np.diff(self.offsets)

    def take(self, rows: NDArray[Any]) -> Ragged:
        """The given rows, in the given order. O(length of the result).

        Raises
        ------
        IndexError
            If there is no such row; rows count from 0 only.
        """
        rows = np.asarray(rows)
        if len(rows) and rows.dtype.kind not in "iu":
            raise TypeError(f"rows must be integers, not {rows.dtype}")
        if rows.dtype != np.uint32:
            rows = rows.astype(np.int64)
        rows = np.ascontiguousarray(rows)
        starts = self.offsets * self.values.itemsize
        n_bytes, bad = measure_rows(starts, rows, True)
        if bad >= 0:
            raise IndexError(f"there is no row {rows[bad]}: rows count from 0 to {len(self) - 1}")
        values = np.empty(n_bytes // self.values.itemsize, self.values.dtype)
        gather_rows(np.ascontiguousarray(self.values).view(np.uint8), starts, rows, values.view(np.uint8))
        return Ragged(values, lengths_to_offsets(self.offsets[rows + np.int64(1)] - self.offsets[rows]))

    def to_list(self) -> list[list[int]]:
        """The rows as lists of Python integers."""
        return [row.tolist() for row in self]

    def to_bytes(self) -> list[bytes]:
        """The rows of a Ragged of uint8 as byte strings."""
        data, offsets = self.values.tobytes(), self.offsets.tolist()
        return [data[a:b] for a, b in pairwise(offsets)]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ragged):
            return NotImplemented
        return np.array_equal(self.offsets, other.offsets) and np.array_equal(self.values, other.values)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Ragged({len(self):,} rows, {len(self.values):,} {self.values.dtype})"


def lengths_to_offsets(lengths: Sequence[int] | NDArray[Any]) -> NDArray[np.int64]:
    """Turn row lengths into offsets: int64, one longer, starting with 0."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """A view of an array through which it cannot be changed."""
    view = array.view()
    view.flags.writeable = False
    return view
