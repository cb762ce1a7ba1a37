"""`Replace` and `RegexReplace`: replace a text, or the matches of a pattern, by another text."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_choice, checked_text, checked_timeout
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.text.normalizers._replace import replace_spans, replace_text
from fasttok.text.oniguruma import DIALECTS, CompiledPattern, compile_pattern
from fasttok.text.rows import Rows
from fasttok.text.steps import Normalizer
from fasttok.text.unicode.utf8 import byte_positions


@dataclass(frozen=True)
class Replace(Normalizer):
    """Normalizer that replaces every occurrence of a text, from left to right without overlaps.

    In offsets, a replacement has the span of the last character that it replaces, as in Hugging Face
    ``tokenizers``. If the replacement is empty, the removed text is in no span.

    Parameters
    ----------
    pattern : str
        Text to replace. It is not a regular expression; see `RegexReplace`. An empty text is found before and
        after every code point, except in an empty document.
    replacement : str
        Replacement.

    Raises
    ------
    TypeError
        If the pattern or the replacement is not a ``str``.
    ValueError
        If one of them contains a lone surrogate.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.Replace("--", "—").normalize("so --- well")
    'so —- well'
    """

    pattern: str
    replacement: str
    name = "replace"

    def __post_init__(self) -> None:
        checked_text("pattern", self.pattern)
        checked_text("replacement", self.replacement)

    def rewrite(self, rows: Rows) -> Rows:
        documents = rows.documents
        if not self.pattern:
            positions, bounds = _find_everywhere(documents)
            return _replaced(rows, positions, positions, bounds, self.replacement)
        pattern, new = (np.frombuffer(text.encode(), np.uint8) for text in (self.pattern, self.replacement))
        text = np.ascontiguousarray(documents.values)
        written = replace_text(text, documents.offsets, pattern, new, rows.aligned)
        if written is None:
            return rows
        values, offsets, spans = written
        return rows.rewritten(Ragged(values, offsets), spans)


@dataclass(frozen=True)
class RegexReplace(Normalizer):
    r"""Normalizer that replaces every match of a regular expression, from left to right without overlaps.

    The replacement is a literal text: groups of the expression cannot be referred to. The expression sees a
    byte 0xNN that is not UTF-8 as the code point U+DCNN. Empty documents stay empty. In offsets, a
    replacement has the span of the last character of its match or, if the match is empty, of the character
    before it, as in Hugging Face ``tokenizers``.

    Parameters
    ----------
    pattern : str
        Regular expression.
    replacement : str
        Replacement.
    dialect : {"regex", "oniguruma", "text"}
        "regex": the syntax and the Unicode tables of the ``regex`` module. "oniguruma": those of
        ``tokenizers`` 0.23. "text": `pattern` is a text; `Replace` does the same faster.
    timeout : float
        Maximum time in seconds per document, plus the same time again per 10^8 bytes. A backtracking
        expression can run practically forever, so a `PatternError` is raised if it takes longer.

    Raises
    ------
    TypeError
        If the pattern or the replacement is not a ``str``.
    ValueError
        If one of them contains a lone surrogate, or the dialect is unknown.
    PatternError
        If the expression does not compile, or has a construct that is not supported.
    ImportError
        If the dialect is "regex" and the ``regex`` module is missing.

    Notes
    -----
    The dialects "oniguruma" and "text" run on a matcher of fasttok, which is up to a hundred times as fast as
    the ``regex`` module.

    If an empty match at the start of a text is replaced and other normalizers follow, ``tokenizers`` 0.23
    fails or repeats the replacement. fasttok does neither.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.RegexReplace(r" {2,}", " ").normalize("so    well")
    'so well'
    """

    pattern: str
    replacement: str
    dialect: str = "regex"
    timeout: float = field(default=60.0, compare=False)
    name = "regex_replace"

    def __post_init__(self) -> None:
        checked_choice("dialect", self.dialect, *DIALECTS)
        checked_text("pattern", self.pattern)
        checked_text("replacement", self.replacement)
        object.__setattr__(self, "timeout", checked_timeout(self.timeout))
        _ = self._compiled  # raises errors in the expression now, not at first use

    @cached_property
    def _compiled(self) -> CompiledPattern:
        return compile_pattern(self.pattern, self.dialect)

    def __getstate__(self) -> dict[str, Any]:
        return asdict(self)

    def rewrite(self, rows: Rows) -> Rows:
        matches = self._compiled.find(rows.documents, self.timeout)
        return _replaced(rows, *matches, self.replacement)


def _replaced(
    rows: Rows,
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    bounds: NDArray[np.int64],
    replacement: str,
) -> Rows:
    """Return rows with spans replaced. Row i has the spans bounds[i] to bounds[i + 1] - 1."""
    if not len(starts):
        return rows
    text = np.ascontiguousarray(rows.documents.values)
    new = np.frombuffer(replacement.encode(), np.uint8)
    written = replace_spans(text, rows.documents.offsets, starts, ends, bounds, new, rows.aligned)
    values, offsets, spans = written
    return rows.rewritten(Ragged(values, offsets), spans)


def _find_everywhere(documents: Ragged) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the positions before and after every code point, and the index of the first one of each row."""
    found, counts = [np.empty(0, np.int64)], np.zeros(len(documents), np.int64)
    for row, start in enumerate(documents.offsets[:-1].tolist()):
        if document := documents[row].tobytes():
            positions = byte_positions(document.decode(errors="surrogateescape"))
            found.append(positions + start)
            counts[row] = len(positions)
    return np.concatenate(found), lengths_to_offsets(counts)
