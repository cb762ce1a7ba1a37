"""Normalizers for the ends of a document: `Strip` drops white space there, `Prepend` inserts a text."""

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
    r"""Normalizer that drops white space at the ends of a document.

    Parameters
    ----------
    left, right : bool
        Whether to drop white space at the beginning (`left`) and at the end (`right`).
    scope : {"document", "segment"}
        Text whose ends are stripped: "document" is a whole document, "segment" is the text between two added
        tokens, as in Hugging Face ``tokenizers``. With "document", white space next to an added token is
        kept.

    Raises
    ------
    TypeError
        If `left` or `right` is not a bool.
    ValueError
        If `scope` has another value.

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
        return rows.cut(kept, rows.boundary_flags, np.arange(len(rows)))

    @property
    def cuts(self) -> RewritingCuts:
        return REWRITING_CUTS["strip"]

    @property
    def looks_at_segments(self) -> bool:
        return self.scope == "segment"


@dataclass(frozen=True)
class Prepend(Normalizer):
    """Normalizer that inserts a text before every document.

    Empty documents stay empty. Nothing is inserted before an added token.

    Parameters
    ----------
    text : str
        Text to insert.
    scope : {"document", "segment"}
        Text before which to insert it: "document" is a whole document, "segment" is each non-empty text
        between two added tokens, as in Hugging Face ``tokenizers``.

    Raises
    ------
    TypeError
        If `text` is not a ``str``.
    TextError
        If `text` contains a lone surrogate.
    ValueError
        If `scope` has another value.

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
        # A byte of the input moves by the length of all prefixes inserted so far.
        shifts = np.repeat(offsets[1:] - documents.offsets[1:], documents.lengths)
        first, last = documents.offsets[[0, -1]]
        moved = np.arange(first, last) + shifts
        values = np.empty(offsets[-1], np.uint8)
        values[moved] = documents.values[first:last]
        inserted = offsets[:-1][is_first][:, None] + np.arange(len(prefix))
        values[inserted] = prefix
        if not rows.aligned:
            return rows.rewritten(Ragged(values, offsets), None)
        spans = np.empty((len(values), 2), np.int64)
        spans[moved] = np.stack([np.arange(first, last), np.arange(first, last) + 1], axis=1)
        spans[inserted] = starts[is_first][:, None, None]
        return rows.rewritten(Ragged(values, offsets), spans)

    @property
    def looks_at_segments(self) -> bool:
        return self.scope == "segment"
