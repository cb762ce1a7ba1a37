r"""`compile_pattern`: patterns in several dialects, and the matches that a dialect's library finds.

Patterns of the dialects "oniguruma" and "text" run on a matcher, ``_matcher``, that reads UTF-8 without the
interpreter lock. Those of the dialect "regex" run on the ``regex`` module.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import PatternError
from fasttok.core.parallel import end_if_stopped
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.text._matcher import Matcher
from fasttok.text.oniguruma_program import Program, write_program
from fasttok.text.oniguruma_syntax import Node, OneOf, Sequence, parse
from fasttok.text.unicode import code_point_sets as sets
from fasttok.text.unicode.utf8 import byte_positions

DIALECTS = ("regex", "oniguruma", "text")
TIMEOUT = 60.0  # seconds per text, plus the same per 10^8 bytes
_TOO_LONG = 1  # reason to stop, as in _matcher.pyx


class Matches(NamedTuple):
    """Matches in rows of text, including empty ones, in ascending order.

    Attributes
    ----------
    starts, ends : ndarray of int64, shape (k,)
        Begin and end of each match, in the values of the rows.
    bounds : ndarray of int64, shape (n_rows + 1,)
        Index of the first match of each row, followed by k.
    """

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    bounds: NDArray[np.int64]


class CompiledPattern(ABC):
    """Base class of patterns. Immutable; safe to share between threads.

    Attributes
    ----------
    pattern : str
        The pattern as it was given.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern

    @abstractmethod
    def find(self, rows: Ragged, timeout: float = TIMEOUT) -> Matches:
        """Find all matches in rows of text. An empty row has none.

        Parameters
        ----------
        rows : Ragged of uint8
            UTF-8 text. The pattern sees a byte 0xNN that is not UTF-8 as the code point U+DCNN.
        timeout : float
            Maximum time in seconds per row, plus the same time again per 10^8 bytes.

        Raises
        ------
        PatternError
            If the search in a row exceeds its timeout, or needs too much memory.
        """


def compile_pattern(pattern: str, dialect: str) -> CompiledPattern:
    r"""Compile a pattern.

    Parameters
    ----------
    pattern : str
        Pattern.
    dialect : {"regex", "oniguruma", "text"}
        - "regex": a regular expression with the syntax and the Unicode tables of the ``regex`` module.
        - "oniguruma": a regular expression with the syntax and the Unicode tables of the engine of Hugging
          Face ``tokenizers`` 0.23. As there, an empty match right after another match is skipped, and nothing
          matches in an empty text.
        - "text": a text to search for. An empty text matches next to every code point of a text that is not
          empty.

    Raises
    ------
    PatternError
        If the pattern does not compile, or has a construct that is not supported.
    ImportError
        If the dialect is "regex" and the ``regex`` module is missing.

    Examples
    --------
    >>> from fasttok import Ragged
    >>> compile_pattern(r"\h+", "oniguruma").find(Ragged.from_bytes([b"12 gaff"])).starts.tolist()
    [0, 4]
    >>> compile_pattern(r"(?~a)", "oniguruma")
    Traceback (most recent call last):
    fasttok.core.errors.PatternError: pattern '(?~a)' is not supported in the dialect of Oniguruma: a group
    that is not supported at position 0
    """
    if dialect == "regex":
        return _Expression(pattern)
    try:
        if dialect == "text":
            tree: Node = Sequence(tuple(OneOf(sets.interval(ord(c), ord(c))) for c in pattern))
        else:
            tree = parse(pattern)
        return _Machine(pattern, write_program(tree, pattern))
    except RecursionError:
        raise PatternError(f"pattern {pattern!r} is not supported: it is nested too deeply") from None


class _Machine(CompiledPattern):
    """Expression or text that runs on the matcher."""

    def __init__(self, pattern: str, program: Program) -> None:
        super().__init__(pattern)
        self._program = program

    def find(self, rows: Ragged, timeout: float = TIMEOUT) -> Matches:
        text = np.ascontiguousarray(rows.values)
        (starts, ends), bounds, reason = Matcher(*self._program).find(text, rows.offsets, timeout)
        if reason:
            row = len(bounds) - 1
            last = int(ends[-1] - rows.offsets[row]) if len(ends) > bounds[-1] else 0
            n = len(rows[row][:last].tobytes().decode(errors="surrogateescape"))
            what = _too_long(timeout) if reason == _TOO_LONG else "needs too much memory for backtracking"
            raise PatternError(f"pattern {self.pattern!r} {what} after code point {n}", row)
        return Matches(starts, ends, bounds)


class _Expression(CompiledPattern):
    """Regular expression that runs on the ``regex`` module."""

    def __init__(self, pattern: str) -> None:
        super().__init__(pattern)
        self._compiled = _compile(pattern)

    def find(self, rows: Ragged, timeout: float = TIMEOUT) -> Matches:
        found, counts = [np.empty((0, 2), np.int64)], np.zeros(len(rows), np.int64)
        for row, start in enumerate(rows.offsets[:-1].tolist()):
            data = rows[row].tobytes()
            if not data:
                continue
            text = data.decode(errors="surrogateescape")
            try:
                spans = np.array(self._find_spans(text, timeout), np.int64).reshape(-1, 2)
            except PatternError as error:
                raise error.at(row, 0) from None
            found.append(start + (spans if len(text) == len(data) else byte_positions(text)[spans]))
            counts[row] = len(spans)
        starts, ends = np.ascontiguousarray(np.concatenate(found).T)
        return Matches(starts, ends, lengths_to_offsets(counts))

    def _find_spans(self, text: str, timeout: float) -> list[tuple[int, int]]:
        """Return the spans of the matches in a text, in code points."""
        spans: list[tuple[int, int]] = []
        try:
            for match in self._compiled.finditer(text, timeout=timeout * (1 + len(text) / 1e8)):
                if len(spans) % 4096 == 0:
                    end_if_stopped()
                spans.append(match.span())
        except TimeoutError:
            n = spans[-1][1] if spans else 0
            raise PatternError(
                f"pattern {self.pattern!r} {_too_long(timeout)} after code point {n}"
            ) from None
        return spans


def _too_long(timeout: float) -> str:
    return f"exceeded its timeout of {timeout:g} s"


def _compile(pattern: str) -> Any:
    try:
        import regex
    except ImportError as error:
        raise ImportError("a regular expression needs the regex module: pip install regex") from error
    try:
        return regex.compile(pattern)
    except regex.error as error:
        raise PatternError(f"pattern {pattern!r} does not compile: {error}") from None
