"""`pack`: put documents of different lengths into rows of one length, by one of three methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_choice, checked_flag, checked_size, describe
from fasttok.core.ids import as_ids
from fasttok.core.ragged import Ragged
from fasttok.tokens._packing import group_rows, place_best_fit, place_whole_or_cropped
from fasttok.tokens.packed import BOS, CONTINUES, Packed, Pieces, Source, source_of
from fasttok.tokens.store import TokenStore

REFILL = 128  # documents that "bos_best_fit" adds to its buffer at a time, as nanochat does


def pack(
    store: TokenStore | Ragged,
    context: int = 2048,
    method: str = "best_fit",
    *,
    bos_id: int | None = None,
    pad_id: int = 0,
    keep_last: bool = False,
    buffer_size: int = 1000,
) -> Packed:
    """Pack documents of different lengths into rows of one length.

    The ids are not copied: the result knows which part of which document is in which row, and makes rows when
    they are asked for. The same arguments always give the same rows.

    ``"best_fit"``
        Documents of more than `context` ids are cut into pieces of `context` ids and a rest. The pieces are
        placed from the longest to the shortest, each in the row with the least space that is enough for it,
        or else in a new row ("best fit decreasing"; Ding et al. 2024, arXiv:2404.10830). No id is lost, few
        documents are cut, and almost no space is left. Space that is left is padding.
    ``"concatenate"``
        The documents are concatenated and cut every `context` ids. There is no padding, and documents may
        be cut anywhere.
    ``"bos_best_fit"``
        Rows of ``context + 1`` ids, all of which begin with the first id of a document, the BOS. Documents
        wait in a buffer. A row takes the longest one that fits; if none fits, the beginning of the shortest
        one fills the row, and its other ids are lost ("cropped"). This is the data loader of nanochat. There
        is no padding, and every id can attend to the beginning of its document, but many ids are lost.

    In the first two methods, a row has `context` ids; batches take the target of the last one from the store.
    In the third, it has one more, which is the last target.

    Parameters
    ----------
    store : TokenStore or Ragged
        Documents. Empty ones are ignored.
    context : int, default 2048
        Number of ids that a model reads at once.
    method : {"best_fit", "concatenate", "bos_best_fit"}
        Method.
    bos_id : int, optional
        Id at the beginning of each document, for "bos_best_fit" only. It is put before documents that do not
        begin with it. Default: the id that separates the documents of the store, which is then taken from
        their ends.
    pad_id : int, default 0
        Id that fills the space of rows. `Packed.loss_mask` says where it is.
    keep_last : bool, default False
        Whether to keep the last row of "concatenate" and "bos_best_fit" if it is not full, with padding. If
        not, its ids count as cropped. With "best_fit", all rows are kept.
    buffer_size : int, default 1000
        Number of documents that "bos_best_fit" can choose from. It is refilled by 128 documents at a time.

    Returns
    -------
    Packed
        The rows, their borders and masks, the share of space used, and the share of ids cropped.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, or there are fewer than `context` ids.
    IndexError
        If `bos_id` or `pad_id` is not in the vocabulary of the store.

    Notes
    -----
    Packing n documents takes O(n log(context)), and about 100 bytes of memory per piece. The ids are not
    read, except the first and last id of each document for "bos_best_fit".

    Examples
    --------
    >>> import fasttok as ft
    >>> documents = ft.Ragged.from_rows([[1, 2, 3], [4, 5, 6, 7, 8], [9, 10]])
    >>> ft.tokens.pack(documents, context=4).rows.tolist()
    [[1, 2, 3, 8], [4, 5, 6, 7], [9, 10, 0, 0]]
    >>> ft.tokens.pack(documents, context=4, method="concatenate").rows.tolist()
    [[1, 2, 3, 4], [5, 6, 7, 8]]
    >>> packed = ft.tokens.pack(documents, context=4, method="bos_best_fit", bos_id=11)
    >>> packed.rows.tolist(), packed.utilization, round(packed.cropped, 2)
    ([[11, 1, 2, 3, 11], [11, 4, 5, 6, 7]], 1.0, 0.23)
    """
    source = _checked_source(store)
    context = checked_size("context", context, 1)
    planner = _PLANNERS[checked_choice("method", method, *_PLANNERS)]
    checked_flag("keep_last", keep_last)
    buffer_size = checked_size("buffer_size", buffer_size, 1)
    pad_id = source.checked_id("pad_id", pad_id)
    if bos_id is not None:
        if method != "bos_best_fit":
            raise ValueError(f'bos_id must be None unless method is "bos_best_fit", not {describe(bos_id)}')
        bos_id = source.checked_id("bos_id", bos_id)
    if context > len(source.ids):
        raise ValueError(
            f"context must be at most the number of ids, {len(source.ids):,}, not {describe(context)}"
        )
    plan = planner(source, context, bos_id=bos_id, keep_last=keep_last, buffer_size=buffer_size)
    return Packed(
        source,
        plan.pieces,
        method=method,
        context=context,
        row_length=plan.row_length,
        n_given=plan.n_given,
        n_cut=plan.n_cut,
        bos_id=plan.bos_id,
        pad_id=pad_id,
    )


class Plan(NamedTuple):
    """Pieces of a packing, and numbers about them."""

    pieces: Pieces
    row_length: int
    n_given: int  # ids of all documents, with the BOS
    n_cut: int  # documents that are not in one row as a whole
    bos_id: int


def _checked_source(store: Any) -> Source:
    """Return the ids and documents of a store or Ragged.

    Raises
    ------
    TypeError
        If it is neither.
    IndexError
        If an id is negative or has more than 32 bits.
    """
    if isinstance(store, TokenStore):
        return source_of(store)
    if not isinstance(store, Ragged):
        raise TypeError(f"store must be a TokenStore or a Ragged, not {describe(store)}")
    ids = as_ids(store.values, "the ids of store")
    if ids.dtype != np.uint32:
        if len(ids) and not 0 <= ids.min() <= ids.max() < 1 << 32:
            bad = int(np.argmax((ids < 0) | (ids >= 1 << 32)))
            raise IndexError(f"the ids of store must be from 0 to 2^32 - 1, but id {bad:,} is {ids[bad]}")
        ids = ids.astype(np.uint32)
    first, last = store.offsets[0], store.offsets[-1]
    return Source(ids[first:last], store.offsets - first, None, 1 << 32, None)


def _spread(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the row and the place in it of each item of rows with these numbers of items."""
    rows = np.repeat(np.arange(len(counts)), counts)
    return rows, np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)


