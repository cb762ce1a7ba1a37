"""Named patterns on hand-written scanners (`_scan.pyx`, `_words.pyx`)."""

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
    "punctuation": r"\s+|[!-/:-@\[-`{-~\p{P}]|[^\s!-/:-@\[-`{-~\p{P}]+",
    "digits_single": r"\p{N}|\P{N}+",
    "digits_threes_left": r"\p{N}{1,3}|\P{N}+",
    "digits_threes_right": r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))|\P{N}+",
    "none": r"(?s:.+)",
}
# Of these only the matches are pretokens, and what lies between them is left out.
DROPPING: dict[str, str] = {
    "bert": r"[!-/:-@\[-`{-~\p{P}]|[^\s!-/:-@\[-`{-~\p{P}]+",
    "whitespace_split": r"\S+",
}
NAMED = PATTERNS | DROPPING


@dataclass(frozen=True)
class ScannerPretokenizer(ScanningPretokenizer):
    """A named pattern on its hand-written scanner. O(n); needs no regular expression engine."""

    name: str

    @property
    def pattern(self) -> str:
        """The regular expression that the scanner reproduces, in the syntax of the ``regex`` module."""
        return NAMED[self.name]

    @property
    def is_partition(self) -> bool:
        return self.name in PATTERNS

    @property
    def cuts(self) -> Cuts:
        return CUTS[self.name]

    def boundaries(self, documents: Ragged) -> Iterator[NDArray[np.int64]]:
        if not self.is_partition:
            raise ValueError(f"{self} leaves text out between pretokens, so that they have no boundaries")
        return super().boundaries(documents)

    @cached_property
    def scanner(self) -> Spans:  # type: ignore[override]
        return Scanner(self.name) if self.is_partition else WordScanner(self.name == "bert")

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name}
