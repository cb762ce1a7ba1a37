"""Pretokenizers: where text may be cut before a model sees it.

Every step here is a partition: it only cuts, and the pieces joined are the text. The named patterns run
on hand-written scanners (`_scan.pyx`); any other regular expression runs on the ``regex`` module.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.errors import PatternError
from fasttok.parallel import end_if_stopped
from fasttok.ragged import Ragged
from fasttok.text import _scan

# The expressions that the scanners reproduce, each as its users write it today: GPT-2's as in the
# original release, cl100k's as in tiktoken 0.14 (where white space that ends a text is one pretoken).
# \Z is the end of the text, which Rust and Oniguruma write as $ or \z.
PATTERNS: dict[str, str] = {
    "gpt2": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "cl100k": (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s+\Z|\s*[\r\n]|\s+(?!\S)|\s"
    ),
    "llama3": (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
    "qwen2": (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
    "o200k": (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
    "whitespace": r" ?\S+|\s+(?!\S)|\s+",
    "none": r"(?s:.+)",
}
SLICE = 1 << 16  # pretokens a slice of boundaries holds: half a megabyte, which stays in cache


class Pretokenizer(ABC):
    """Cuts text into pretokens. Immutable; safe to share between threads."""

    is_partition = True

    @abstractmethod
    def boundaries(self, documents: Ragged) -> Iterator[NDArray[np.int64]]:
        """Yield the boundaries of the pretokens of a batch, slice by slice.

        Parameters
        ----------
        documents : Ragged of uint8
            UTF-8 text, a row a document. No pretoken reaches across documents; an empty document has
            no pretokens.

        Yields
        ------
        ndarray of int64, shape (k + 1,)
            Positions in ``documents.values``: pretoken ``i`` lies between entries ``i`` and ``i + 1``.
            The last entry of a slice is the first of the next. The array is only valid until the next
            one is asked for.
        """

    @abstractmethod
    def find_cut(self, text: NDArray[np.uint8]) -> int:
        """The last position at which cutting the text changes no pretoken on either side; 0 if none."""

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """What `get_pretokenizer` takes to make this pretokenizer again; plain JSON."""

    def split(self, documents: Ragged) -> NDArray[np.int64]:
        """Give all boundaries of a batch at once: int64, one more than there are pretokens.

        Examples
        --------
        >>> import fasttok as ft
        >>> text = ft.Ragged.from_bytes([b"Hello world", b"it's"])
        >>> ft.get_pretokenizer("gpt2").split(text).tolist()
        [0, 5, 11, 13, 15]
        """
        slices = [part[1:].copy() for part in self.boundaries(documents)]
        return np.concatenate([documents.offsets[:1], *slices])

    def split_text(self, text: str | bytes) -> list[bytes]:
        """The pretokens of one text as byte strings, for looking at.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.get_pretokenizer("cl100k").split_text("I'm 12345!")
        [b'I', b"'m", b' ', b'123', b'45', b'!']
        """
        data = text if isinstance(text, bytes) else text.encode()
        documents = Ragged.from_bytes([data])
        return Ragged(documents.values, self.split(documents)).to_bytes()


@dataclass(frozen=True)
class ScannerPretokenizer(Pretokenizer):
    """A named pattern on its hand-written scanner. O(n); needs no regular expression engine."""

    name: str

    @property
    def pattern(self) -> str:
        """The regular expression that the scanner reproduces, in the syntax of the ``regex`` module."""
        return PATTERNS[self.name]

    def boundaries(self, documents: Ragged) -> Iterator[NDArray[np.int64]]:
        text = np.ascontiguousarray(documents.values)
        kind = _scan.PATTERNS[self.name]
        state = np.array([0, documents.offsets[0]], np.int64)
        buffer = np.empty(min(SLICE, len(text)) + 1, np.int64)
        buffer[0] = documents.offsets[0]
        while n := _scan.scan(kind, text, documents.offsets, state, buffer[1:]):
            yield buffer[: n + 1]
            buffer[0] = buffer[n]

    def find_cut(self, text: NDArray[np.uint8]) -> int:
        return 0 if self.name == "none" else int(_scan.find_cut(text))

    def config(self) -> dict[str, Any]:
        return {"name": self.name}


@dataclass(frozen=True)
class RegexPretokenizer(Pretokenizer):
    """Any regular expression, in the syntax and with the Unicode tables of the ``regex`` module.

    Pretokens are the matches and, so that nothing is lost, the stretches between them. A byte that is
    not UTF-8 is seen as one code point, U+DC80 to U+DCFF.

    Parameters
    ----------
    pattern : str
        The expression.
    timeout : float
        The time in seconds a document may take, and as much again for every 100 MB of it, before
        `PatternError` is raised; for an expression that backtracks can take forever.
    """

    pattern: str
    timeout: float = field(default=60.0, compare=False)

    def __post_init__(self) -> None:
        _ = self._compiled  # an expression that does not compile is an error here, not later

    @cached_property
    def _compiled(self) -> Any:
        try:
            import regex
        except ImportError as error:
            raise ImportError(
                "a pretokenizer from a regular expression needs the regex module (pip install regex); "
                f"the named ones do not: {', '.join(PATTERNS)}"
            ) from error
        try:
            return regex.compile(self.pattern)
        except regex.error as error:
            raise PatternError(f"pattern {self.pattern!r} does not compile: {error}") from None

    def __getstate__(self) -> dict[str, Any]:
        return {"pattern": self.pattern, "timeout": self.timeout}

    def boundaries(self, documents: Ragged) -> Iterator[NDArray[np.int64]]:
        for row in range(len(documents)):
            ends = self._document_ends(documents[row].tobytes(), row)
            if len(ends) > 1:
                yield ends + documents.offsets[row]

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
                f"pattern {self.pattern!r} ran longer than {self.timeout:g} s behind code point {ends[-1]}",
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

    def find_cut(self, text: NDArray[np.uint8]) -> int:
        return 0

    def config(self) -> dict[str, Any]:
        return {"name": "regex", "pattern": self.pattern}


def _utf8_lengths(code_points: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Bytes of each code point, one for an escaped byte (U+DC80 to U+DCFF)."""
    lengths = np.searchsorted(np.array([0x80, 0x800, 0x10000]), code_points, side="right") + 1
    lengths[(code_points >= 0xDC80) & (code_points <= 0xDCFF)] = 1
    return lengths


