"""`TextDecoder`: decodes the ids of one vocabulary to bytes with precomputed tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from itertools import pairwise, product
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core._gather import gather_bytes, measure_rows
from fasttok.core.ids import unknown_id
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.decoders._slots import Slots
from fasttok.decoders.base import Decoder, Filter
from fasttok.models.base import Model


class TextDecoder:
    """Decoder of the ids of one vocabulary to bytes. Immutable, so threads can share it.

    Before the first ids are decoded, `Decoder.rewrite` is called for the whole vocabulary and the results
    are stored in a table. Decoding then copies rows of the table. The table has one row per id for inner
    tokens, which are neither the first nor the last of a text. It has further rows, one per id, for first
    tokens if `sees_first` is set, for last tokens if `sees_last` is set, and for tokens that are first and
    last if both are set.

    Parameters
    ----------
    decoder : Decoder
        Decoder to apply.
    model : Model
        Model of the ids.
    added_ids : mapping of str to int, optional
        Ids of added tokens, special or not.
    special_ids : collection of int
        Ids that `skip_special_tokens` skips.
    added_texts : mapping of int to bytes
        Texts of added tokens by id, where they differ from those in `added_ids`.
    """

    def __init__(
        self,
        decoder: Decoder,
        model: Model,
        added_ids: Mapping[str, int] | None = None,
        special_ids: Collection[int] = (),
        added_texts: Mapping[int, bytes] = MappingProxyType({}),
    ) -> None:
        self.decoder = decoder
        self._model = model
        self._added = {i: token.encode() for token, i in (added_ids or {}).items()} | dict(added_texts)
        self.n_ids = max([len(model.pieces), *(i + 1 for i in self._added)])
        self._is_special = np.zeros(self.n_ids, np.bool_)
        self._is_special[list(special_ids)] = True
        # Offset in the table from the row of an inner token to the row of a first token, and of a last token.
        self._first = self.n_ids if decoder.sees_first else 0
        self._last = (self.n_ids + self._first) if decoder.sees_last else 0

    # The table

    @cached_property
    def _table(self) -> Ragged:
        decoder = self.decoder
        is_last = [False, True] if decoder.sees_last else [False]
        is_first = [False, True] if decoder.sees_first else [False]
        rows = [row for last, first in product(is_last, is_first) for row in self._write(first, last)]
        return Ragged.from_bytes(rows)

    def _write(self, is_first: bool, is_last: bool) -> list[bytes]:
        """Return the table row of each id; empty for ids that are not in use."""
        ids = np.flatnonzero(self._model.pieces.lengths)
        rows = [b""] * self.n_ids
        written = self.decoder.rewrite_pieces(self._model, ids, is_first=is_first, is_last=is_last)
        for i, row in zip(ids.tolist(), written, strict=True):
            rows[i] = row
        for i, token in self._added.items():
            rows[i] = self.decoder.rewrite_added(token, is_first=is_first, is_last=is_last)
        if wrong := [row for row in rows if type(row) is not bytes]:
            raise TypeError(f"{self.decoder!r} must return bytes for a token, not {wrong[0]!r}")
        return rows

    @cached_property
    def _inner_offsets(self) -> NDArray[np.int64]:
        """Offsets in the table of the rows for inner tokens: int64 of shape (n_ids + 1,)."""
        return self._table.offsets[: self.n_ids + 1]

    @cached_property
    def _lengths(self) -> NDArray[np.int64]:
        return self._table.lengths

    @property
    def written(self) -> Ragged:
        """Bytes of each id inside a text, before filtering: Ragged of uint8."""
        return Ragged(self._table.values, self._inner_offsets)

    @cached_property
    def _is_used(self) -> NDArray[np.bool_]:
        is_used = np.zeros(self.n_ids, np.bool_)
        is_used[np.flatnonzero(self._model.pieces.lengths)] = True
        is_used[list(self._added)] = True
        return is_used

    @cached_property
    def _is_verbatim(self) -> NDArray[np.bool_]:
        """Whether each row of the table bypasses the filter."""
        text_filter = self.decoder.filter()
        is_verbatim = np.zeros(self.n_ids, np.bool_)
        shifts = range(0, len(self._table), max(1, self.n_ids))
        if text_filter is not None:
            for i in self._added:
                texts = {self.row(i + shift) for shift in shifts}
                is_verbatim[i] = not all(map(text_filter.keeps, texts))
        return np.tile(is_verbatim, len(shifts))

    @cached_property
    def _has_verbatim(self) -> bool:
        return bool(self._is_verbatim.any())

    def lengths(self, ids: NDArray[Any]) -> NDArray[np.int64]:
        """Return the number of bytes of each id inside a text; all ids must be in use."""
        lengths: NDArray[np.int64] = self._lengths[ids]
        return lengths

    def check(self, ids: NDArray[Any], offsets: NDArray[np.int64] | None = None) -> int:
        """Check that all ids are in use, and count their bytes inside a text.

        Parameters
        ----------
        ids : ndarray of uint32 or int64, shape (n,)
            Ids, C-contiguous.
        offsets : ndarray of int64, optional
            Offsets of the rows of ids, so that an error can name the row.

        Returns
        -------
        int
            Total number of bytes.

        Raises
        ------
        IndexError
            If an id is not in use.
        """
        n_bytes, bad = measure_rows(self._inner_offsets, ids, False)
        if bad < 0:
            return n_bytes
        # The row of an id is empty: the id is not in use, or the decoder writes nothing for it.
        n_bytes, bad = measure_rows(self._inner_offsets, ids, True)
        if bad < 0:
            unused = np.flatnonzero(~self._is_used[ids])
            bad = int(unused[0]) if len(unused) else -1
        if bad >= 0:
            raise unknown_id(ids, bad, self.n_ids, offsets)
        return n_bytes

    def row(self, row: int) -> bytes:
        """Return the bytes of one row of the table."""
        start, end = self._table.offsets[row : row + 2].tolist()
        return self._table.values[start:end].tobytes()

    def find_forms(self, i: int, is_first: bool) -> tuple[bytes, bytes]:
        """Return the bytes of an id if other ids follow it in its text, and those if it is the last id."""
        row = i + (self._first if is_first else 0)
        followed = self.row(row)
        return followed, self.row(row + self._last) if self._last else followed

    def is_verbatim(self, i: int) -> bool:
        """Return whether an id belongs to an added token that bypasses the filter."""
        return bool(self._is_verbatim[i])

    def gather(self, rows: NDArray[Any], n_bytes: int) -> bytes:
        """Join the rows of the table with the indices `rows`; they must have `n_bytes` bytes in total."""
        return gather_bytes(self._table.values, self._table.offsets, rows, n_bytes)

    @cached_property
    def _slots(self) -> Slots:
        return Slots(self._table.values, self._inner_offsets)

    def decode_long(self, ids: NDArray[Any]) -> bytes | None:
        """Decode one row of at least two ids, as `decode` does, in a single pass over them.

        Return None if the decoder has a filter, an id is not in use, or the decoder writes nothing for an id.
        """
        if self.decoder.filter() is not None:
            return None
        before = after = b""
        if self._first or self._last:
            first, last = int(ids[0]), int(ids[-1])
            if not (0 <= first < self.n_ids and 0 <= last < self.n_ids):
                return None
            if not (self._is_used[first] and self._is_used[last]):
                return None
            before, after = self.row(first + self._first), self.row(last + self._last)
            ids = ids[1:-1]
        return self._slots.join(ids, before, after)

    def split(self, rows: NDArray[Any], n_bytes: int) -> list[tuple[bytes, bool]]:
        """Join rows of the table in parts, which are pairs (text, whether it bypasses the filter)."""
        if not self._has_verbatim:
            return [(self.gather(rows, n_bytes), False)]
        parts, start = [], 0
        for i in np.flatnonzero(self._is_verbatim[rows]).tolist():
            if start < i:
                parts.append((self._join(rows[start:i]), False))
            parts.append((self.row(int(rows[i])), True))
            start = i + 1
        parts.append((self._join(rows[start:]), False))
        return parts

    def _join(self, rows: NDArray[Any]) -> bytes:
        return self.gather(rows, measure_rows(self._table.offsets, rows, True)[0])

    # Decoding

    def without_special(self, ids: NDArray[Any]) -> NDArray[Any]:
        """Return the ids, all in use, without those of special tokens."""
        kept: NDArray[Any] = ids[~self._is_special[ids]]
        return kept

    def decode(self, ids: NDArray[Any], skip_special_tokens: bool = False) -> bytes:
        """Decode one row of ids to bytes.

        Parameters
        ----------
        ids : ndarray of uint32 or int64, shape (n,)
            Ids, C-contiguous.
        skip_special_tokens : bool
            Whether to skip the ids of special tokens.

        Raises
        ------
        IndexError
            If an id is not in use.
        """
        if skip_special_tokens:
            self.check(ids)
            ids = self.without_special(ids)
        rows, n_bytes = self.select_rows(ids, self.check(ids), is_first=True, is_last=True)
        text_filter = self.decoder.filter()
        if text_filter is None:
            return self.gather(rows, n_bytes)
        if not self._has_verbatim:
            return text_filter.apply(self.gather(rows, n_bytes))
        return push_parts(self.split(rows, n_bytes), text_filter) + text_filter.finish()

    def select_rows(
        self, ids: NDArray[Any], n_bytes: int, is_first: bool, is_last: bool
    ) -> tuple[NDArray[Any], int]:
        """Return the indices of the rows of the table for a part of a text, and the number of their bytes.

        Parameters
        ----------
        ids : ndarray of uint32 or int64, shape (n,)
            Ids of the part, all in use.
        n_bytes : int
            Number of bytes of the ids inside a text.
        is_first, is_last : bool
            Whether the part is at the start or end of the text.
        """
        if not (self._first or self._last) or not len(ids):
            return ids, n_bytes
        rows = ids.copy()
        for i, shift in ((0, self._first * is_first), (-1, self._last * is_last)):
            if shift:
                n_bytes -= int(self._lengths[rows[i]])
                rows[i] += shift
                n_bytes += int(self._lengths[rows[i]])
        return rows, n_bytes

    def decode_rows(self, batch: Ragged, skip_special_tokens: bool = False) -> list[bytes]:
        """Decode every row of ids to bytes, as `decode` does; errors also name the row."""
        if skip_special_tokens:
            self.check(batch.values, batch.offsets)
            is_kept = ~self._is_special[batch.values]
            batch = Ragged(batch.values[is_kept], lengths_to_offsets(is_kept)[batch.offsets])
        rows, offsets = batch.values, batch.offsets
        n_bytes = self.check(rows, offsets)
        is_filled = offsets[1:] > offsets[:-1]
        if self._first or self._last:
            rows = rows.copy()
            rows[offsets[:-1][is_filled]] += self._first
            rows[offsets[1:][is_filled] - 1] += self._last
            n_bytes, _ = measure_rows(self._table.offsets, rows, True)
        text = self.gather(rows, n_bytes)
        bounds = lengths_to_offsets(self._lengths[rows])[offsets].tolist()
        texts = [text[start:end] for start, end in pairwise(bounds)]
        text_filter = self.decoder.filter()
        if text_filter is None:
            return texts
        if not self._has_verbatim:
            return [text_filter.apply(text) for text in texts]
        counts = lengths_to_offsets(self._is_verbatim[rows])[offsets]
        for i, is_mixed in enumerate((counts[1:] > counts[:-1]).tolist()):
            if is_mixed:
                part = rows[offsets[i] : offsets[i + 1]]
                texts[i] = push_parts(self.split(part, len(texts[i])), text_filter) + text_filter.finish()
            else:
                texts[i] = text_filter.apply(texts[i])
        return texts


def push_parts(parts: list[tuple[bytes, bool]], text_filter: Filter) -> bytes:
    """Push the next parts of a text through a filter, and return the bytes that later parts cannot change.

    Each part is a pair (text, whether it bypasses the filter).
    """
    written = []
    for text, is_verbatim in parts:
        if not text:
            continue
        written.append(text_filter.bypass(text) if is_verbatim else text_filter.push(text))
    return b"".join(written)
