"""Sets of code points, as tables with one entry per code point, for pretokenizers with a choice of tables."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fasttok.text.unicode import _classes, _script_runs

N_CODE_POINTS = 0x110000
# The bits of a class, as in tests/make_unicode.py.
LETTER, NUMBER, SPACE, MARK, UPPER, LOWER, PUNCTUATION = 1, 2, 4, 8, 16, 32, 64
# The properties of regular expressions that the bits represent.
_PROPERTIES = {
    "l": LETTER,
    "n": NUMBER,
    "space": SPACE,
    "m": MARK,
    "lu": UPPER,
    "lt": UPPER,
    "ll": LOWER,
    "p": PUNCTUATION,
}


@lru_cache(maxsize=1)
def class_of_code_points() -> NDArray[np.uint8]:
    """Return the class of every code point, a sum of bits."""
    return _expand(_classes.STARTS, _classes.CLASSES)


@lru_cache(maxsize=2)
def find_classes(unicode: str | None) -> NDArray[np.uint8]:
    """Return the class of every code point in regular expressions."""
    if unicode is None:
        return class_of_code_points()
    from fasttok.text.unicode.code_point_sets import find_property, to_mask

    table = np.zeros(N_CODE_POINTS, np.uint8)
    for name, bit in _PROPERTIES.items():
        points = find_property(name)
        if points is not None:
            table[to_mask(points)] |= np.uint8(bit)
    table[:128] = class_of_code_points()[:128]
    return table


@lru_cache(maxsize=2)
def find_word_classes(unicode: str | None) -> NDArray[np.uint8]:
    """Return the class of every code point in scanners of words: white space and punctuation."""
    if unicode is None:
        return class_of_code_points()
    table = class_of_code_points() & np.uint8(~PUNCTUATION & 0xFF)
    table[find_punctuation(unicode)] |= np.uint8(PUNCTUATION)
    return table


def find_spaces() -> NDArray[np.bool_]:
    """Return which code points are white space."""
    return _have(SPACE)


def letters_numbers_marks() -> NDArray[np.bool_]:
    """Return which code points are letters, numbers or marks."""
    return _have(LETTER | NUMBER | MARK)


def find_words() -> NDArray[np.bool_]:
    r"""Return which code points ``\w`` contains: the same for all values of `unicode`."""
    from fasttok.text.unicode import _tokenizers_classes

    return np.logical_xor(letters_numbers_marks(), _members(_tokenizers_classes.WORDS))


def find_numbers(unicode: str | None) -> NDArray[np.bool_]:
    """Return which code points are numbers (category N)."""
    found = _have(NUMBER)
    if unicode is None:
        return found
    from fasttok.text.unicode import _tokenizers_classes

    return np.logical_xor(found, _members(_tokenizers_classes.DIGITS))


def find_punctuation(unicode: str | None) -> NDArray[np.bool_]:
    """Return which code points are punctuation (category P and the symbols of ASCII)."""
    found = _have(PUNCTUATION)
    if unicode is None:
        return found
    from fasttok.text.unicode import _tokenizers_classes

    return np.logical_xor(found, _members(_tokenizers_classes.PUNCTUATION))


def find_scripts(unicode: str | None) -> NDArray[np.uint8]:
    """Return the number of the script of every code point.

    The number is 0 for code points that belong to every script: U+0020 and, in the tables of ``tokenizers``,
    code points without a script. Hiragana, Katakana, Han and U+30FC have the same number.
    """
    if unicode is not None:
        from fasttok.text.unicode import _tokenizers_classes

        return _expand(_tokenizers_classes.SCRIPT_STARTS, _tokenizers_classes.SCRIPTS)
    scripts = _expand(_script_runs.STARTS, _script_runs.SCRIPTS) + np.uint8(1)
    han = scripts[ord("漢")]
    scripts[np.isin(scripts, scripts[[ord("ひ"), ord("カ")]])] = han
    scripts[0x30FC] = han
    scripts[32] = 0
    return scripts


def _have(bits: int) -> NDArray[np.bool_]:
    """Return which code points have at least one of the given bits in their class."""
    found: NDArray[np.bool_] = (class_of_code_points() & bits) != 0
    return found


def _expand(starts: Iterable[int], values: Iterable[int]) -> NDArray[np.uint8]:
    """Return the value of every code point, given the first code point and the value of each run."""
    bounds = np.array([*starts, N_CODE_POINTS], np.int64)
    return np.repeat(np.array(list(values), np.uint8), np.diff(bounds))


def _members(ranges: Iterable[tuple[int, int]]) -> NDArray[np.bool_]:
    """Return which code points are in inclusive ranges."""
    found = np.zeros(N_CODE_POINTS, np.bool_)
    for first, last in ranges:
        found[first : last + 1] = True
    return found
