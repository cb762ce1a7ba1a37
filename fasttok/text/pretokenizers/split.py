"""`Split`: a pattern at whose matches text is split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_choice, checked_flag, checked_text
from fasttok.core.ragged import Ragged
from fasttok.text._spans import Boundaries, Kept, Spans
from fasttok.text.cuts import Cuts
from fasttok.text.oniguruma import DIALECTS, CompiledPattern, compile_pattern
from fasttok.text.pretokenizers._class_scan import ClassScanner
from fasttok.text.pretokenizers._parts import cut_at_matches
from fasttok.text.pretokenizers.classes import BEHAVIORS, Behavior, find_cuts, make_table
from fasttok.text.pretokenizers.known_patterns import NOT_IN_TOKENIZERS, find_known
from fasttok.text.pretokenizers.scanners import PATTERNS, ScannerPretokenizer
from fasttok.text.steps import Pretokenizer, ScanningPretokenizer
from fasttok.text.unicode.versions import TOKENIZERS_VERSION

Dialect = Literal["regex", "oniguruma", "text"]
# Parts that become one with the part before them. The row is whether the part before is a match, the column
# whether the part is one.
_JOINS = {
    "removed": np.array([[0, 0], [0, 0]], np.uint8),
    "isolated": np.array([[0, 0], [0, 0]], np.uint8),
    "contiguous": np.array([[1, 0], [0, 1]], np.uint8),
    "merged_with_previous": np.array([[0, 1], [0, 0]], np.uint8),
    "merged_with_next": np.array([[0, 0], [1, 0]], np.uint8),
}


@dataclass(frozen=True)
class Split(Pretokenizer):
    r"""Pretokenizer that splits text at the matches of a pattern, like ``Split`` of Hugging Face
    ``tokenizers``.

    Parameters
    ----------
    pattern : str
        Text or regular expression.
    behavior : {"isolated", "removed", "contiguous", "merged_with_previous", "merged_with_next"}
        Treatment of a match. It becomes a pretoken ("isolated"), is dropped ("removed"), becomes one pretoken
        with the matches next to it ("contiguous"), or is joined to the text before it or after it.
    invert : bool
        Whether the text between the matches takes the place of the matches.
    dialect : {"regex", "oniguruma", "text"}
        Syntax of the pattern. "regex" is that of the ``regex`` module. "oniguruma" is that of ``tokenizers``,
        with its Unicode tables. "text" is a text to search for.

    Raises
    ------
    PatternError
        If the pattern does not compile, or has a construct that is not supported in the dialect.
    ImportError
        If the dialect is "regex" and the ``regex`` module is missing.
    TypeError, ValueError
        If an option has the wrong type or another value.

    Notes
    -----
    A known pattern of a model runs on its scanner, and a single character on a scanner of character classes.
    Other patterns run on a matcher of fasttok or, in the dialect "regex", on the ``regex`` module, which is
    up to a hundred times slower. A search that takes more than 60 s in a document, plus the same per 10^8
    bytes, ends with a `PatternError`.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.Split(r"\d", "merged_with_previous").split_text("a1b22")
    [b'a1', b'b2', b'2']
    >>> ft.Split(" ", "removed", dialect="text").split_text("two  words")
    [b'two', b'words']
    """

    pattern: str
    behavior: Behavior = "isolated"
    invert: bool = False
    dialect: Dialect = "regex"
    name = "split"
    needs_check = False

    def __post_init__(self) -> None:
        checked_text("pattern", self.pattern)
        checked_choice("behavior", self.behavior, *BEHAVIORS)
        checked_flag("invert", self.invert)
        checked_choice("dialect", self.dialect, *DIALECTS)
        _ = self._fast or self._compiled  # raises errors in the pattern now, not at first use

    @cached_property
    def _compiled(self) -> CompiledPattern:
        return compile_pattern(self.pattern, self.dialect)

    @cached_property
    def _fast(self) -> ScanningPretokenizer | _CharacterSplit | None:
        """The equivalent step that runs on a scanner; None if there is none."""
        if self.dialect == "text":
            return (
                _CharacterSplit(self.pattern, self.behavior, self.invert) if len(self.pattern) == 1 else None
            )
        known = find_known(self.pattern)
        is_theirs = self.dialect == "oniguruma"
        if known is None or (is_theirs and self.pattern in NOT_IN_TOKENIZERS):
            return None
        covers_text = self.pattern == PATTERNS.get(known) or known not in (
            "digits_single",
            "digits_threes_left",
        )
        if self.behavior == "isolated" or (self.behavior == "removed" and self.invert and covers_text):
            return ScannerPretokenizer(known, TOKENIZERS_VERSION if is_theirs else None)
        return None

    @property
    def is_partition(self) -> bool:
        return self.behavior != "removed" if self._fast is None else self._fast.is_partition

    @property
    def scanner(self) -> Spans | None:
        return None if self._fast is None else self._fast.scanner

    @property
    def cuts(self) -> Cuts:
        return super().cuts if self._fast is None else self._fast.cuts

    def boundaries(self, documents: Ragged) -> Iterator[NDArray[np.int64]]:
        if not self.is_partition:
            raise ValueError(f"{self} drops text between pretokens, so its pretokens have no boundaries")
        if self._fast is not None:
            yield from self._fast.boundaries(documents)
            return
        yield self._find(documents).boundaries

    def spans(self, documents: Ragged) -> Spans:
        if self._fast is not None:
            return self._fast.spans(documents)
        parts = self._find(documents)
        return (
            Boundaries(parts.boundaries) if self.is_partition else Kept(parts.boundaries, 1 - parts.is_match)
        )

    def _find(self, documents: Ragged) -> _Parts:
        """Split documents into parts: pretokens and dropped text."""
        matches = self._compiled.find(documents)
        parts = cut_at_matches(*matches, documents.offsets, self.invert, _JOINS[self.behavior])
        return _Parts(*parts)

    def __getstate__(self) -> dict[str, Any]:
        return asdict(self)


class _Parts(NamedTuple):
    """Boundaries of the parts of documents, int64[n + 1], and whether each part is a match, uint8[n]."""

    boundaries: NDArray[np.int64]
    is_match: NDArray[np.uint8]


@dataclass(frozen=True)
class _CharacterSplit(ScanningPretokenizer):
    """The fast form of `Split` at a single character."""

    character: str
    behavior: Behavior
    invert: bool
    name = "split"

    @property
    def is_partition(self) -> bool:
        return self.behavior != "removed"

    @cached_property
    def _table(self) -> NDArray[np.uint8]:
        matches = np.zeros(0x110000, np.bool_)
        matches[ord(self.character)] = True
        return make_table(matches, self.behavior, self.invert)

    @cached_property
    def scanner(self) -> Spans:  # type: ignore[override]
        return ClassScanner(self._table)

    @cached_property
    def cuts(self) -> Cuts:  # type: ignore[override]
        return find_cuts(self._table)
