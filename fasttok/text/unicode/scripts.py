"""Scripts of characters: the most frequent script of a text."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.text.unicode import _script_runs
from fasttok.text.unicode.classes import LETTER, class_of_code_points


def find_main_script(text: NDArray[np.uint8]) -> str:
    """Return the most frequent script of a text; "Common" if no character has a script.

    Ties go to the script whose name comes first in alphabetical order. O(n log n).

    Examples
    --------
    >>> find_main_script(np.frombuffer("GPT-4 говорит".encode(), np.uint8))
    'Cyrillic'
    """
    characters = text.tobytes().decode(errors="surrogateescape").encode("utf-32-le", "surrogatepass")
    code_points = np.frombuffer(characters, np.uint32)
    scripts = name_scripts(code_points, np.ones(len(code_points), np.int64))
    return next((name for name in scripts if name not in ("Common", "Inherited")), "Common")


def name_scripts(code_points: NDArray[np.uint32], counts: NDArray[np.int64]) -> list[str]:
    """Return the names of the scripts of n code points that occur `counts` times, the most frequent first.

    Ties are in alphabetical order. O(n log n).

    Examples
    --------
    >>> name_scripts(np.array([0x93F, 0x301], np.uint32), np.array([1, 2]))
    ['Inherited', 'Devanagari']
    """
    n_of = np.zeros(len(_script_runs.NAMES), np.int64)
    np.add.at(n_of, _find_scripts(code_points), counts)
    order = sorted(
        np.flatnonzero(n_of).tolist(), key=lambda script: (-n_of[script], _script_runs.NAMES[script])
    )
    return [_script_runs.NAMES[script] for script in order]


def letters_of_scripts(code_points: NDArray[np.uint32]) -> list[str]:
    """Return, for each of n code points, the first letter of the same script; "a" if there is none.

    O(n), and O(17 * 2^16) once.

    Examples
    --------
    >>> letters_of_scripts(np.array([0x93F, 0x301], np.uint32))
    ['ऄ', 'a']
    """
    letter_of = _first_letters()
    return [chr(letter_of.get(script, ord("a"))) for script in _find_scripts(code_points).tolist()]


@cache
def _first_letters() -> dict[int, int]:
    """Return the first letter of each script that has one, by the index of the script."""
    letters = np.flatnonzero(class_of_code_points() & LETTER)
    scripts, first = np.unique(_find_scripts(letters), return_index=True)
    return dict(zip(scripts.tolist(), letters[first].tolist(), strict=True))


def _find_scripts(code_points: NDArray[Any]) -> NDArray[Any]:
    """Return the index in ``_script_runs.NAMES`` of the script of each code point."""
    runs = np.searchsorted(_script_runs.STARTS, code_points, side="right") - 1
    return np.take(_script_runs.SCRIPTS, runs)
