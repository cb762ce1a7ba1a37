"""`RegexPretokenizer`: a regular expression, run by the ``regex`` module."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import PatternError
from fasttok.core.parallel import end_if_stopped
from fasttok.core.ragged import Ragged
from fasttok.text.pretokenizers.scanners import NAMED
from fasttok.text.steps import SLICE, Pretokenizer


@dataclass(frozen=True)
class RegexPretokenizer(Pretokenizer):
    """Pretokenizer for a regular expression, with the syntax and Unicode tables of the ``regex`` module.

    The pretokens are the matches and the texts between matches, so no text is lost. The expression sees a
    byte 0xNN that is not UTF-8 as the code point U+DCNN.

    Parameters
    ----------
    pattern : str
        Regular expression.
    timeout : float
        Maximum time in seconds per document, plus the same time again per 10^8 code points. A backtracking
        expression can run practically forever, so a `PatternError` is raised if it takes longer.

    Raises
    ------
    PatternError
        If the expression does not compile.
    ImportError
        If the ``regex`` module is missing.
    """

    pattern: str
    timeout: float = field(default=60.0, compare=False)
    name = "regex"

    def __post_init__(self) -> None:
        _ = self._compiled  # raises errors in the expression now, not at first use

    @cached_property
    def _compiled(self) -> Any:
        try:
            import regex
        except ImportError as error:
            raise ImportError(
                "a regular expression as a pretokenizer needs the regex module: pip install regex. The named "
                f"pretokenizers do not need it: {', '.join(NAMED)}"
            ) from error
        try:
            return regex.compile(self.pattern)
        except regex.error as error:
            raise PatternError(f"pattern {self.pattern!r} does not compile: {error}") from None

    def __getstate__(self) -> dict[str, Any]:
        return {"pattern": self.pattern, "timeout": self.timeout}

    def boundaries(self, documents: Ragged) -> Iterator[NDArray[np.int64]]:
        parts, n = [documents.offsets[:1]], 0
        for row, start in enumerate(documents.offsets[:-1].tolist()):
            ends = self._document_ends(documents[row].tobytes(), row)[1:] + start
            parts.append(ends)
            n += len(ends)
            if n >= SLICE:
                yield (boundaries := np.concatenate(parts))
                parts, n = [boundaries[-1:]], 0
        if n:
            yield np.concatenate(parts)

    def _document_ends(self, document: bytes, row: int) -> NDArray[np.int64]:
        text = document.decode(errors="surrogateescape")
        ends = [0]
        try:
            matches = self._compiled.finditer(text, timeout=self.timeout * (1 + len(text) / 1e8))
            for n, match in enumerate(matches):
                if n % 4096 == 0:
                    end_if_stopped()
                start, end = match.span()
                if start > ends[-1]:
                    ends.append(start)
                if end > start:
                    ends.append(end)
        except TimeoutError:
            raise PatternError(
                f"pattern {self.pattern!r} exceeded its timeout of {self.timeout:g} s "
                f"after code point {ends[-1]}",
                row,
            ) from None
        if ends[-1] < len(text):
            ends.append(len(text))
        if len(text) == len(document):
            return np.array(ends, np.int64)
        code_points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
        positions = np.zeros(len(text) + 1, np.int64)
        np.cumsum(_utf8_lengths(code_points), out=positions[1:])
        return positions[ends]


def _utf8_lengths(code_points: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Return the number of bytes of each code point; 1 for an escaped byte (U+DC80 to U+DCFF)."""
    lengths = np.searchsorted(np.array([0x80, 0x800, 0x10000]), code_points, side="right") + 1
    lengths[(code_points >= 0xDC80) & (code_points <= 0xDCFF)] = 1
    return lengths
