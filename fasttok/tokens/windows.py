"""`TokenWindows`: the windows of stored ids that a language model is trained on, as views."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, Protocol, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fasttok.core._gather import are_offsets
from fasttok.core.checks import checked_flag, checked_integer, checked_size, describe, describe_type
from fasttok.core.errors import TokenStoreError
from fasttok.core.ragged import lengths_to_offsets
from fasttok.tokens._windows import gather_windows, number_positions

DTYPES = (np.dtype(np.uint16), np.dtype(np.uint32), np.dtype(np.int32), np.dtype(np.int64))
MOST_ITEMS = 1 << 48  # ids of a batch; more fit in no memory


class TokenSource(Protocol):
    """Ids with the boundaries of their documents, such as a `TokenStore`."""

    @property
    def ids(self) -> NDArray[Any]:
        """All ids, in one array."""

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Start of each document in the ids, followed by the end of the last one."""


class IdPair(tuple[NDArray[Any], NDArray[Any]]):
    """Pair of ids and targets: base class of the batches of windows, of packed rows and of mixtures."""

    @property
    def x(self) -> NDArray[Any]:
        """Ids, one row per window."""
        return self[0]

    @property
    def y(self) -> NDArray[Any]:
        """Targets: the ids one place later."""
        return self[1]


def as_seqlens(borders: NDArray[np.int64]) -> NDArray[np.int32] | NDArray[np.int64]:
    """Return cumulative lengths as int32, which attention takes, or as they are if the last does not fit."""
    return borders.astype(np.int32) if borders[-1] < 1 << 31 else borders


def find_seqlens(position_ids: NDArray[np.int64]) -> NDArray[np.int32] | NDArray[np.int64]:
    """Return the places of the positions 0 in the flat array, followed by its size, as `as_seqlens` does."""
    return as_seqlens(np.append(np.flatnonzero(position_ids == 0), position_ids.size))


