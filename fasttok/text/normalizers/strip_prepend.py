"""Normalizers for the ends of a document: `Strip` drops white space there, `Prepend` inserts a text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_choice, checked_flag, describe_type
from fasttok.core.ragged import Ragged
from fasttok.text.cuts import REWRITING_CUTS, RewritingCuts
from fasttok.text.normalizers._prepend import prepend
from fasttok.text.pretokenizers._words import strip
from fasttok.text.rows import SCOPES, Rows, Scope, ScopeOfBeginning
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
        return rows.cut(kept, rows.boundary_flags, None)

    @property
    def cuts(self) -> RewritingCuts:
        return REWRITING_CUTS["strip"]

    @property
    def looks_at_segments(self) -> bool:
        return self.scope == "segment"


@dataclass(frozen=True)
class Prepend(Normalizer):
    """Normalizer that inserts a text before every document.

    Empty documents stay empty. Nothing is inserted before an added token. In offsets, the inserted text has
    the position of the character before which it is inserted, as in Hugging Face ``tokenizers``.

    Parameters
    ----------
    text : str
        Text to insert.
    scope : {"document", "segment", "start"}
        Text before which to insert it: "document" is a whole document, "segment" is each non-empty text
        between two added tokens, as in Hugging Face ``tokenizers``. "start" is text that begins at the first
        character of the raw document, for steps of pretokenizers: "document" is every pretoken there.
    unless_present : bool
        Whether to insert nothing before text that begins with `text` already.

    Raises
    ------
    TypeError
        If `text` is not a ``str``, or `unless_present` is not a bool.
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
    scope: ScopeOfBeginning = "document"
    unless_present: bool = False
    name = "prepend"

    def __post_init__(self) -> None:
        checked_choice("scope", self.scope, *SCOPES, "start")
        checked_flag("unless_present", self.unless_present)
        if not isinstance(self.text, str):
            raise TypeError(f"text must be a str, not {describe_type(self.text)}")
        encode_utf8(self.text)

    def rewrite(self, rows: Rows) -> Rows:
        documents = rows.documents
        text = np.ascontiguousarray(documents.values)
        prefix = np.frombuffer(self.text.encode(), np.uint8)
        is_first = rows.begins(self.scope) & (documents.lengths > 0)
        if self.unless_present:
            for present in self._present:
                is_first &= ~_begin_with(text, documents, np.frombuffer(present.encode(), np.uint8))
        if not is_first.any():
            return rows
        values, offsets, spans = prepend(
            text, documents.offsets, is_first.view(np.uint8), prefix, rows.aligned
        )
        return rows.rewritten(Ragged(values, offsets), spans)

    @property
    def _present(self) -> tuple[str, ...]:
        """Beginnings of text before which nothing is inserted if `unless_present`."""
        return (self.text,)

    @property
    def looks_at_segments(self) -> bool:
        return self.scope == "segment"

    @property
    def looks_at_raw_start(self) -> bool:
        return self.scope == "start"


def _begin_with(text: NDArray[np.uint8], documents: Ragged, prefix: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return whether each row begins with the prefix."""
    found = documents.lengths >= len(prefix)
    starts = documents.offsets[:-1][found]
    for i, byte in enumerate(prefix):
        same = text[starts + i] == byte
        found[found] = same
        starts = starts[same]
    return found
