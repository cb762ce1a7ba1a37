"""`Rows`: text on its way to pretokens, with what every step needs to know of it.

Text flows through the pipeline as one value: the rows, which of them begin and end their document, and where
every byte came from, if that is asked for. A step takes rows and gives rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged, lengths_to_offsets

Scope = Literal["document", "segment"]
SCOPES = ("document", "segment")

# The bits of `Rows.edges`: the row begins or ends its document, or its segment between two added tokens.
BEGINS_DOCUMENT, ENDS_DOCUMENT, BEGINS_SEGMENT, ENDS_SEGMENT = 1, 2, 4, 8
WHOLE = 15
_BEGINS = {"document": BEGINS_DOCUMENT, "segment": BEGINS_SEGMENT}
_ENDS = {"document": ENDS_DOCUMENT, "segment": ENDS_SEGMENT}


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
    known_spans : ndarray of int64, shape (n, 2), optional
        See `spans`; None while the text is the raw one.
    """

    documents: Ragged
    edges: NDArray[np.uint8]
    aligned: bool = False
    known_spans: NDArray[np.int64] | None = None

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

    @property
    def spans(self) -> NDArray[np.int64] | None:
        """The stretch of the raw text that each of the n bytes was made of: int64 of shape (n, 2).

        Begin and end in the values of the raw documents. Neither column decreases. What is between bytes
        ``a`` and ``b``, which comes after ``a``, was made of what is between ``spans[a, 0]`` and
        ``spans[b - 1, 1]``. A byte that was made of nothing has an empty stretch at its place. None if the
        rows are not aligned.
        """
        if not self.aligned or self.known_spans is not None:
            return self.known_spans
        places = np.arange(len(self.documents.values))
        return np.stack([places, places + 1], axis=1)

    def rewritten(self, documents: Ragged, spans: NDArray[np.int64] | None) -> Rows:
        """These rows with another text, whose bytes were made of the given stretches of this one. O(n).

        Parameters
        ----------
        documents : Ragged of uint8
            The text that was written, row by row.
        spans : ndarray of int64, shape (n, 2), or None
            As `spans`, but of the text of these rows; needed if they are aligned.
        """
        if not self.aligned or spans is None:
            return Rows(documents, self.edges)
        if self.known_spans is None:
            return Rows(documents, self.edges, True, spans)
        starts, ends = spans.T
        made_of = self.known_spans if len(self.known_spans) else np.zeros((1, 2), np.int64)
        first = made_of[np.minimum(starts, len(made_of) - 1), 0]
        last = np.where(ends > 0, made_of[ends - 1, 1], 0)
        # What is made of nothing comes before what follows it, or, at the end of its document, after what is
        # before it; between two that were made of the same, it was made of that.
        of_nothing = np.flatnonzero(starts == ends)
        rows = np.searchsorted(documents.offsets, of_nothing, side="right") - 1
        is_last = starts[of_nothing] == self.documents.offsets[rows + 1]
        first[of_nothing] = np.where(is_last, last[of_nothing], first[of_nothing])
        last[of_nothing] = np.maximum(first[of_nothing], last[of_nothing])
        return Rows(documents, self.edges, True, np.stack([first, last], axis=1))

    def rewritten_from(self, documents: Ragged, origins: NDArray[np.int64] | None) -> Rows:
        """As `rewritten`, where each byte goes on to where the next begins; `origins` has their end as well.

        So what is dropped belongs to what is before it; at the start of a document, to the one before.
        """
        return self.rewritten(
            documents, None if origins is None else np.stack([origins[:-1], origins[1:]], axis=1)
        )

    def cut(self, places: NDArray[np.int64], edges: NDArray[np.uint8]) -> Rows:
        """The stretches of these rows at the given places of their values, a row each.

        Parameters
        ----------
        places : ndarray of int64, shape (k, 2)
            Begin and end of each stretch; where they overlap or go back, text is repeated.
        edges : ndarray of uint8, shape (k,)
            As `edges`, of the new rows.
        """
        values = np.ascontiguousarray(self.documents.values)
        bounds = np.append(places, len(values))
        is_ascending = bool((bounds[1:] >= bounds[:-1]).all())
        if is_ascending and not self.aligned:
            return Rows(Ragged(values, bounds).take(np.arange(0, 2 * len(places), 2)), edges)
        lengths = np.maximum(places[:, 1] - places[:, 0], 0)
        offsets = lengths_to_offsets(lengths)
        at = np.arange(offsets[-1]) + np.repeat(places[:, 0] - offsets[:-1], lengths)
        spans = None
        if self.aligned:
            known = self.known_spans
            spans = np.stack([at, at + 1], axis=1) if known is None else known[at]
        return Rows(Ragged(values[at], offsets), edges, self.aligned, spans)


_ONE_WHOLE = np.full(1, WHOLE, np.uint8)
_ONE_WHOLE.flags.writeable = False
