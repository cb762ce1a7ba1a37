"""`Pretokenizer`: what every step that cuts text is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged
from fasttok.text._spans import Boundaries, Spans, list_spans
from fasttok.text.cuts import NOTHING_KNOWN, Cuts
from fasttok.text.pretokenizers._scan import scan
from fasttok.text.rewriting import Rewritten

SLICE = 1 << 16  # pretokens a slice of boundaries holds: half a megabyte, which stays in cache


class Pretokenizer(ABC):
    """Cuts text into pretokens. Immutable; safe to share between threads."""

    @property
    def is_partition(self) -> bool:
        """Whether the pretokens of a text, joined, are the text; if not, some of it is left out.

        Of a pretokenizer that rewrites text first, the text it has written.
        """
        return True

    @property
    def rewriting(self) -> Pretokenizer | None:
        """The step that rewrites text before it is cut; None where text is cut as it is."""
        return None

    def rewrite(
        self,
        documents: Ragged,
        *,
        begins: NDArray[np.bool_] | None = None,
        ends: NDArray[np.bool_] | None = None,
        aligned: bool = False,
    ) -> Rewritten:
        """Rewrite a batch before it is cut; what comes out is what the other methods take.

        Parameters
        ----------
        documents : Ragged of uint8
            UTF-8 text, a row a document or part of one.
        begins, ends : ndarray of bool, shape (k,), optional
            Whether each row is the beginning, and the end, of its document; without them each is both.
        aligned : bool
            Whether to say where each byte came from, which takes 16 bytes more a byte.

        Returns
        -------
        Rewritten
            The documents as they came in, where no step rewrites them (`rewriting`).
        """
        if self.rewriting is not None:
            return self.rewriting.rewrite(documents, begins=begins, ends=ends, aligned=aligned)
        return Rewritten.unchanged(documents, aligned)

    @abstractmethod
    def boundaries(self, documents: Ragged) -> Iterator[NDArray[np.int64]]:
        """Yield the boundaries of the pretokens of a batch, slice by slice.

        Parameters
        ----------
        documents : Ragged of uint8
            UTF-8 text, a row a document. No pretoken reaches across documents; an empty document has
            no pretokens.

        Yields
        ------
        ndarray of int64, shape (k + 1,)
            Positions in ``documents.values``: pretoken ``i`` lies between entries ``i`` and ``i + 1``.
            The last entry of a slice is the first of the next. The array is only valid until the next
            one is asked for.

        Raises
        ------
        ValueError
            If there are none, since text is left out between pretokens (`is_partition`).
        """

    @property
    def scanner(self) -> Spans | None:
        """The spans of any text, if they need no look at all of it beforehand; all threads share it."""
        return None

    def spans(self, documents: Ragged) -> Spans:
        """Where the pretokens of a batch lie, for the kernels; to be used up once, document by document."""
        return self.scanner or Boundaries(self.split(documents))

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """What `get_pretokenizer` takes to make this pretokenizer again; plain JSON."""

    @property
    def cuts(self) -> Cuts:
        """What is known of places at which raw text may be cut; see `fasttok.text.cuts`."""
        return NOTHING_KNOWN

    def find_cut(self, text: NDArray[np.uint8]) -> int:
        """The last position at which cutting the text changes no pretoken; 0 if none is known.

        That holds whatever stands before and behind the text, which may begin and end inside a
        character; the two code points beside a position decide. `fasttok.text.cuts` has the proofs.
        """
        return self.cuts.find(text)

    def split(self, documents: Ragged) -> NDArray[np.int64]:
        """Give all boundaries of a batch at once: int64, one more than there are pretokens.

        Examples
        --------
        >>> import fasttok as ft
        >>> text = ft.Ragged.from_bytes([b"Hello world", b"it's"])
        >>> ft.get_pretokenizer("gpt2").split(text).tolist()
        [0, 5, 11, 13, 15]
        """
        slices = [part[1:].copy() for part in self.boundaries(documents)]
        return np.concatenate([documents.offsets[:1], *slices])

    def split_text(self, text: str | bytes) -> list[bytes]:
        """The pretokens of one text as byte strings, for looking at.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.get_pretokenizer("cl100k").split_text("I'm 12345!")
        [b'I', b"'m", b' ', b'123', b'45', b'!']
        """
        documents = self.rewrite(
            Ragged.from_bytes([text if isinstance(text, bytes) else text.encode()])
        ).documents
        data = documents.values.tobytes()
        return [data[a:b] for a, b in list_spans(self.spans(documents), documents.values).tolist()]


class ScanningPretokenizer(Pretokenizer):
    """A pretokenizer whose boundaries are those of its scanner, which must be there and leave nothing out."""

    @property
    @abstractmethod
    def scanner(self) -> Spans: ...

    def boundaries(self, documents: Ragged) -> Iterator[NDArray[np.int64]]:
        text = np.ascontiguousarray(documents.values)
        first, last = documents.offsets[[0, -1]].tolist()
        state = np.array([0, first], np.int64)
        buffer = np.empty(min(SLICE, last - first) + 1, np.int64)
        buffer[0] = first
        while n := scan(self.scanner, text, documents.offsets, state, buffer[1:]):
            yield buffer[: n + 1]
            buffer[0] = buffer[n]
