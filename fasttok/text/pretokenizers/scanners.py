"""Pretokenizers for named patterns, which run on hand-written scanners (`_scan.pyx`, `_words.pyx`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged
from fasttok.text._spans import Spans
from fasttok.text.cuts import CUTS, Cuts
from fasttok.text.pretokenizers._scan import Scanner
from fasttok.text.pretokenizers._words import WordScanner
from fasttok.text.steps import ScanningPretokenizer

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
    """

    name: str

    @property
    def pattern(self) -> str:
        """The equivalent regular expression, in the syntax of the ``regex`` module."""
        return NAMED[self.name]

    @property
    def is_partition(self) -> bool:
        return self.name in PATTERNS

    @property
    def cuts(self) -> Cuts:
        return CUTS[self.name]

    def boundaries(self, documents: Ragged) -> Iterator[NDArray[np.int64]]:
        if not self.is_partition:
            raise ValueError(f"{self} drops text between pretokens, so its pretokens have no boundaries")
        return super().boundaries(documents)

    @cached_property
    def scanner(self) -> Spans:  # type: ignore[override]
        return Scanner(self.name) if self.is_partition else WordScanner(self.name == "bert")

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name}
