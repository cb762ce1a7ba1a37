"""Scripts: text cut where one follows another, and the main one of a text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.text import _unicode_scripts
from fasttok.text._scripts import ScriptScanner
from fasttok.text._spans import Spans
from fasttok.text.base import ScanningPretokenizer
from fasttok.text.cuts import CUTS, Cuts


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

    @cached_property
    def scanner(self) -> Spans:  # type: ignore[override]
        return ScriptScanner()

    @property
    def cuts(self) -> Cuts:
        return CUTS["script"]

    def __getstate__(self) -> dict[str, Any]:
        return {}

    def config(self) -> dict[str, Any]:
        return {"name": "script"}


def find_main_script(text: NDArray[np.uint8]) -> str:
    """The script that most characters of a text are of; "Common" where none of them has a script.

    Of several that are equally frequent, the one whose name comes first. O(n log n).

    Examples
    --------
    >>> find_main_script(np.frombuffer("GPT-4 говорит".encode(), np.uint8))
    'Cyrillic'
    """
    characters = text.tobytes().decode(errors="surrogateescape").encode("utf-32-le", "surrogatepass")
    code_points = np.frombuffer(characters, np.uint32)
    runs = np.searchsorted(_unicode_scripts.STARTS, code_points, side="right") - 1
    n_of = np.bincount(np.take(_unicode_scripts.SCRIPTS, runs), minlength=len(_unicode_scripts.NAMES))
    n_of[_unicode_scripts.NAMES.index("Inherited")] = n_of[_unicode_scripts.NAMES.index("Common")] = 0
    return _unicode_scripts.NAMES[int(n_of.argmax())] if n_of.any() else "Common"
