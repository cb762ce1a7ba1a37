"""`find_main_script`: the most frequent script of a text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fasttok.text.unicode import _script_runs


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
    runs = np.searchsorted(_script_runs.STARTS, code_points, side="right") - 1
    n_of = np.bincount(np.take(_script_runs.SCRIPTS, runs), minlength=len(_script_runs.NAMES))
    n_of[_script_runs.NAMES.index("Inherited")] = n_of[_script_runs.NAMES.index("Common")] = 0
    return _script_runs.NAMES[int(n_of.argmax())] if n_of.any() else "Common"
