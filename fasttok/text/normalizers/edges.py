"""Normalizers that see only the ends of a document: what stands there goes, or something comes before it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.text.cuts import REWRITING_CUTS, RewritingCuts
from fasttok.text.pretokenizers._words import strip
from fasttok.text.rewriting import Normalizer, Rewritten
from fasttok.text.unicode.utf8 import encode_utf8


@dataclass(frozen=True)
class Strip(Normalizer):
    r"""Drops white space at the ends of a document; special tokens in it count as text.

    Parameters
    ----------
    left, right : bool
        Whether it does so at the beginning, and at the end.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.Strip(right=False).normalize("\n two words ")
    'two words '
    """

    left: bool = True
    right: bool = True

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not isinstance(value, bool):
                raise TypeError(f"{name} must be True or False, not {value!r}")

    def rewrite(
        self,
        documents: Ragged,
        *,
        begins: NDArray[np.bool_] | None = None,
        ends: NDArray[np.bool_] | None = None,
        aligned: bool = False,
    ) -> Rewritten:
        text, n = np.ascontiguousarray(documents.values), len(documents)
        left, right = (
            np.full(n, asked) if where is None else where & asked
            for where, asked in ((begins, self.left), (ends, self.right))
        )
        kept = np.empty((n, 2), np.int64)
        strip(text, documents.offsets, left.view(np.uint8), right.view(np.uint8), kept)
        if np.array_equal(kept.ravel(), np.repeat(documents.offsets, 2)[1:-1]):
            return Rewritten.unchanged(documents, aligned)
        # Every other row: between two that are kept is what goes.
        stretches = Ragged(text, np.append(kept, len(text)))
        stripped = stretches.take(np.arange(0, 2 * n, 2))
        if not aligned:
            return Rewritten(stripped, None)
        shifts = np.repeat(kept[:, 0] - stripped.offsets[:-1], stripped.lengths)
        places = np.arange(len(stripped.values)) + shifts
        return Rewritten(stripped, np.stack([places, places + 1], axis=1))

    @property
    def cuts(self) -> RewritingCuts:
        return REWRITING_CUTS["strip"]

    def config(self) -> dict[str, Any]:
        """The name, and the sides that are not stripped."""
        return {"name": "strip"} | {name: value for name, value in asdict(self).items() if not value}


@dataclass(frozen=True)
class Prepend(Normalizer):
    """Writes a text before every document that is not empty, and does not begin with a special token.

    Parameters
    ----------
    text : str
        What it writes.

    Raises
    ------
    TextError
        If it holds a lone surrogate.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.Prepend("▁").normalize("word")
    '▁word'
    """

    text: str

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise TypeError(f"text must be a str, not {type(self.text).__name__}")
        encode_utf8(self.text)

    def rewrite(
        self,
        documents: Ragged,
        *,
        begins: NDArray[np.bool_] | None = None,
        ends: NDArray[np.bool_] | None = None,
        aligned: bool = False,
    ) -> Rewritten:
        is_first = documents.lengths > 0 if begins is None else begins & (documents.lengths > 0)
        prefix = np.frombuffer(self.text.encode(), np.uint8)
        starts = documents.offsets[:-1]
        offsets = lengths_to_offsets(documents.lengths + len(prefix) * is_first)
        # Where the bytes that came in are now: behind all prefixes so far.
        shifts = np.repeat(offsets[1:] - documents.offsets[1:], documents.lengths)
        first, last = documents.offsets[[0, -1]]
        places = np.arange(first, last) + shifts
        values = np.empty(offsets[-1], np.uint8)
        values[places] = documents.values[first:last]
        written = offsets[:-1][is_first][:, None] + np.arange(len(prefix))
        values[written] = prefix
        if not aligned:
            return Rewritten(Ragged(values, offsets), None)
        spans = np.empty((len(values), 2), np.int64)
        spans[places] = np.stack([np.arange(first, last), np.arange(first, last) + 1], axis=1)
        spans[written] = starts[is_first][:, None, None]
        return Rewritten(Ragged(values, offsets), spans)

    def config(self) -> dict[str, Any]:
        return {"name": "prepend", "text": self.text}
