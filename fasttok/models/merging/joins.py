"""Traits of symbols, which say whether two symbols may be merged, and their kernels.

sentencepiece makes no piece that is too long, mixes scripts, has a digit among other characters, or has a ▁
in the wrong place. Whether a joined string is such a piece follows from a few properties of its two parts.
They are packed into one 64-bit integer per symbol, its traits::

    bits 0-31   length of the string
    bits 32-39  first script: that of the first character that is neither ▁ nor Inherited; 0 if it has none
    bits 40-47  last script: that of the last such character
    bits 48-    flags, see below

Scripts have numbers from 1 to 255. The number 0 matches every script. A digit that is allowed in every script
has the script 0; unlike ▁, it ends the run of the script before it.
"""

from __future__ import annotations

from fasttok.core.jit.kernel import njit

FIRST_SCRIPT, LAST_SCRIPT = 32, 40  # positions of the scripts
LENGTH_MASK = 0xFFFFFFFF
SCRIPT_MASK = 0xFF

# Flags.
TRANSPARENT = 1 << 48  # all characters are ▁ or Inherited
BEGINS_WITH_MARK = 1 << 49  # the first character is ▁
ENDS_WITH_MARK = 1 << 50  # the last character is ▁
MARK_AFTER_FIRST = 1 << 51  # a character after the first one is ▁
MARK_BEFORE_LAST = 1 << 52  # a character before the last one is ▁
HAS_MARK = 1 << 53  # some character is ▁
ONLY_MARKS = 1 << 54  # all characters are ▁
HAS_DIGIT = 1 << 55  # some character is a digit
OF_ALL = TRANSPARENT | ONLY_MARKS  # flags that both parts must have
OF_ANY = HAS_MARK | HAS_DIGIT | MARK_AFTER_FIRST | MARK_BEFORE_LAST  # flags that one part must have


@njit
def may_join(left, right, max_length, forbidden_left, forbidden_right, marks_alone):
    """Return whether two symbols with the given traits may be merged.

    Parameters
    ----------
    left, right : int64
        Traits of the symbols.
    max_length : int64
        Maximum length of the joined string.
    forbidden_left, forbidden_right : int64
        Flags that the left and the right symbol must not have.
    marks_alone : int64
        1 if the flags do not matter for strings that consist of ▁ alone.
    """
    if (left & LENGTH_MASK) + (right & LENGTH_MASK) > max_length:
        return False
    if marks_alone and left & right & ONLY_MARKS:
        return True
    if left & forbidden_left or right & forbidden_right:
        return False
    last, first = (left >> LAST_SCRIPT) & SCRIPT_MASK, (right >> FIRST_SCRIPT) & SCRIPT_MASK
    return last == 0 or first == 0 or last == first


@njit
def join_traits(left, right):
    """Return the traits of the joined string of two symbols, given theirs."""
    first = right if left & TRANSPARENT else left
    last = left if right & TRANSPARENT else right
    traits = (left & LENGTH_MASK) + (right & LENGTH_MASK)
    traits |= first & (SCRIPT_MASK << FIRST_SCRIPT)
    traits |= last & (SCRIPT_MASK << LAST_SCRIPT)
    traits |= left & right & OF_ALL
    traits |= (left | right) & OF_ANY
    traits |= left & BEGINS_WITH_MARK
    traits |= right & ENDS_WITH_MARK
    if right & HAS_MARK:
        traits |= MARK_AFTER_FIRST
    if left & HAS_MARK:
        traits |= MARK_BEFORE_LAST
    return traits
