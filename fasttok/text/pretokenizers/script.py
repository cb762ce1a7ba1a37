"""`ScriptPretokenizer`: text cut where one script follows another."""

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
    """Runs of code points of one script, as ``split_by_unicode_script`` of sentencepiece tells them apart.

    Every code point has the script that Unicode gives it, with these exceptions: Hiragana, Katakana and the
    long vowel mark U+30FC are Han; what is Inherited is of the script before it; what has no script is
    Common, as are digits, punctuation, white space and bytes that are not UTF-8. A ▁ (U+2581) goes with what
    follows it.

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
