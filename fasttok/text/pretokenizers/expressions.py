"""`Regex`: a pretokenizer that is a regular expression, run by the ``regex`` module."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_timeout, checked_word
from fasttok.core.errors import PatternError
from fasttok.core.ragged import Ragged
from fasttok.text.oniguruma import CompiledPattern, compile_pattern
from fasttok.text.pretokenizers.scanners import NAMED
from fasttok.text.steps import SLICE, Pretokenizer


@dataclass(frozen=True)
class Regex(Pretokenizer):
    r"""Pretokenizer for a regular expression, with the syntax and Unicode tables of the ``regex`` module.

    The pretokens are the matches and the texts between matches, so no text is lost. The expression sees a
    byte 0xNN that is not UTF-8 as the code point U+DCNN. `Split` has more options.

    Parameters
    ----------
    pattern : str
        Regular expression.
    timeout : float
        Maximum time in seconds per document, plus the same time again per 10^8 bytes. A backtracking
        expression can run practically forever, so a `PatternError` is raised if it takes longer.

    Raises
    ------
    PatternError
        If the expression does not compile.
    ImportError
        If the ``regex`` module is missing.
    TypeError, ValueError
        If `pattern` is not a ``str`` or empty, or `timeout` is not a number above 0.

    Notes
    -----
    The time depends on the expression. The named pretokenizers of `get_pretokenizer` do not use the ``regex``
    module and are up to a hundred times faster; the same patterns given as a ``str`` are recognized.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.Regex(r"\d|\D+").split_text("ab12")
    [b'ab', b'1', b'2']
    >>> corpus = ft.Corpus.from_texts(["to be or not to be"])
    >>> ft.count_pretokens(corpus, ft.Regex("be")).most_common(1)
    [(b'be', 2)]
    """

    pattern: str
    timeout: float = field(default=60.0, compare=False)
    name = "regex"

    def __post_init__(self) -> None:
        checked_word("pattern", self.pattern)
        object.__setattr__(self, "timeout", checked_timeout(self.timeout))
        _ = self._compiled  # raises errors in the expression now, not at first use

    @cached_property
    def _compiled(self) -> CompiledPattern:
        try:
            return compile_pattern(self.pattern, "regex")
        except ImportError as error:
            names = ", ".join(NAMED)
            raise ImportError(f"{error}. The named pretokenizers do not need it: {names}") from error

    def __getstate__(self) -> dict[str, Any]:
        return {"pattern": self.pattern, "timeout": self.timeout}

    def boundaries(self, documents: Ragged) -> Iterator[NDArray[np.int64]]:
        parts, n = [documents.offsets[:1]], 0
        for row in range(len(documents)):
            ends = self._document_ends(documents, row)
            parts.append(ends)
            n += len(ends)
            if n >= SLICE:
                yield (boundaries := np.concatenate(parts))
                parts, n = [boundaries[-1:]], 0
        if n:
            yield np.concatenate(parts)

    def _document_ends(self, documents: Ragged, row: int) -> NDArray[np.int64]:
        start, end = documents.offsets[row : row + 2].tolist()
        try:
            matches = self._compiled.find(documents[row : row + 1], self.timeout)
        except PatternError as error:
            raise error.at(row, 0) from None
        ends = np.unique(np.concatenate([matches.starts, matches.ends, [0, end - start]]))
        return ends[1:] + np.int64(start)
