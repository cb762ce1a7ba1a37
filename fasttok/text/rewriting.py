"""`Normalizer`: what everything that rewrites raw text is, and what it gives.

A normalizer gives text for text, and for every byte that comes out the stretch of the text that came in it
was made of; so a token can be found again in the original.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged
from fasttok.text.cuts import REWRITES_ANYTHING, RewritingCuts
from fasttok.text.unicode.utf8 import encode_utf8


@dataclass(frozen=True, eq=False)
class Rewritten:
    """Documents that were rewritten, and where what they are made of came from.

    Parameters
    ----------
    documents : Ragged of uint8
        The text that came out, a row a document as it came in.
    spans : ndarray of int64, shape (n, 2), or None
        For each of the `n` bytes of the values that came out, the stretch of the values that came in that it
        was made of: where it begins and ends. Neither column decreases. What stands from byte ``a`` to byte
        ``b``, which is behind ``a``, was made of what stands from ``spans[a, 0]`` to ``spans[b - 1, 1]``. A
        byte that was made of nothing has an empty stretch at the place where it stands. None unless it was
        asked for.
    """

    documents: Ragged
    spans: NDArray[np.int64] | None

    @classmethod
    def unchanged(cls, documents: Ragged, aligned: bool) -> Rewritten:
        """Documents that stay as they are."""
        places = np.arange(len(documents.values) if aligned else 0)
        return cls(documents, np.stack([places, places + 1], axis=1) if aligned else None)

    @classmethod
    def from_origins(cls, documents: Ragged, origins: NDArray[np.int64] | None) -> Rewritten:
        """Documents of which each byte goes on to where the next begins; `origins` has their end as well.

        So what is dropped belongs to what stands before it; at the start of a document, to the one before.
        """
        return cls(documents, None if origins is None else np.stack([origins[:-1], origins[1:]], axis=1))

    def then(self, next_: Rewritten) -> Rewritten:
        """What this rewriting and one of its documents are together. O(n)."""
        if self.spans is None or next_.spans is None:
            return Rewritten(next_.documents, None)
        starts, ends = next_.spans.T
        made_of = self.spans if len(self.spans) else np.zeros((1, 2), np.int64)
        first = made_of[np.minimum(starts, len(made_of) - 1), 0]
        last = np.where(ends > 0, made_of[ends - 1, 1], 0)
        # What is made of nothing stands before what is behind it, or, at the end of its document, behind what
        # is before it; between two that were made of the same, it was made of that.
        for_nothing = np.flatnonzero(starts == ends)
        rows = np.searchsorted(next_.documents.offsets, for_nothing, side="right") - 1
        is_last = starts[for_nothing] == self.documents.offsets[rows + 1]
        first[for_nothing] = np.where(is_last, last[for_nothing], first[for_nothing])
        last[for_nothing] = np.maximum(first[for_nothing], last[for_nothing])
        return Rewritten(next_.documents, np.stack([first, last], axis=1))


class Normalizer(ABC):
    """Rewrites text. Immutable; safe to share between threads."""

    @abstractmethod
    def rewrite(
        self,
        documents: Ragged,
        *,
        begins: NDArray[np.bool_] | None = None,
        ends: NDArray[np.bool_] | None = None,
        aligned: bool = False,
    ) -> Rewritten:
        """Rewrite a batch of documents, each on its own.

        Parameters
        ----------
        documents : Ragged of uint8
            UTF-8 text, a row a document or part of one.
        begins, ends : ndarray of bool, shape (k,), optional
            Whether each row is the beginning, and the end, of its document; without them each is both.
        aligned : bool
            Whether to say where each byte came from, which takes 16 bytes more a byte.
        """

    @property
    def cuts(self) -> RewritingCuts:
        """Where text may be cut so that its parts can be rewritten apart; see `fasttok.text.cuts`."""
        return REWRITES_ANYTHING

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """What `get_normalizer` takes to make this normalizer again; plain JSON."""

    def normalize(self, text: str | bytes) -> str | bytes:
        """Rewrite one text, for looking at; a ``str`` gives a ``str``, bytes give bytes.

        Raises
        ------
        TextError
            If a ``str`` holds a lone surrogate.
        """
        out = self.rewrite(Ragged.from_bytes([encode_utf8(text)])).documents.values.tobytes()
        return out.decode() if isinstance(text, str) else out
