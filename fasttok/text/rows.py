"""`Rows`: text that passes through the steps of a pipeline.

A step takes rows and returns rows. Rows contain the text, flags for the rows that begin or end their
document or segment, and, if requested, the origin of every byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.text._spans import trace

# The text to which an option of a step applies. Added tokens divide a document into segments. "start" is text
# that begins at the first character of a raw document.
Scope = Literal["document", "segment"]
ScopeOfBeginning = Literal["document", "segment", "start"]
SCOPES = ("document", "segment")

# Bits of `Rows.boundary_flags`.
BEGINS_DOCUMENT, ENDS_DOCUMENT, BEGINS_SEGMENT, ENDS_SEGMENT = 1, 2, 4, 8
WHOLE = 15  # all of these bits: the row is a whole document
BEGINS_RAW = 16  # the row begins at the first character of its raw document
# The row counts as a text with characters, although rules have removed all of them or left only spaces.
FILLED = 32
_BEGINS = {"document": BEGINS_DOCUMENT, "segment": BEGINS_SEGMENT, "start": BEGINS_RAW}
_ENDS = {"document": ENDS_DOCUMENT, "segment": ENDS_SEGMENT}


class Rewriting(NamedTuple):
    """The origins of the bytes that a step has written.

    Attributes
    ----------
    spans : ndarray of int64, shape (n, 2)
        Origin of each byte that was written: a span of bytes of the input, as begin and end. Neither column
        decreases in a row. An inserted byte, which has no origin, has an empty span. The span (-1, -1) is the
        position at which the row begins in the raw text, whatever the steps before have dropped there.
    offsets : ndarray of int64, shape (k + 1,)
        Offsets of the rows in the text that was written.
    parents : ndarray of int64, shape (k,), or None
        Index of the input row that each row is a part of; None if the rows are those of the input.
    inputs : ndarray of int64, shape (l + 1,)
        Offsets of the input rows.
    heads : ndarray of int64, shape (k,), or None
        Position in the input after the spaces at the start of each row, before any other character, even one
        that is dropped. With heads, the span of a byte that a later step inserts at the start of the text can
        begin there: its begin is then -2.
    """

    spans: NDArray[np.int64]
    offsets: NDArray[np.int64]
    parents: NDArray[np.int64] | None
    inputs: NDArray[np.int64]
    heads: NDArray[np.int64] | None = None


@dataclass(frozen=True, eq=False)
class Rows:
    """Documents or parts of documents, one per row, and the origins of their bytes.

    Parameters
    ----------
    documents : Ragged of uint8
        Text in UTF-8. Invalid bytes are allowed.
    boundary_flags : ndarray of uint8, shape (k,)
        For each row, the sum of those that apply: ``BEGINS_DOCUMENT``, ``ENDS_DOCUMENT``, ``BEGINS_SEGMENT``,
        ``ENDS_SEGMENT``, ``BEGINS_RAW``, ``FILLED``. Added tokens divide a document into segments. After a
        step that splits text, every pretoken counts as a document; only ``BEGINS_RAW`` still refers to raw
        documents.
    aligned : bool
        Whether steps record the origin of each byte. This takes up to 16 bytes per byte of text for each
        step that rewrites or splits.
    rewritings : tuple of Rewriting
        Origins that the steps so far have recorded, in the order of the steps; empty if not `aligned`.
    protected : ndarray of int64, shape (n,), or None
        Position in the values of the documents, ascending, of each ▁ that the step before has written for a
        space; see `CharsMapNormalizer`. None if there are none.

    Examples
    --------
    >>> import fasttok as ft
    >>> rows = ft.Strip().rewrite(Rows.of_text(b" two ", aligned=True))
    >>> rows.documents.to_bytes(), rows.raw_spans.tolist()
    ([b'two'], [[1, 2], [2, 3], [3, 4]])
    """

    documents: Ragged
    boundary_flags: NDArray[np.uint8]
    aligned: bool = False
    rewritings: tuple[Rewriting, ...] = ()
    protected: NDArray[np.int64] | None = None

    @classmethod
    def of(
        cls,
        documents: Ragged,
        begins: bool = True,
        ends: bool = True,
        aligned: bool = False,
    ) -> Rows:
        """Make rows of documents.

        `begins` tells whether the first row begins a document, `ends` whether the last row ends one.
        """
        flags = np.full(len(documents), WHOLE | BEGINS_RAW, np.uint8)
        if not begins:
            flags[:1] &= ENDS_DOCUMENT | ENDS_SEGMENT
        if not ends:
            flags[-1:] &= BEGINS_DOCUMENT | BEGINS_SEGMENT | BEGINS_RAW
        return cls(documents, flags, aligned)

    @classmethod
    def of_text(cls, text: bytes, aligned: bool = False) -> Rows:
        """Make rows of one whole document."""
        values = np.frombuffer(text, np.uint8)
        return cls(Ragged(values, np.array([0, len(values)], np.int64)), _ONE_WHOLE, aligned)

    def __len__(self) -> int:
        return len(self.documents)

    def begins(self, scope: ScopeOfBeginning) -> NDArray[np.bool_]:
        """Return whether each row begins its document, its segment, or its raw document: bool[k]."""
        return self._has(_BEGINS[scope])

    def ends(self, scope: Scope) -> NDArray[np.bool_]:
        """Return whether each row ends its document, or its segment: bool[k]."""
        return self._has(_ENDS[scope])

    @property
    def filled(self) -> NDArray[np.bool_]:
        """Whether each row has the flag ``FILLED``: bool[k]; bool[0] if no row has it."""
        found = self._has(FILLED)
        return found if found.any() else found[:0]

    def with_filled(self, filled: Sequence[int]) -> Rows:
        """Return these rows with the flag ``FILLED`` set for the rows with the given indices."""
        if not filled:
            return self
        flags = self.boundary_flags.copy()
        flags[filled] |= np.uint8(FILLED)
        return replace(self, boundary_flags=flags)

    def _has(self, flag: int) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = (self.boundary_flags & flag) != 0
        return found

    def trace(self, spans: NDArray[np.int64], bounds: NDArray[np.int64]) -> NDArray[np.int64]:
        """Replace spans of these rows by their origins in the raw documents, in place, and return them.

        The origin of a span reaches from the origin of its first byte to that of its last byte. The origin of
        an empty span is the beginning of the origin of the byte after it. O(n) per step for n spans.

        Parameters
        ----------
        spans : ndarray of int64, shape (n, 2)
            Begin and end in the values of these rows.
        bounds : ndarray of int64, shape (k + 1,)
            Index of the first span of each row, followed by n.
        """
        if self.rewritings:
            trace(spans, bounds, list(reversed(self.rewritings)))
        return spans

    @cached_property
    def raw_spans(self) -> NDArray[np.int64] | None:
        """The origin of each of the n bytes of the rows: int64[n, 2]; None if the rows are not aligned.

        An origin is a begin and an end in the values of the raw documents.
        """
        if not self.aligned:
            return None
        positions = np.arange(len(self.documents.values))
        return self.trace(np.stack([positions, positions + 1], axis=1), self.documents.offsets)

    def rewritten(
        self, documents: Ragged, spans: NDArray[np.int64] | None, heads: NDArray[np.int64] | None = None
    ) -> Rows:
        """Return these rows with new text.

        Parameters
        ----------
        documents : Ragged of uint8
            New text, with the same number of rows.
        spans : ndarray of int64, shape (n, 2), or None
            Origin of each new byte in the old text, as in ``Rewriting.spans``. Required if these rows are
            aligned, ignored otherwise.
        heads : ndarray of int64, shape (k,), optional
            Position after the spaces at the start of each row of the old text, as in ``Rewriting.heads``.

        Raises
        ------
        ValueError
            If the rows are aligned and `spans` does not have one row per new byte.
        """
        if not self.aligned:
            return Rows(documents, self.boundary_flags)
        if spans is None or spans.shape != (len(documents.values), 2):
            given = "None" if spans is None else f"an array of shape {spans.shape}"
            raise ValueError(
                f"spans must have the shape ({len(documents.values)}, 2), one row per byte written, "
                f"since the rows are aligned; not {given}"
            )
        if spans.strides[-1] != spans.itemsize:
            spans = np.ascontiguousarray(spans)
        rewriting = Rewriting(spans, documents.offsets, None, self.documents.offsets, heads)
        return Rows(documents, self.boundary_flags, True, (*self.rewritings, rewriting))

    def rewritten_from(
        self,
        documents: Ragged,
        origins: NDArray[np.int64] | None,
        heads: NDArray[np.int64] | None = None,
    ) -> Rows:
        """Return these rows with new text, like `rewritten`, given only the begin of each byte's origin.

        `origins` is int64[n + 1] for n bytes. The origin of a byte ends where the origin of the next byte
        begins; the last entry is the end of the last origin. So dropped text belongs to the byte before it.
        At the start of a document, that is the last byte of the previous document; at the start of a row that
        was cut, `trace` leaves it out, since an added token may be before it.
        """
        if origins is None:
            return self.rewritten(documents, None)
        step = origins.strides[0]
        spans = as_strided(origins, (len(origins) - 1, 2), (step, step), writeable=False)  # no copy
        return self.rewritten(documents, spans, heads)

    def cut(
        self,
        spans: NDArray[np.int64],
        boundary_flags: NDArray[np.uint8],
        parents: NDArray[np.int64] | None,
    ) -> Rows:
        """Return the given spans of the text as new rows.

        Parameters
        ----------
        spans : ndarray of int64, shape (k, 2)
            Begin and end of each new row in the values of these rows. Spans may overlap and need not ascend.
        boundary_flags : ndarray of uint8, shape (k,)
            Flags of the new rows.
        parents : ndarray of int64, shape (k,), or None
            Index of the row that each new row is a part of; None if each row has one new row.
        """
        values = np.ascontiguousarray(self.documents.values)
        bounds = np.append(spans, len(values))
        if not self.aligned and (bounds[1:] >= bounds[:-1]).all():
            return Rows(Ragged(values, bounds).take(np.arange(0, 2 * len(spans), 2)), boundary_flags)
        lengths = np.maximum(spans[:, 1] - spans[:, 0], 0)
        offsets = lengths_to_offsets(lengths)
        origins = np.arange(offsets[-1]) + np.repeat(spans[:, 0] - offsets[:-1], lengths)
        documents = Ragged(values[origins], offsets)
        if not self.aligned:
            return Rows(documents, boundary_flags)
        made_of = np.stack([origins, origins + 1], axis=1)
        rewriting = Rewriting(made_of, offsets, parents, self.documents.offsets)
        return Rows(documents, boundary_flags, True, (*self.rewritings, rewriting))


_ONE_WHOLE = np.full(1, WHOLE | BEGINS_RAW, np.uint8)  # the flags of one whole document
_ONE_WHOLE.flags.writeable = False
