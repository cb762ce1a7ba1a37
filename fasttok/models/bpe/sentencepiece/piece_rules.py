"""Rules of sentencepiece for the pieces that BPE may learn, as traits of characters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fasttok.models.bpe.sentencepiece.cutting import NO_LEFT, NO_RIGHT, ONLY_MARKS
from fasttok.models.merging import joins as j
from fasttok.models.merging.orders import Joins
from fasttok.text.unicode import _script_runs

MARK = 0x2581  # ▁, which stands for a space
LONG_VOWEL_MARK = 0x30FC  # Common in Unicode, but part of Japanese words
INHERITED = "Inherited"
# ASCII and full-width digits.
DIGITS = (*range(0x30, 0x3A), *range(0xFF10, 0xFF1A))


@dataclass(frozen=True)
class PieceRules:
    """Pieces of two or more characters that sentencepiece's trainers do not make.

    Attributes
    ----------
    split_digits : bool
        Whether a digit is always a piece of its own.
    split_by_number : bool
        Whether a digit has its own script, Common, so that it does not stand next to letters.
    split_by_unicode_script : bool
        Whether a piece has letters of one script only. Hiragana, Katakana and Han count as one script.
    split_by_whitespace : bool
        Whether a piece belongs to one word, so that ▁ is only its first or last character.
    treat_whitespace_as_suffix : bool
        Whether ▁ ends a word. Without `split_by_whitespace`, a piece may have ▁ inside, but not at its other
        end.
    allow_whitespace_only_pieces : bool
        Whether a piece may consist of several ▁.
    """

    split_digits: bool = False
    split_by_number: bool = True
    split_by_unicode_script: bool = True
    split_by_whitespace: bool = True
    treat_whitespace_as_suffix: bool = False
    allow_whitespace_only_pieces: bool = False

    def find_joins(self, characters: NDArray[np.uint32]) -> Joins:
        """Return the pairs that may be merged, for an alphabet of characters."""
        is_mark, is_digit = characters == MARK, np.isin(characters, DIGITS)
        scripts = np.zeros(len(characters), np.int64)
        if self.split_by_unicode_script:
            scripts[:] = _find_scripts()[characters]
        is_transparent = is_mark | (scripts == _INHERITED_NUMBER)
        scripts[is_transparent | (is_digit & (not self.split_by_number))] = 0
        traits = 1 | scripts << j.FIRST_SCRIPT | scripts << j.LAST_SCRIPT
        traits |= np.where(is_transparent, j.TRANSPARENT, 0) | np.where(is_digit, j.HAS_DIGIT, 0)
        of_mark = j.BEGINS_WITH_MARK | j.ENDS_WITH_MARK | j.HAS_MARK | j.ONLY_MARKS
        traits |= np.where(is_mark, of_mark, 0)
        left, right = self._forbidden_marks()
        digit = j.HAS_DIGIT if self.split_digits else 0
        return Joins(traits, left | digit, right | digit, self.allow_whitespace_only_pieces)

    def _forbidden_marks(self) -> tuple[int, int]:
        """Return the flags that the left and the right part of a piece must not have, because of their ▁."""
        if self.treat_whitespace_as_suffix:
            return (j.HAS_MARK, j.MARK_BEFORE_LAST) if self.split_by_whitespace else (j.BEGINS_WITH_MARK, 0)
        return (j.MARK_AFTER_FIRST, j.HAS_MARK) if self.split_by_whitespace else (0, j.ENDS_WITH_MARK)

    def find_flags(self, joins: Joins) -> NDArray[np.uint8]:
        """Return the flags of each symbol for `cut_rows`, from the traits of the symbols."""
        kept = ~0 if self.split_by_whitespace else j.HAS_DIGIT
        flags = np.zeros(len(joins.traits), np.uint8)
        flags[joins.traits & joins.forbidden_left & kept != 0] |= np.uint8(NO_LEFT)
        flags[joins.traits & joins.forbidden_right & kept != 0] |= np.uint8(NO_RIGHT)
        if joins.marks_alone:
            flags[joins.traits & j.ONLY_MARKS != 0] |= np.uint8(ONLY_MARKS)
        return flags


@cache
def _find_scripts() -> NDArray[np.uint8]:
    """Return the number of the script of each code point, at least 1."""
    starts = np.array([*_script_runs.STARTS, 0x110000], np.int64)
    scripts = np.repeat(np.array(_script_runs.SCRIPTS, np.uint8) + np.uint8(1), starts[1:] - starts[:-1])
    han = scripts[ord("漢")]
    scripts[np.isin(scripts, scripts[[ord("ひ"), ord("カ")]])] = han
    scripts[LONG_VOWEL_MARK] = han
    return scripts


_INHERITED_NUMBER = _script_runs.NAMES.index(INHERITED) + 1
