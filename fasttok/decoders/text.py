"""`TextDecoder`: a decoder with the vocabulary it is for; ids to bytes, whole or as they arrive."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core._gather import gather_bytes, measure_rows
from fasttok.core.ids import unknown_id
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.decoders.base import Decoder, Filter
from fasttok.models.base import Model


class TextDecoder:
    """Ids to bytes. Immutable, so that threads share it.

    `Decoder.rewrite` is called for the whole vocabulary when the first ids are decoded; then decoding copies
    rows of a table. The table has the rows of all ids as they are inside a text, then those at its start, at
    its end, and of tokens that are both, as far as the decoder tells them apart.

    Parameters
    ----------
    decoder : Decoder
        The decoder.
    model : Model
        The model that the ids are of.
    added_ids : mapping of str to int, optional
        The ids of added tokens, special or not, whose texts are written as they are.
    special_ids : collection of int
        Those that `skip_special_tokens` skips.
    """

    def __init__(
        self,
        decoder: Decoder,
        model: Model,
        added_ids: Mapping[str, int] | None = None,
        special_ids: Collection[int] = (),
    ) -> None:
        self.decoder = decoder
        self._model = model
        self._added = {i: token.encode() for token, i in (added_ids or {}).items()}
        self.n_ids = max([len(model.pieces), *(i + 1 for i in self._added)])
        self._is_special = np.zeros(self.n_ids, np.bool_)
        self._is_special[list(special_ids)] = True
        # How much further in the table the row of a token is if it is the first of a text, or the last.
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
        """The row of each id; empty for one that is not in use."""
        ids = np.flatnonzero(self._model.pieces.lengths)
        rows = [b""] * self.n_ids
        written = self.decoder.rewrite_pieces(self._model, ids, is_first=is_first, is_last=is_last)
        for i, row in zip(ids.tolist(), written, strict=True):
            rows[i] = row
        for i, token in self._added.items():
            rows[i] = self.decoder.rewrite_added(token, is_first=is_first, is_last=is_last)
        if wrong := [row for row in rows if type(row) is not bytes]:
            raise TypeError(f"{self.decoder!r} must write bytes for a token, not {wrong[0]!r}")
        return rows

    @cached_property
    def _inner_offsets(self) -> NDArray[np.int64]:
        """The offsets of the rows that are neither first nor last: one for each id."""
        return self._table.offsets[: self.n_ids + 1]

    @cached_property
    def _lengths(self) -> NDArray[np.int64]:
        return self._table.lengths

    @property
    def written(self) -> Ragged:
        """The bytes that are written for each id inside a text, before they are filtered: Ragged of uint8."""
        return Ragged(self._table.values, self._inner_offsets)

    @cached_property
    def _is_used(self) -> NDArray[np.bool_]:
        is_used = np.zeros(self.n_ids, np.bool_)
        is_used[np.flatnonzero(self._model.pieces.lengths)] = True
        is_used[list(self._added)] = True
        return is_used

    @cached_property
    def _is_verbatim(self) -> NDArray[np.bool_]:
        """Whether each row of the table goes past the filter."""
        found = self.decoder.filter()
        is_verbatim = np.zeros(self.n_ids, np.bool_)
        shifts = range(0, len(self._table), max(1, self.n_ids))
        if found is not None:
            for i in self._added:
                texts = {self.row(i + shift) for shift in shifts}
                is_verbatim[i] = not all(map(found.keeps, texts))
        return np.tile(is_verbatim, len(shifts))

    @cached_property
    def _has_verbatim(self) -> bool:
        return bool(self._is_verbatim.any())

    def lengths(self, ids: NDArray[Any]) -> NDArray[np.int64]:
        """Count the bytes that are written for each id inside a text; all must be in use."""
        lengths: NDArray[np.int64] = self._lengths[ids]
        return lengths

    def check(self, ids: NDArray[Any], offsets: NDArray[np.int64] | None = None) -> int:
        """Check that all ids are in use, and count the bytes that are written for them inside a text.

        Parameters
        ----------
        ids : ndarray of uint32 or int64, shape (n,)
            The ids, C-contiguous.
        offsets : ndarray of int64, optional
            The offsets of the rows to name in an error.

        Raises
        ------
        IndexError
            If an id is not in use.
        """
        n_bytes, bad = measure_rows(self._inner_offsets, ids, False)
        if bad < 0:
            return n_bytes
        # It is not in use, or the decoder writes nothing for it.
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
        """Return the bytes that are written for an id if others follow it in its text, and if none do."""
        row = i + (self._first if is_first else 0)
        followed = self.row(row)
        return followed, self.row(row + self._last) if self._last else followed

    def is_verbatim(self, i: int) -> bool:
        """Whether an id is of an added token that the filter does not see."""
        return bool(self._is_verbatim[i])

    def gather(self, rows: NDArray[Any], n_bytes: int) -> bytes:
        """Join rows of the table, which have so many bytes together."""
        return gather_bytes(self._table.values, self._table.offsets, rows, n_bytes)

    def split(self, rows: NDArray[Any], n_bytes: int) -> list[tuple[bytes, bool]]:
        """Return the text of rows of the table in stretches, and whether each goes past the filter."""
        if not self._has_verbatim:
            return [(self.gather(rows, n_bytes), False)]
        stretches, start = [], 0
        for place in np.flatnonzero(self._is_verbatim[rows]).tolist():
            if start < place:
                stretches.append((self._join(rows[start:place]), False))
            stretches.append((self.row(int(rows[place])), True))
            start = place + 1
        stretches.append((self._join(rows[start:]), False))
        return stretches

    def _join(self, rows: NDArray[Any]) -> bytes:
        return self.gather(rows, measure_rows(self._table.offsets, rows, True)[0])

    # Decoding

    def decode(self, ids: NDArray[Any], skip_special_tokens: bool = False) -> bytes:
        """Return the bytes of one row of ids.

        Parameters
        ----------
        ids : ndarray of uint32 or int64, shape (n,)
            The ids, C-contiguous.
        skip_special_tokens : bool
            Whether to leave out the ids of special tokens.

        Raises
        ------
        IndexError
            If an id is not in use.
        """
        if skip_special_tokens:
            self.check(ids)
            ids = ids[~self._is_special[ids]]
        rows, n_bytes = self.place(ids, self.check(ids), is_first=True, is_last=True)
        found = self.decoder.filter()
        if found is None:
            return self.gather(rows, n_bytes)
        return pass_through(self.split(rows, n_bytes), found) + found.finish()

    def place(
        self, ids: NDArray[Any], n_bytes: int, is_first: bool, is_last: bool
    ) -> tuple[NDArray[Any], int]:
        """Find the rows of the table for ids of a text, and count their bytes.

        Parameters
        ----------
        ids : ndarray of uint32 or int64, shape (n,)
            The ids, checked.
        n_bytes : int
            The bytes that are written for them inside a text.
        is_first, is_last : bool
            Whether the first of them is the first of the text, and the last one the last.
        """
        if not (self._first or self._last) or not len(ids):
            return ids, n_bytes
        rows = ids.copy()
        for place, shift in ((0, self._first * is_first), (-1, self._last * is_last)):
            if shift:
                n_bytes -= int(self._lengths[rows[place]])
                rows[place] += shift
                n_bytes += int(self._lengths[rows[place]])
        return rows, n_bytes

    def decode_rows(self, batch: Ragged, skip_special_tokens: bool = False) -> list[bytes]:
        """Return the bytes of every row; an error names the row. Otherwise as `decode`."""
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
        found = self.decoder.filter()
        if found is None:
            return texts
        has_verbatim = np.zeros(len(texts), np.bool_)
        if self._has_verbatim:
            counts = lengths_to_offsets(self._is_verbatim[rows])[offsets]
            has_verbatim = counts[1:] > counts[:-1]
        for i, is_mixed in enumerate(has_verbatim.tolist()):
            if is_mixed:
                part = rows[offsets[i] : offsets[i + 1]]
                texts[i] = pass_through(self.split(part, len(texts[i])), found) + found.finish()
            else:
                texts[i] = found.push(texts[i]) + found.finish()
        return texts


def pass_through(stretches: list[tuple[bytes, bool]], found: Filter) -> bytes:
    """Return the bytes that are certain with the next stretches of a text; marked ones go past the filter."""
    parts = []
    for text, is_verbatim in stretches:
        if not text:
            continue
        parts += [found.pause(), text] if is_verbatim else [found.push(text)]
    return b"".join(parts)
