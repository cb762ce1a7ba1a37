"""`ScriptPretokenizer`: runs of code points of one script."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fasttok.text._spans import Spans
from fasttok.text.cuts import CUTS, Cuts
from fasttok.text.pretokenizers._script import ScriptScanner
from fasttok.text.steps import ScanningPretokenizer


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
