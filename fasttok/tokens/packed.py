"""`Packed`: rows of documents that `pack` has planned, and `PackedBatch`: some of them, for a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fasttok.core.checks import checked_flag, checked_integer, describe
from fasttok.core.ids import as_ids
from fasttok.tokens._packing import fill_rows, write_borders, write_loss_mask, write_positions
from fasttok.tokens.packed_batches import PackedBatches
from fasttok.tokens.store import TokenStore
from fasttok.tokens.windows import IdPair, as_seqlens

if TYPE_CHECKING:
    import os

# Flags of pieces, as in the kernels.
BOS = 1  # the first id is the BOS, which is not in the ids of the store
CONTINUES = 2  # the document goes on after the piece
_SAVED_AT_ONCE = 1 << 22  # ids


class Source(NamedTuple):
    """Documents that are packed."""

    ids: NDArray[Any]  # uint16 or uint32
    offsets: NDArray[np.int64]
    store: TokenStore | None
    vocab_size: int
    separator_id: int | None

    def __reduce__(self) -> tuple[Any, ...]:
        # A store is pickled as its path, without the ids.
        return (Source, tuple(self)) if self.store is None else (source_of, (self.store,))

    def checked_id(self, name: str, value: Any) -> int:
        """Return the value of an argument if it is an id of the vocabulary.

        Raises
        ------
        TypeError, IndexError
            If it is not.
        """
        number = checked_integer(name, value, "an id")
        if not 0 <= number < self.vocab_size:
            raise IndexError(f"{name} must be an id below {self.vocab_size:,}, not {describe(value)}")
        return number


def source_of(store: TokenStore) -> Source:
    """Return the documents of a store."""
    return Source(store.ids, store.offsets, store, store.vocab_size, store.separator_id)


class Pieces(NamedTuple):
    """Pieces of documents, in the order of the rows."""

    starts: NDArray[np.int64]  # place of the first id in the store, without the BOS
    lengths: NDArray[np.int64]  # number of ids, with the BOS
    flags: NDArray[np.uint8]
    row_offsets: NDArray[np.int64]  # begin of each row in these arrays, and the end


class PackedBatch(IdPair):
    """Batch of packed rows: the pair ``(x, y)``, from which masks and positions can be computed.

    A batch is a tuple of two arrays, made by `Packed`. Its attributes are computed when they are used.

    Attributes
    ----------
    x, y : ndarray of shape (k, context)
        Inputs, and targets: the ids one place later. `loss_mask` says which targets count.
    rows : ndarray of int64, shape (k,)
        Index of each row in the packing.

    Examples
    --------
    >>> import fasttok as ft
    >>> documents = ft.Ragged.from_rows([[1, 2, 3], [4, 5, 6, 7, 8], [9, 10]])
    >>> batch = ft.tokens.pack(documents, context=4)[:2]
    >>> batch.x.tolist(), batch.y.tolist()
    ([[1, 2, 3, 8], [4, 5, 6, 7]], [[2, 3, 8, 0], [5, 6, 7, 8]])
    >>> batch.loss_mask().tolist()
    [[True, True, False, False], [True, True, True, True]]
    >>> batch.position_ids.tolist(), batch.cu_seqlens.tolist()
    ([[0, 1, 2, 0], [0, 1, 2, 3]], [0, 3, 4, 8])
    """

    rows: NDArray[np.int64]
    _packed: Packed

    @classmethod
    def _make(cls, packed: Packed, rows: NDArray[np.int64], ids: NDArray[Any]) -> PackedBatch:
        batch = cls((ids[:, :-1], ids[:, 1:]))
        batch.rows, batch._packed = rows, packed
        return batch

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """Mask of the inputs: bool of shape (k, context), False for padding."""
        return self._packed._find_mask(self.rows)

    def loss_mask(self, *, across_documents: bool = False) -> NDArray[np.bool_]:
        """Return the mask of the targets whose loss counts; see `Packed.loss_mask`.

        Parameters
        ----------
        across_documents : bool, default False
            Whether the first id of a document counts as a target.

        Returns
        -------
        ndarray of bool, shape (k, context)
            True for the targets that count.
        """
        return self._packed.loss_mask(self.rows, across_documents=across_documents)

    @cached_property
    def position_ids(self) -> NDArray[np.int64]:
        """Position of each input in its piece of a document, from 0: int64 of shape (k, context).

        The positions of padding are counted from 0 as well.
        """
        return self._packed._find_positions(self.rows, self._packed.context)

    @cached_property
    def cu_seqlens(self) -> NDArray[np.int32] | NDArray[np.int64]:
        """Starts of the pieces in ``x.ravel()``, followed by its length: int32 of shape (n + 1,).

        Attention within each piece, which is block-diagonal, takes these *cumulative sequence lengths*. The
        padding of a row is a piece. They are int64 if there are 2^31 ids or more.
        """
        return self._packed._find_borders(self.rows, self._packed.context)


class Packed:
    """Rows of one length in which documents are packed. Made by `pack`.

    ``len(packed)`` is the number of rows; ``packed[i]`` is a row, and ``packed[i:j]`` a `PackedBatch`. The
    object holds the places of the pieces of documents and reads ids from the store when rows are asked for.

    Attributes
    ----------
    method : str
        Method of `pack`.
    context : int
        Number of inputs of a model per row.
    row_length : int
        Number of ids of a row: `context` or, for "bos_best_fit", ``context + 1``.
    n_ids : int
        Number of ids in all rows, without padding.
    n_cropped : int
        Number of ids of the documents that are in no row.
    n_cut : int
        Number of documents that are not in one row as a whole.
    pad_id : int
        Id of padding.

    Examples
    --------
    >>> import fasttok as ft
    >>> documents = ft.Ragged.from_rows([[1, 2, 3], [4, 5, 6, 7, 8], [9, 10]])
    >>> packed = ft.tokens.pack(documents, context=4)
    >>> packed
    Packed('best_fit', 3 rows of 4; 83.3% used, 0.0% cropped)
    >>> packed[2].tolist(), packed.n_cut
    ([9, 10, 0, 0], 1)
    """

    def __init__(
        self,
        source: Source,
        pieces: Pieces,
        *,
        method: str,
        context: int,
        row_length: int,
        n_given: int,
        n_cut: int,
        bos_id: int,
        pad_id: int,
    ) -> None:
        self._source, self._pieces = source, pieces
        self.method, self.context, self.row_length = method, context, row_length
        self.n_ids = int(pieces.lengths.sum())
        self.n_cropped = n_given - self.n_ids
        self.n_cut, self.pad_id = n_cut, pad_id
        self._n_given, self._bos_id = n_given, bos_id
        self._is_stream = method == "concatenate"

    def __len__(self) -> int:
        return len(self._pieces.row_offsets) - 1

    def __repr__(self) -> str:
        return (
            f"Packed({self.method!r}, {len(self):,} rows of {self.row_length:,}; "
            f"{self.utilization:.1%} used, {self.cropped:.1%} cropped)"
        )

    @property
    def store(self) -> TokenStore | None:
        """Store whose documents are packed; None if they are those of a Ragged."""
        return self._source.store

    @property
    def ids(self) -> NDArray[Any]:
        """Ids of the documents, in the order of the store: uint16 or uint32."""
        return self._source.ids

    @property
    def utilization(self) -> float:
        """Share of the space of the rows that has ids, not padding; 0.0 if there are no rows."""
        return self.n_ids / (len(self) * self.row_length) if len(self) else 0.0

    @property
    def cropped(self) -> float:
        """Share of the ids of the documents that are in no row. For "bos_best_fit", the BOS are counted."""
        return self.n_cropped / self._n_given

    @overload
    def __getitem__(self, key: int) -> NDArray[Any]: ...
    @overload
    def __getitem__(self, key: slice) -> PackedBatch: ...
    def __getitem__(self, key: int | slice) -> NDArray[Any] | PackedBatch:
        if isinstance(key, slice):
            return self._gather(np.arange(*key.indices(len(self))))[0]
        i = range(len(self))[key]  # resolves negative indices and raises IndexError
        row: NDArray[Any] = self._fill(np.array([i]), self.row_length)[0]
        return row

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self[i] for i in range(len(self)))

    @property
    def rows(self) -> NDArray[Any]:
        """Ids of all rows: a new array of uint16 or uint32, of shape (n, row_length)."""
        return self._fill(self._all, self.row_length)

    @property
    def position_ids(self) -> NDArray[np.int64]:
        """Position of each id of `rows` in its piece, from 0: int64 of shape (n, row_length)."""
        return self._find_positions(self._all, self.row_length)

    @property
    def cu_seqlens(self) -> NDArray[np.int32] | NDArray[np.int64]:
        """Borders of the pieces in ``rows.reshape(-1)``, from 0 to ``rows.size``.

        int32 if they fit, otherwise int64. The padding of a row is a piece.
        """
        return self._find_borders(self._all, self.row_length)

    def loss_mask(
        self, rows: NDArray[np.int64] | None = None, *, across_documents: bool = False
    ) -> NDArray[np.bool_]:
        """Return the mask of the targets whose loss counts: those of ``packed[:].y``, or of some rows.

        Padding never counts.

        Parameters
        ----------
        rows : ndarray of int, shape (k,), optional
            Indices of rows; default: all.
        across_documents : bool, default False
            Whether the first id of a document counts as a target, which is predicted from the end of the
            document before it. If not, only ids of the same document count.

        Returns
        -------
        ndarray of bool, shape (k, context)
            True for the targets that count.

        Raises
        ------
        IndexError
            If a row does not exist.
        TypeError
            If an argument is invalid.

        Examples
        --------
        >>> import numpy as np
        >>> import fasttok as ft
        >>> documents = ft.Ragged.from_rows([[1, 2, 3], [4, 5, 6, 7, 8], [9, 10]])
        >>> packed = ft.tokens.pack(documents, context=4)
        >>> packed.loss_mask(np.array([0])).tolist()
        [[True, True, False, False]]
        >>> packed.loss_mask(np.array([0]), across_documents=True).tolist()
        [[True, True, True, False]]
        """
        checked_flag("across_documents", across_documents)
        indices = self._all if rows is None else self._checked_rows(rows)
        pieces = self._pieces
        out = np.empty((len(indices), self.context), np.uint8)
        write_loss_mask(
            len(self._source.ids),
            pieces.starts,
            pieces.lengths,
            pieces.flags,
            pieces.row_offsets,
            indices,
            self.row_length,
            self._is_stream,
            across_documents,
            out,
        )
        return out.view(np.bool_)

    def take(self, rows: NDArray[np.int64]) -> PackedBatch:
        """Return a batch of the given rows, in the given order; an index may be repeated.

        Raises
        ------
        IndexError
            If a row does not exist.
        TypeError
            If `rows` are not integers.

        Examples
        --------
        >>> import numpy as np
        >>> import fasttok as ft
        >>> documents = ft.Ragged.from_rows([[1, 2, 3], [4, 5, 6, 7, 8], [9, 10]])
        >>> x, y = ft.tokens.pack(documents, context=4).take(np.array([2, 0]))
        >>> x.tolist()
        [[9, 10, 0, 0], [1, 2, 3, 8]]
        """
        return self._gather(self._checked_rows(rows))[0]

    def batches(
        self,
        batch_size: int,
        *,
        seed: int | None = None,
        epoch: int | None = None,
        start: int | Mapping[str, Any] = 0,
        rank: int = 0,
        world_size: int = 1,
        drop_last: bool = True,
        dtype: DTypeLike | None = None,
    ) -> PackedBatches:
        """Return an iterator over the batches of one epoch, each a `PackedBatch`.

        The order of the rows depends only on their number, the seed and the epoch.

        Parameters
        ----------
        batch_size : int
            Number of rows per batch, in each process.
        seed : int, optional
            Seed of the order, from 0 to 2^64 - 1. Default: the rows are not shuffled.
        epoch : int, optional
            Number of the epoch, which changes the order. Default: that of the state in `start`, or else 0.
        start : int or mapping
            Number of batches to skip, or the `state` of earlier batches, after which these continue.
        rank, world_size : int
            Number of this process, from 0, and number of all processes. All processes together get each row
            once.
        drop_last : bool, default True
            Whether to drop the last batch if there are not enough rows for it in all processes.
        dtype : dtype, optional
            Type of the ids in the batches: uint16, uint32, int32, or int64 as torch needs it. Default: that
            of the store.

        Returns
        -------
        PackedBatches
            The iterator.

        Raises
        ------
        TypeError, ValueError
            If an argument has the wrong type or is out of range, or `start` is the state of other batches.
        TokenStoreError
            If there is no full batch.

        Examples
        --------
        >>> import fasttok as ft
        >>> documents = ft.Ragged.from_rows([[1, 2, 3], [4, 5, 6, 7, 8], [9, 10]])
        >>> packed = ft.tokens.pack(documents, context=4)
        >>> [x.tolist() for x, y in packed.batches(batch_size=2, drop_last=False)]
        [[[1, 2, 3, 8], [4, 5, 6, 7]], [[9, 10, 0, 0]]]
        """
        return PackedBatches(
            self,
            batch_size,
            seed=seed,
            epoch=epoch,
            start=start,
            rank=rank,
            world_size=world_size,
            drop_last=drop_last,
            dtype=dtype,
        )

    def _gather(
        self,
        rows: NDArray[np.int64],
        n_batches: int = 1,
        dtype: np.dtype[Any] | None = None,
        pad_id: int | None = None,
    ) -> list[PackedBatch]:
        """Return batches of equal numbers of rows; see `TokenBatches`. `pad_id` is that of the packing."""
        ids = self._fill(rows, self.context + 1)
        if dtype is not None:
            ids = ids.astype(dtype, copy=False)
        size = len(rows) // n_batches
        return [
            PackedBatch._make(self, rows[i * size : (i + 1) * size], ids[i * size : (i + 1) * size])
            for i in range(n_batches)
        ]

    def save(self, path: str | os.PathLike[str], *, vocab_size: int | None = None) -> TokenStore:
        """Write the rows to a new token store: each row, with its padding, is a document of it.

        The borders of the packed documents are not kept. ``store.ids.reshape(-1, packed.row_length)`` are the
        rows.

        Parameters
        ----------
        path : str or os.PathLike
            Folder of the new store.
        vocab_size : int, optional
            Size of the vocabulary; required if a Ragged was packed, otherwise that of the store.

        Returns
        -------
        TokenStore
            The new store.

        Raises
        ------
        TypeError, ValueError
            If an argument is invalid.
        IndexError
            If an id is not in the vocabulary.
        OSError
            If the store exists already or cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> import fasttok as ft
        >>> documents = ft.Ragged.from_rows([[1, 2, 3], [4, 5, 6, 7, 8], [9, 10]])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = ft.tokens.pack(documents, context=4).save(f"{folder}/rows.tokens", vocab_size=11)
        ...     store.document(2).tolist()
        [9, 10, 0, 0]
        """
        source = self._source
        if vocab_size is None:
            if source.store is None:
                raise ValueError("vocab_size must be given, because the ids were not packed from a store")
            vocab_size = source.vocab_size
        fingerprint = None if source.store is None else source.store.tokenizer_fingerprint
        return TokenStore.from_arrays(
            path, self._iterate_rows(), vocab_size=vocab_size, tokenizer_fingerprint=fingerprint
        )

    def _iterate_rows(self) -> Iterator[NDArray[Any]]:
        """Yield all rows; many are made at once."""
        step = max(1, _SAVED_AT_ONCE // self.row_length)
        for start in range(0, len(self), step):
            yield from self._fill(np.arange(start, min(start + step, len(self))), self.row_length)

    @property
    def _all(self) -> NDArray[np.int64]:
        return np.arange(len(self))

    def _checked_rows(self, rows: Any) -> NDArray[np.int64]:
        """Return indices of rows as int64.

        Raises
        ------
        TypeError, IndexError
            If they are not integers, or a row does not exist.
        """
        indices = as_ids(rows, "rows").astype(np.int64, copy=False)
        if len(indices) and not 0 <= indices.min() <= indices.max() < len(self):
            bad = int(np.argmax((indices < 0) | (indices >= len(self))))
            raise IndexError(f"rows must be from 0 to {len(self) - 1:,}, but item {bad:,} is {indices[bad]}")
        return indices

    def _fill(self, rows: NDArray[np.int64], width: int) -> NDArray[Any]:
        """Return the ids of rows: `row_length` of each, or one more, which is the last target."""
        source, pieces = self._source, self._pieces
        out = np.empty((len(rows), width), source.ids.dtype)
        fill_rows(
            source.ids,
            pieces.starts,
            pieces.lengths,
            pieces.flags,
            pieces.row_offsets,
            rows,
            self.row_length,
            self._is_stream,
            self._bos_id,
            self.pad_id,
            out,
        )
        return out

    def _find_mask(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        mask: NDArray[np.bool_] = np.arange(self.context) < self._row_sizes[rows][:, None]
        return mask

    @cached_property
    def _row_sizes(self) -> NDArray[np.int64]:
        """Number of ids of each row, without padding."""
        return np.add.reduceat(self._pieces.lengths, self._pieces.row_offsets[:-1])

    def _find_positions(self, rows: NDArray[np.int64], width: int) -> NDArray[np.int64]:
        out = np.empty((len(rows), width), np.int64)
        write_positions(self._pieces.lengths, self._pieces.row_offsets, rows, out)
        return out

    def _find_borders(self, rows: NDArray[np.int64], width: int) -> NDArray[np.int32] | NDArray[np.int64]:
        offsets = self._pieces.row_offsets
        n_most = int((offsets[rows + 1] - offsets[rows]).sum()) + len(rows)
        out = np.zeros(n_most + 1, np.int64)
        n = write_borders(self._pieces.lengths, offsets, rows, width, out[1:])
        return as_seqlens(out[: n + 1])
