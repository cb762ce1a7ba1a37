"""Pretokenizers with hand-written scanners: named patterns and runs of one script."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged
from fasttok.text._spans import Spans
from fasttok.text.cuts import CUTS, Cuts, without_classes
from fasttok.text.pretokenizers._scan import Scanner
from fasttok.text.pretokenizers._script import ScriptScanner
from fasttok.text.pretokenizers._words import WordScanner
from fasttok.text.steps import ScanningPretokenizer
from fasttok.text.unicode.classes import find_classes, find_word_classes
from fasttok.text.unicode.versions import checked_version

# The regular expressions of the scanners that keep all text. Every match is a pretoken, and the matches
# cover the text. The spelling of cl100k is that of tiktoken 0.14, in which white space at the end of a text
# is one pretoken. \Z is the end of the text; Rust and Oniguruma spell it $ or \z.
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
    "punctuation": r"\s+|[!-/:-@\[-`{-~\p{P}]|[^\s!-/:-@\[-`{-~\p{P}]+",
    "digits_single": r"\p{N}|\P{N}+",
    "digits_threes_left": r"\p{N}{1,3}|\P{N}+",
    "digits_threes_right": r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))|\P{N}+",
    "none": r"(?s:.+)",
}
# The regular expressions of the scanners that drop the text between matches.
DROPPING: dict[str, str] = {
    "bert": r"[!-/:-@\[-`{-~\p{P}]|[^\s!-/:-@\[-`{-~\p{P}]+",
    "whitespace_split": r"\S+",
}
NAMED = PATTERNS | DROPPING


@dataclass(frozen=True)
class ScannerPretokenizer(ScanningPretokenizer):
    """Pretokenizer for a named pattern, on a hand-written scanner. O(n).

    It needs no regular expression engine. `fasttok.get_pretokenizer` lists the names.

    Parameters
    ----------
    name : str
        Name of the pattern.
    unicode : {None, "tokenizers-0.23"}
        Version of Unicode's tables. None is Unicode 17. "tokenizers-0.23" is the version of Hugging Face
        ``tokenizers`` 0.23.
    """

    name: str
    unicode: str | None = None

    def __post_init__(self) -> None:
        checked_version(self.unicode)
        object.__setattr__(self, "name", str.__str__(self.name))  # kernels take no class derived from str

    @property
    def pattern(self) -> str:
        """The equivalent regular expression, in the syntax of the ``regex`` module."""
        return NAMED[self.name]

    @property
    def is_partition(self) -> bool:
        return self.name in PATTERNS

    @property
    def cuts(self) -> Cuts:
        return CUTS[self.name] if self.unicode is None else without_classes(self.name)

    def boundaries(self, documents: Ragged) -> Iterator[NDArray[np.int64]]:
        if not self.is_partition:
            raise ValueError(f"{self} drops text between pretokens, so its pretokens have no boundaries")
        return super().boundaries(documents)

    @cached_property
    def scanner(self) -> Spans:  # type: ignore[override]
        if self.is_partition:
            return Scanner(self.name, find_classes(self.unicode))
        return WordScanner(self.name == "bert", find_word_classes(self.unicode))

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name, "unicode": self.unicode}


@dataclass(frozen=True)
class ScriptPretokenizer(ScanningPretokenizer):
    """Pretokenizer for runs of code points of one script, like ``split_by_unicode_script`` in sentencepiece.

    Every code point has its Unicode script, with these exceptions:

    - Hiragana, Katakana and the long vowel mark U+30FC count as Han.
    - Code points with the script Inherited have the script of the code point before them.
    - Code points without a script and bytes that are not UTF-8 count as Common, like digits, punctuation and
      white space.
    - A ▁ (U+2581) has the script of the code point after it.

    Examples
    --------
    >>> pretokens = ScriptPretokenizer().split_text("GPT4, и так 東京タワー")
    >>> [pretoken.decode() for pretoken in pretokens]
    ['GPT', '4, ', 'и', ' ', 'так', ' ', '東京タワー']
    """

    name = "script"

    @cached_property
    def scanner(self) -> Spans:  # type: ignore[override]
        return ScriptScanner()

    @property
    def cuts(self) -> Cuts:
        return CUTS["script"]

    def __getstate__(self) -> dict[str, Any]:
        return {}