class Batch(IdPair):
    """Batch of windows: the pair ``(x, y)``, from which masks and positions of documents can be computed.

    A batch is a tuple of two arrays. Its attributes are computed when they are used.

    Attributes
    ----------
    x, y : ndarray of shape (batch_size, context)
        Ids of the windows, and the targets: the ids one place later. Both are C-contiguous and writeable and
        share no memory with the store.
    starts : ndarray of int64, shape (batch_size,)
        Place of the first id of each window in the ids of the store.
    lengths : ndarray of int64, shape (batch_size,)
        Number of ids in each window; the rest of a row is padding.

    Examples
    --------
    >>> import numpy as np
    >>> import fasttok as ft
    >>> ids, offsets = np.arange(9, dtype=np.uint16), np.array([0, 5, 9])
    >>> [batch] = ft.tokens.TokenBatches(ids, 2, 4, offsets=offsets)
    >>> x, y = batch
    >>> x.tolist(), y.tolist()
    ([[0, 1, 2, 3], [4, 5, 6, 7]], [[1, 2, 3, 4], [5, 6, 7, 8]])
    >>> batch.position_ids.tolist(), batch.cu_seqlens.tolist()
    ([[0, 1, 2, 3], [0, 0, 1, 2]], [0, 4, 5, 8])
    """

    _windows: TokenWindows
    _found: tuple[NDArray[np.int64], NDArray[np.int64]]  # starts and lengths of the windows of a block
    _place: slice  # of this batch in the block

    @property
    def starts(self) -> NDArray[np.int64]:
        """Place of the first id of each window in the ids of the store."""
        return self._found[0][self._place]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of ids in each window; the rest of a row is padding."""
        return self._found[1][self._place]

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """Mask of the ids: bool of the shape of `x`, False for padding."""
        mask: NDArray[np.bool_] = np.arange(self.x.shape[1]) < self.lengths[:, None]
        return mask

    def loss_mask(self, *, across_documents: bool = True) -> NDArray[np.bool_]:
        """Return the mask of the targets whose loss counts.

        Parameters
        ----------
        across_documents : bool
            Whether the first id of a document counts as a target, which is predicted from the end of the
            document before it.

        Returns
        -------
        ndarray of bool, shape (batch_size, context)
            True for the targets that count; False for padding.

        Raises
        ------
        TypeError
            If `across_documents` is not a ``bool``.

        Examples
        --------
        >>> import numpy as np
        >>> import fasttok as ft
        >>> ids, offsets = np.arange(5, dtype=np.uint16), np.array([0, 2, 5])
        >>> [batch] = ft.tokens.TokenBatches(ids, 1, 4, offsets=offsets)
        >>> batch.loss_mask(across_documents=False)
        array([[ True, False,  True,  True]])
        """
        if checked_flag("across_documents", across_documents) or self._windows.offsets is None:
            return self.mask
        width = self.x.shape[1]
        return self.mask & (self._number_positions(self.lengths + 1, width + 1)[:, 1:] > 0)

    @cached_property
    def position_ids(self) -> NDArray[np.int64]:
        """Position of each id in its document, or in the row if the document begins before it: int64.

        The positions of padding are counted from 0, as those of a document of their own.
        """
        return self._number_positions(self.lengths, self.x.shape[1])

    @property
    def cu_seqlens(self) -> NDArray[np.int32] | NDArray[np.int64]:
        """Starts of the documents in ``x.ravel()``, followed by its length: int32 of shape (k + 1,).

        Attention within each document, which is block-diagonal, takes these *cumulative sequence lengths*.
        Every row begins a document, and so does the padding at the end of a row. They are int64 if there are
        2^31 ids or more.
        """
        return find_seqlens(self.position_ids)

    def _number_positions(self, lengths: NDArray[np.int64], width: int) -> NDArray[np.int64]:
        positions = np.empty((len(lengths), width), np.int64)
        offsets = self._windows.offsets
        if offsets is None:
            offsets = np.array([0, len(self._windows.ids)])
        # Of documents at the same place, the last one is not empty.
        documents = np.searchsorted(offsets, self.starts, "right") - 1
        number_positions(offsets, documents, self.starts, lengths, positions)
        return positions


class TokenWindows:
    """Windows of `context` ids with their targets, the same ids one place later.

    The windows are those of a language model that predicts each next id. Window i begins at the id
    ``i * stride``. There are ``ceil((n - context) / stride)`` windows in n ids.

    Parameters
    ----------
    source : TokenStore or ndarray of shape (n,)
        The store, or ids of the type uint16, uint32, int32 or int64.
    context : int
        Number of ids per window.
    stride : int, optional
        Step from the start of one window to the start of the next. Default: `context`, so that no id is in
        two windows. Not to be confused with the overlap of two windows, which is ``context - stride``.
    offsets : ndarray of int64, shape (k + 1,), optional
        Start of each document in the ids, followed by the end of the last one; for an array only.
    within_documents : bool
        Whether a window, its last target included, must be in one document. Then every document has windows
        of its own, and those of at most `context` ids have none without `keep_last`.
    keep_last : bool
        Whether to keep a last window of fewer than `context` ids, if the windows before it do not contain all
        targets. In batches, it is padded.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or is out of range.
    TokenStoreError
        If there is no window, because the context is longer than the ids.

    See Also
    --------
    TokenBatches : Batches of windows, shuffled.
    fasttok.Tokenizer.windows : Windows of long rows with special tokens, whose option is the overlap.

    Notes
    -----
    Takes O(1) time, or O(k) time and 8 k bytes of memory for windows within k documents.

    Item i is the pair of views ``(x, y)``, each of shape (context,), or shorter for a last window. A slice of
    windows is the pair of read-only views of shape (k, context). If its windows are not evenly spaced, which
    only happens within documents or with `keep_last`, they are copied, and padded with 0.

    Examples
    --------
    >>> import numpy as np
    >>> import fasttok as ft
    >>> windows = ft.tokens.TokenWindows(np.arange(10, dtype=np.uint16), 4, stride=2)
    >>> len(windows)
    3
    >>> x, y = windows[1]
    >>> x, y
    (array([2, 3, 4, 5], dtype=uint16), array([3, 4, 5, 6], dtype=uint16))
    >>> x, y = windows[:]
    >>> x.tolist()
    [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7]]
    """

    def __init__(
        self,
        source: TokenSource | NDArray[Any],
        context: int,
        stride: int | None = None,
        *,
        offsets: NDArray[np.int64] | None = None,
        within_documents: bool = False,
        keep_last: bool = False,
    ) -> None:
        self.ids = _checked_ids(source, offsets)
        self._source = source
        self._given_offsets = offsets
        self.context = checked_size("context", context, 1)
        self.stride = self.context if stride is None else checked_size("stride", stride, 1)
        self.within_documents = checked_flag("within_documents", within_documents)
        self.keep_last = checked_flag("keep_last", keep_last)
        self._first: NDArray[np.int64] | None = None  # number of the first window of each document
        if not within_documents:
            self._length = int(self._count(np.array([len(self.ids)]))[0])
        elif self.offsets is None:
            raise TypeError("offsets, the boundaries of the documents, are needed for within_documents=True")
        else:
            self._first = lengths_to_offsets(self._count(np.diff(self.offsets)))
            self._length = int(self._first[-1])
        if self._length == 0:
            raise self._none_error()

    @property
    def offsets(self) -> NDArray[np.int64] | None:
        """Start of each document in `ids`, followed by the end of the last one; None if not known."""
        source: Any = self._source
        found: NDArray[np.int64] | None = self._given_offsets
        if not isinstance(source, np.ndarray):
            found = source.offsets
        return found

    def _count(self, n_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of windows in texts of the given numbers of ids."""
        n_pairs = np.maximum(n_ids - 1, 0)
        if self.keep_last:
            # The last window must begin in the text, also if the stride is larger than the context.
            following = -(-np.maximum(n_pairs - self.context, 0) // self.stride)
            count: NDArray[np.int64] = np.minimum(1 + following, -(-n_pairs // self.stride))
        else:
            count = np.maximum(-((self.context - 1 - n_pairs) // self.stride), 0)
        return count

    def _none_error(self) -> TokenStoreError:
        path = getattr(self._source, "path", "")
        if self.keep_last:
            needs, needed = "a window", 2
        else:
            needs, needed = f"a window of context={self.context}", self.context + 1
        if self.offsets is not None and self.within_documents:
            longest = int(np.diff(self.offsets).max(initial=0))
            found = f"the longest document has {longest:,}"
        else:
            found = f"there are {len(self.ids):,}"
        advice = (
            "" if self.keep_last else ". Choose a smaller context, or keep_last=True for a shorter window"
        )
        return TokenStoreError(
            f"{needs} with its targets needs at least {needed:,} ids, and {found}{advice}", str(path)
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _from_options, (type(self), self._source, self._options())

    def _options(self) -> dict[str, Any]:
        return {
            "context": self.context,
            "stride": self.stride,
            "offsets": self._given_offsets,
            "within_documents": self.within_documents,
            "keep_last": self.keep_last,
        }

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, key: int) -> tuple[NDArray[Any], NDArray[Any]]: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[NDArray[Any], NDArray[Any]]: ...
    def __getitem__(self, key: int | slice) -> tuple[NDArray[Any], NDArray[Any]]:
        if isinstance(key, slice):
            return self._slice(range(self._length)[key])
        try:
            i = range(self._length)[checked_integer("the index", key, "an integer or a slice")]
        except IndexError:
            raise IndexError(f"window {key} does not exist: there are {self._length:,} windows") from None
        starts, lengths = self.find(np.array([i]))
        start, length = int(starts[0]), int(lengths[0])
        return self.ids[start : start + length], self.ids[start + 1 : start + length + 1]

    def __iter__(self) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        return (self[i] for i in range(self._length))

    def _slice(self, numbers: range) -> tuple[NDArray[Any], NDArray[Any]]:
        if len(numbers) == 0:
            empty = self.ids[:0].reshape(0, self.context) if self.context else self.ids[:0]
            return empty, empty
        ends = np.array([numbers[0], numbers[-1]])
        starts, lengths = self.find(ends)
        if self._first is not None or lengths.min() < self.context:
            x, y = self.take(np.arange(numbers.start, numbers.stop, numbers.step))
            return x, y
        step = self.stride * numbers.step
        low = int(starts.min())
        windows = np.lib.stride_tricks.sliding_window_view(
            self.ids[low : int(starts.max()) + self.context + 1], self.context + 1
        )
        windows = windows[::step] if step > 0 else windows[::-1][::-step]
        return windows[:, :-1], windows[:, 1:]

    def find(self, numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the places of windows in the ids of the store.

        Parameters
        ----------
        numbers : ndarray of int, shape (k,)
            Numbers of the windows, from 0.

        Returns
        -------
        starts, lengths : ndarray of int64, shape (k,)
            Place of the first id, and number of ids, of each window. All lengths are `context`, except that
            of a last window.

        Raises
        ------
        TypeError
            If `numbers` is not a 1-d array of integers.
        IndexError
            If a window does not exist; negative numbers are not allowed.
        """
        return self._find(self._checked_numbers(numbers))

    def _checked_numbers(self, numbers: Any) -> NDArray[np.int64]:
        """Return the numbers of windows as int64."""
        if not isinstance(numbers, np.ndarray) or numbers.ndim != 1 or numbers.dtype.kind not in "iu":
            raise TypeError(f"numbers must be a 1-d ndarray of integers, not {describe_type(numbers)}")
        checked: NDArray[np.int64] = numbers.astype(np.int64)
        if len(checked) and not 0 <= checked.min() <= checked.max() < self._length:
            bad = checked[(checked < 0) | (checked >= self._length)][0]
            raise IndexError(f"window {bad} does not exist: there are {self._length:,} windows")
        return checked

    def _find(self, numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Find windows as `find` does, without checks."""
        ends: Any = len(self.ids)
        if self._first is None:
            starts = numbers * self.stride
        else:
            offsets: Any = self.offsets
            documents = np.searchsorted(self._first, numbers, "right") - 1
            starts = offsets[documents] + (numbers - self._first[documents]) * self.stride
            ends = offsets[documents + 1]
        if self.keep_last:
            return starts, np.minimum(ends - 1 - starts, self.context)
        return starts, np.full(len(numbers), self.context, np.int64)

    def take(self, numbers: NDArray[np.int64], *, dtype: DTypeLike | None = None, pad_id: int = 0) -> Batch:
        """Copy windows, in the given order, to a batch. O(length of the result).

        Parameters
        ----------
        numbers : ndarray of int, shape (k,)
            Numbers of the windows, from 0; a window may be repeated.
        dtype : dtype, optional
            Type of the ids in the batch: uint16, uint32, int32 or int64. Default: that of the store.
        pad_id : int
            Padding of a last window.

        Returns
        -------
        Batch
            The pair of `x` and `y`, each of shape (k, context).

        Raises
        ------
        TypeError, IndexError
            As in `find`.
        ValueError
            If the `pad_id` does not fit the type.

        Examples
        --------
        >>> import numpy as np
        >>> import fasttok as ft
        >>> windows = ft.tokens.TokenWindows(np.arange(10, dtype=np.uint16), 4, keep_last=True)
        >>> batch = windows.take(np.array([0, 2]), pad_id=99)
        >>> batch.x.tolist(), batch.mask.tolist()
        ([[0, 1, 2, 3], [8, 99, 99, 99]], [[True, True, True, True], [True, False, False, False]])
        """
        numbers = self._checked_numbers(numbers)
        kind = checked_dtype(dtype, self.ids.dtype, pad_id)
        self._check_memory(len(numbers))
        return self._gather(numbers, 1, kind, pad_id)[0]

    def _check_memory(self, n_windows: int) -> None:
        if n_windows * self.context > MOST_ITEMS:
            raise ValueError(f"context {self.context:,} is too large for {n_windows:,} padded windows")

    def _gather(
        self, numbers: NDArray[np.int64], n_batches: int, dtype: np.dtype[Any], pad_id: int
    ) -> list[Batch]:
        """Copy windows, whose number is a multiple of `n_batches`, to batches of the same size."""
        found = starts, lengths = self._find(numbers)
        size = len(numbers) // n_batches
        x, y = np.empty((2, n_batches, size, self.context), dtype)
        rows = len(numbers), self.context
        gather_windows(self.ids, starts, lengths, pad_id, x.reshape(rows), y.reshape(rows))
        batches = [*map(Batch, zip(x, y, strict=True))]
        for i, batch in enumerate(batches):
            batch._windows, batch._found = self, found
            batch._place = slice(i * size, (i + 1) * size)
        return batches

    def __repr__(self) -> str:
        return f"TokenWindows({self._length:,} windows of {self.context} {self.ids.dtype} ids)"


def _from_options(kind: type[TokenWindows], source: Any, options: dict[str, Any]) -> TokenWindows:
    return kind(source, **options)


def checked_dtype(
    dtype: DTypeLike | None, default: np.dtype[Any], pad_id: int, name: str = "pad_id"
) -> np.dtype[Any]:
    """Return the type of the ids of a batch.

    Raises
    ------
    TypeError
        If the type is not one of `DTYPES`, is narrower than the default, or the pad id is not an integer.
    ValueError
        If the pad id does not fit the type.
    """
    try:
        found = default if dtype is None else np.dtype(dtype)
    except (TypeError, ValueError, RecursionError):
        found = np.dtype(object)
    if found not in DTYPES or isinstance(dtype, np.generic):
        raise TypeError(f"dtype must be uint16, uint32, int32 or int64, not {describe(dtype)}")
    if found.kind == "u" and (default.kind == "i" or found.itemsize < default.itemsize):
        raise TypeError(f"dtype must be {default}, int32 or int64 for ids of {default}, not {found}")
    limits = np.iinfo(found)
    if not limits.min <= checked_integer(name, pad_id) <= limits.max:
        raise ValueError(f"{name} {describe(pad_id)} does not fit the type {found} of the ids")
    return found


def _checked_ids(source: Any, offsets: Any) -> NDArray[Any]:
    """Return the ids of a store or an array; check that the offsets fit them."""
    if not isinstance(source, np.ndarray) and hasattr(source, "ids") and hasattr(source, "offsets"):
        if offsets is not None:
            raise TypeError("offsets must be None for a store, which has offsets of its own")
        ids: NDArray[Any] = source.ids
        return ids
    if not isinstance(source, np.ndarray):
        raise TypeError(f"source must be a TokenStore or an ndarray of ids, not {describe_type(source)}")
    if source.ndim != 1 or source.dtype not in DTYPES:
        raise TypeError(
            "source must be a 1-d array of uint16, uint32, int32 or int64, not an array of "
            f"{source.dtype} and shape {source.shape}"
        )
    if offsets is None:
        return np.ascontiguousarray(source)
    if not isinstance(offsets, np.ndarray) or offsets.dtype != np.int64 or offsets.ndim != 1:
        raise TypeError(f"offsets must be a 1-d ndarray of int64, not {describe_type(offsets)}")
    if (
        len(offsets) == 0
        or not are_offsets(offsets, len(source))
        or offsets[[0, -1]].tolist() != [0, len(source)]
    ):
        raise ValueError(f"offsets must begin with 0, end with {len(source)} and not decrease")
    return np.ascontiguousarray(source)