def _find_full(offsets: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the begins and ends of the documents that are not empty."""
    full = offsets[1:] > offsets[:-1]
    return np.ascontiguousarray(offsets[:-1][full]), np.ascontiguousarray(offsets[1:][full])


def _concatenate(source: Source, context: int, *, keep_last: bool, **_: Any) -> Plan:
    begins, ends = _find_full(source.offsets)
    first = begins // context
    counts = (ends - 1) // context - first + 1
    documents, k = _spread(counts)
    rows = first[documents] + k
    starts = np.maximum(begins[documents], rows * context)
    stops = np.minimum(ends[documents], (rows + 1) * context)
    flags = np.where(stops < ends[documents], CONTINUES, 0).astype(np.uint8)
    n_ids = len(source.ids)
    n_rows = -(-n_ids // context) if keep_last else n_ids // context
    row_offsets = np.searchsorted(rows, np.arange(n_rows + 1)).astype(np.int64)
    n = int(row_offsets[-1])
    n_whole = int(np.count_nonzero((counts == 1) & (first < n_rows)))
    pieces = Pieces(starts[:n], (stops - starts)[:n], flags[:n], row_offsets)
    return Plan(pieces, context, n_ids, len(begins) - n_whole, 0)


def _best_fit(source: Source, context: int, **_: Any) -> Plan:
    begins, ends = _find_full(source.offsets)
    counts = (ends - begins - 1) // context + 1
    documents, k = _spread(counts)
    starts = begins[documents] + k * context
    lengths = np.minimum(context, ends[documents] - starts)
    space = context - lengths
    dtype = np.uint16 if context < 1 << 16 else np.int64  # NumPy sorts two-byte numbers in linear time
    order = np.argsort(space.astype(dtype), kind="stable")
    rows = np.empty(len(starts), np.int64)
    n_rows = place_best_fit(lengths, order, context, rows)
    order, row_offsets = group_rows(rows, n_rows)
    flags = np.where(starts + lengths < ends[documents], CONTINUES, 0).astype(np.uint8)
    pieces = Pieces(starts[order], lengths[order], flags[order], row_offsets)
    n_cut = int(np.count_nonzero(counts > 1))
    return Plan(pieces, context, len(source.ids), n_cut, 0)


def _bos_best_fit(
    source: Source, context: int, *, bos_id: int | None, keep_last: bool, buffer_size: int
) -> Plan:
    begins, ends = _find_full(source.offsets)
    if bos_id is None:
        if source.separator_id is None:
            raise ValueError(
                'bos_id must be given for method="bos_best_fit": the documents have no separator that could '
                "begin them"
            )
        bos_id = source.separator_id
        ends = ends - (source.ids[ends - 1] == bos_id)
    has_none = np.ones(len(begins), bool)
    is_left = ends > begins  # a document of the separator alone is now empty
    has_none[is_left] = source.ids[begins[is_left]] != bos_id
    lengths = ends - begins + has_none
    if lengths.sum() <= context and not keep_last:
        raise ValueError(
            f"context must be below the number of ids, {lengths.sum():,} with the BOS, not {context}; or "
            "pass keep_last=True"
        )
    n = len(lengths)
    documents, used, row_offsets = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n + 1, np.int64)
    n_rows, n_placed = place_whole_or_cropped(
        lengths, context + 1, buffer_size, REFILL, documents, used, row_offsets
    )
    documents, used = documents[:n_placed], used[:n_placed]
    last = int(row_offsets[n_rows - 1])
    if not keep_last and int(used[last:].sum()) <= context:
        n_rows -= 1
        documents, used = documents[:last], used[:last]
    flags = np.where(has_none[documents], BOS, 0).astype(np.uint8)
    pieces = Pieces(begins[documents], used, flags, row_offsets[: n_rows + 1].copy())
    n_whole = int(np.count_nonzero(used == lengths[documents]))
    return Plan(pieces, context + 1, int(lengths.sum()), n - n_whole, bos_id)


_PLANNERS: dict[str, Callable[..., Plan]] = {
    "best_fit": _best_fit,
    "concatenate": _concatenate,
    "bos_best_fit": _bos_best_fit,
}
