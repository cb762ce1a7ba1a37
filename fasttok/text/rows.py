"""`Rows`: text on its way to pretokens, with what every step needs to know of it.

Text flows through the pipeline as one value: the rows, which of them begin and end their document, and where
every byte came from, if that is asked for. A step takes rows and gives rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.text._spans import trace

Scope = Literal["document", "segment"]
SCOPES = ("document", "segment")

# The bits of `Rows.edges`: the row begins or ends its document, or its segment between two added tokens.
BEGINS_DOCUMENT, ENDS_DOCUMENT, BEGINS_SEGMENT, ENDS_SEGMENT = 1, 2, 4, 8
WHOLE = 15
_BEGINS = {"document": BEGINS_DOCUMENT, "segment": BEGINS_SEGMENT}
_ENDS = {"document": ENDS_DOCUMENT, "segment": ENDS_SEGMENT}


class Rewriting(NamedTuple):
    """The origins of the bytes that a step has written.

    Attributes
    ----------
    spans : ndarray of int64, shape (n, 2)
        Begin and end in the text before of what each byte was made of. Neither column decreases. A byte that
        was made of nothing has an empty stretch at its place.
    offsets : ndarray of int64, shape (k + 1,)
        The offsets of the rows in the text that was written.
    parents : ndarray of int64, shape (k,), or None
        The row before that each row is a part of; None if they are the same rows.
    """

    spans: NDArray[np.int64]
    offsets: NDArray[np.int64]
    parents: NDArray[np.int64] | None = None


@dataclass(frozen=True, eq=False)
class Rows:
    """Stretches of documents, a row each, and where their bytes came from.

    Parameters
    ----------
    documents : Ragged of uint8
        The text in UTF-8, which need not be valid.
    edges : ndarray of uint8, shape (k,)
        The edges of its document and of its segment that each row reaches: the sum of `BEGINS_DOCUMENT`,
        `ENDS_DOCUMENT`, `BEGINS_SEGMENT` and `ENDS_SEGMENT`. A segment is what is between two added tokens.
    aligned : bool
        Whether steps keep track of where each byte came from, which takes 16 bytes more per byte.
    rewritings : tuple of Rewriting
        What steps have done to the raw text, the first one first; empty if the rows are not aligned.
    """

    documents: Ragged
    edges: NDArray[np.uint8]
    aligned: bool = False
    rewritings: tuple[Rewriting, ...] = ()

    @classmethod
    def of(
        cls,
        documents: Ragged,
        begins: NDArray[np.bool_] | None = None,
        ends: NDArray[np.bool_] | None = None,
        aligned: bool = False,
    ) -> Rows:
        """Take documents, or parts of documents where `begins` and `ends`, bool[k], say so."""
        edges = np.full(len(documents), WHOLE, np.uint8)
        if begins is not None:
            edges[~begins] &= WHOLE - BEGINS_DOCUMENT - BEGINS_SEGMENT
        if ends is not None:
            edges[~ends] &= WHOLE - ENDS_DOCUMENT - ENDS_SEGMENT
        return cls(documents, edges, aligned)

    @classmethod
    def of_text(cls, text: bytes, aligned: bool = False) -> Rows:
        """Take one whole document."""
        values = np.frombuffer(text, np.uint8)
        return cls(Ragged(values, np.array([0, len(values)], np.int64)), _ONE_WHOLE, aligned)

    def __len__(self) -> int:
        return len(self.documents)

    def begins(self, scope: Scope) -> NDArray[np.bool_]:
        """Whether each row is the beginning of its document, or of its segment."""
        return self._has(_BEGINS[scope])

    def ends(self, scope: Scope) -> NDArray[np.bool_]:
        """Whether each row is the end of its document, or of its segment."""
        return self._has(_ENDS[scope])

    def _has(self, edge: int) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = (self.edges & edge) != 0
        return found

    def trace(self, spans: NDArray[np.int64], bounds: NDArray[np.int64]) -> NDArray[np.int64]:
        """Follow stretches of these rows to where they came from, in place, and return them.

        They are begin and end in the values of the raw documents then.

        A stretch came from where its first to its last byte came from; an empty one from the beginning of the
        byte after it. O(n) for n stretches.

        Parameters
        ----------
        spans : ndarray of int64, shape (n, 2)
            Begin and end in the values of these rows.
        bounds : ndarray of int64, shape (k + 1,)
            The index of the first stretch of each row, and n.
        """
        if self.rewritings:
            trace(spans, bounds, list(reversed(self.rewritings)))
        return spans

    @cached_property
    def raw_spans(self) -> NDArray[np.int64] | None:
        """The stretch of the raw text that each of the n bytes was made of: int64 of shape (n, 2).

        Begin and end in the values of the raw documents. None if the rows are not aligned.
        """
        if not self.aligned:
            return None
        places = np.arange(len(self.documents.values))
        return self.trace(np.stack([places, places + 1], axis=1), self.documents.offsets)

    def rewritten(self, documents: Ragged, spans: NDArray[np.int64] | None) -> Rows:
        """Return these rows with another text, whose bytes were made of the given stretches of this one.

        Parameters
        ----------
        documents : Ragged of uint8
            The text that was written, row by row.
        spans : ndarray of int64, shape (n, 2), or None
            As `Rewriting.spans`; needed if these rows are aligned, of no use otherwise.

        Raises
        ------
        ValueError
            If the rows are aligned and there is not one stretch for every byte that was written.
        """
        if not self.aligned:
            return Rows(documents, self.edges)
        if spans is None or spans.shape != (len(documents.values), 2):
            given = "none" if spans is None else f"an array of shape {spans.shape}"
            expected = f"(n, 2) with n = {len(documents.values)}, the bytes written"
            raise ValueError(f"aligned rows need their spans, of shape {expected}, not {given}")
        if spans.strides[-1] != spans.itemsize:
            spans = np.ascontiguousarray(spans)
        rewriting = Rewriting(spans, documents.offsets)
        return Rows(documents, self.edges, True, (*self.rewritings, rewriting))

    def rewritten_from(self, documents: Ragged, origins: NDArray[np.int64] | None) -> Rows:
        """As `rewritten`, where each byte goes on to where the next begins; `origins` has their end as well.

        So what is dropped belongs to what is before it; at the start of a document, to the one before.
        """
        if origins is None:
            return self.rewritten(documents, None)
        step = origins.strides[0]
        spans = as_strided(origins, (len(origins) - 1, 2), (step, step), writeable=False)  # no copy
        return self.rewritten(documents, spans)

    def cut(self, places: NDArray[np.int64], edges: NDArray[np.uint8], parents: NDArray[np.int64]) -> Rows:
        """Return the stretches of these rows at the given places of their values, a row each.

        Parameters
        ----------
        places : ndarray of int64, shape (k, 2)
            Begin and end of each stretch; where they overlap or go back, text is repeated.
        edges : ndarray of uint8, shape (k,)
            As `edges`, of the new rows.
        parents : ndarray of int64, shape (k,)
            The row that each is a stretch of.
        """
        values = np.ascontiguousarray(self.documents.values)
        bounds = np.append(places, len(values))
        if not self.aligned and (bounds[1:] >= bounds[:-1]).all():
            return Rows(Ragged(values, bounds).take(np.arange(0, 2 * len(places), 2)), edges)
        lengths = np.maximum(places[:, 1] - places[:, 0], 0)
        offsets = lengths_to_offsets(lengths)
        at = np.arange(offsets[-1]) + np.repeat(places[:, 0] - offsets[:-1], lengths)
        documents = Ragged(values[at], offsets)
        if not self.aligned:
            return Rows(documents, edges)
        rewriting = Rewriting(np.stack([at, at + 1], axis=1), offsets, parents)
        return Rows(documents, edges, True, (*self.rewritings, rewriting))


_ONE_WHOLE = np.full(1, WHOLE, np.uint8)
_ONE_WHOLE.flags.writeable = False
