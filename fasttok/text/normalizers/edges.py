"""Normalizers that see only the ends of a document: what stands there goes, or something comes before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fasttok.core.checks import checked_choice, checked_flag
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.text.cuts import REWRITING_CUTS, RewritingCuts
from fasttok.text.pretokenizers._words import strip
from fasttok.text.rows import SCOPES, Rows, Scope
from fasttok.text.steps import Normalizer
from fasttok.text.unicode.utf8 import encode_utf8


@dataclass(frozen=True)
class Strip(Normalizer):
    r"""Drops white space at the ends of a document; special tokens in it count as text.

    Parameters
    ----------
    left, right : bool
        Whether it does so at the beginning, and at the end.
    scope : {"document", "segment"}
        Whether the ends are those of a document, or of every stretch of it between two added tokens, as in
        tokenizers.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.Strip(right=False).normalize("\n two words ")
    'two words '
    """

    left: bool = True
    right: bool = True
    scope: Scope = "document"
    name = "strip"

    def __post_init__(self) -> None:
        checked_choice("scope", self.scope, *SCOPES)
        for name in ("left", "right"):
            checked_flag(name, getattr(self, name))

    def rewrite(self, rows: Rows) -> Rows:
        documents = rows.documents
        left, right = rows.begins(self.scope) & self.left, rows.ends(self.scope) & self.right
        kept = np.empty((len(rows), 2), np.int64)
        text = np.ascontiguousarray(documents.values)
        strip(text, documents.offsets, left.view(np.uint8), right.view(np.uint8), kept)
        if np.array_equal(kept.ravel(), np.repeat(documents.offsets, 2)[1:-1]):
            return rows
        return rows.cut(kept, rows.edges, np.arange(len(rows)))

    @property
    def cuts(self) -> RewritingCuts:
        return REWRITING_CUTS["strip"]

    @property
    def looks_at_segments(self) -> bool:
        return self.scope == "segment"


@dataclass(frozen=True)
class Prepend(Normalizer):
    """Writes a text before every document that is not empty, and does not begin with a special token.

    Parameters
    ----------
    text : str
        What it writes.
    scope : {"document", "segment"}
        Whether it is written before a document, or before every stretch of it between two added tokens, as in
        tokenizers.

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
    scope: Scope = "document"
    name = "prepend"

    def __post_init__(self) -> None:
        checked_choice("scope", self.scope, *SCOPES)
        if not isinstance(self.text, str):
            raise TypeError(f"text must be a str, not {type(self.text).__name__}")
        encode_utf8(self.text)

    def rewrite(self, rows: Rows) -> Rows:
        documents = rows.documents
        is_first = rows.begins(self.scope) & (documents.lengths > 0)
        prefix = np.frombuffer(self.text.encode(), np.uint8)
        starts = documents.offsets[:-1]
        offsets = lengths_to_offsets(documents.lengths + len(prefix) * is_first)
        # Where the bytes that came in are now: after all prefixes so far.
        shifts = np.repeat(offsets[1:] - documents.offsets[1:], documents.lengths)
        first, last = documents.offsets[[0, -1]]
        places = np.arange(first, last) + shifts
        values = np.empty(offsets[-1], np.uint8)
        values[places] = documents.values[first:last]
        written = offsets[:-1][is_first][:, None] + np.arange(len(prefix))
        values[written] = prefix
        if not rows.aligned:
            return rows.rewritten(Ragged(values, offsets), None)
        spans = np.empty((len(values), 2), np.int64)
        spans[places] = np.stack([np.arange(first, last), np.arange(first, last) + 1], axis=1)
        spans[written] = starts[is_first][:, None, None]
        return rows.rewritten(Ragged(values, offsets), spans)

    @property
    def looks_at_segments(self) -> bool:
        return self.scope == "segment"