def get_pretokenizer(pretokenizer: str | dict[str, Any] | Pretokenizer) -> Pretokenizer:
    r"""Make a pretokenizer from a name, a regular expression or a configuration.

    Parameters
    ----------
    pretokenizer : str, dict or Pretokenizer
        "gpt2", "cl100k", "llama3", "qwen2", "o200k", "whitespace" (words with the one space before
        them) or "none" (a document is one pretoken); any other string is a regular expression for the
        ``regex`` module. A dict is what `Pretokenizer.config` gave.

    Raises
    ------
    PatternError
        If the expression does not compile.
    ImportError
        If an expression is given and the ``regex`` module is missing.

    Notes
    -----
    The GPT-2 pattern is from Radford et al. (2019), section 2.2, as released with the model; cl100k and
    o200k are tiktoken's; llama3 and qwen2 those of the models' tokenizer files.

    Examples
    --------
    >>> get_pretokenizer("gpt2")
    ScannerPretokenizer(name='gpt2')
    >>> get_pretokenizer(r"\d|\D+").split_text("ab12")
    [b'ab', b'1', b'2']
    """
    if isinstance(pretokenizer, Pretokenizer):
        return pretokenizer
    if isinstance(pretokenizer, str):
        if pretokenizer in PATTERNS:
            return ScannerPretokenizer(pretokenizer)
        if not pretokenizer:
            raise ValueError('a pretokenizer must not be empty; for none at all give "none"')
        if pretokenizer.isidentifier():  # no expression anybody means looks like a name
            raise ValueError(
                f"no pretokenizer is named {pretokenizer!r}; the names are {', '.join(PATTERNS)}, and any "
                "other string is read as a regular expression"
            )
        return RegexPretokenizer(pretokenizer)
    if not isinstance(pretokenizer, dict):
        raise TypeError(f"a pretokenizer must be a name or a pattern, not {type(pretokenizer).__name__}")
    name = pretokenizer.get("name")
    if name in PATTERNS and pretokenizer.keys() == {"name"}:
        return ScannerPretokenizer(name)
    if name == "regex" and pretokenizer.keys() == {"name", "pattern"}:
        return RegexPretokenizer(pretokenizer["pattern"])
    raise ValueError(f"not the configuration of a pretokenizer: {pretokenizer!r}")
