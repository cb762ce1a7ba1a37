"""Kernel that cuts pretokens into parts that no piece crosses.

Two neighbours that are not a piece themselves, because of their scripts or digits, are in no longer piece
either. The same is true of ▁ if pieces belong to one word. Otherwise, a longer piece may have a ▁ inside, and
nothing is cut there.

For c code points in r pretokens and n symbols::

    code_points  uint32[c]      code points of the pretokens
    offsets      int64[r + 1]   start of each pretoken
    is_reserved  bool[c]        whether a code point belongs to no part
    symbol_of    uint32[..]     symbol of each code point; UNKNOWN if it belongs to no part
    first, last  uint8[n]       first and last script of each symbol; 0 goes with every script
    flags        uint8[n]       NO_LEFT, NO_RIGHT and ONLY_MARKS of each symbol
    symbols      uint32[c]      symbols of the parts
    ends         int64[c + 1]   start of each part, then the end of the last one
    rows         int64[c]       pretoken of each part
"""

from __future__ import annotations

import numpy as np

from fasttok.core.jit.kernel import njit

UNKNOWN = 0xFFFFFFFF
# Flags: never the left one of two neighbours, never the right one, and ▁ if several may be neighbours.
NO_LEFT, NO_RIGHT, ONLY_MARKS = 1, 2, 4


@njit
def cut_rows(
    code_points, offsets, is_reserved, symbol_of, first, last, flags, symbols, ends, rows, begin, end, n, k
):
    """Cut the pretokens `begin` to ``end - 1``, after n symbols in k parts; return the new n and k."""
    for row in range(begin, end):
        before = np.int64(-1)
        for i in range(offsets[row], offsets[row + 1]):
            symbol = symbol_of[code_points[i]]
            if symbol == UNKNOWN or is_reserved[i]:
                before = np.int64(-1)
                continue
            is_cut = before < 0
            if not is_cut:
                left, right = last[before], first[symbol]
                is_cut = left != 0 and right != 0 and left != right
                if flags[before] & NO_LEFT or flags[symbol] & NO_RIGHT:
                    is_cut = is_cut or not flags[before] & flags[symbol] & ONLY_MARKS
            if is_cut:
                ends[k] = n
                rows[k] = row
                k += 1
            symbols[n] = symbol
            n += 1
            before = np.int64(symbol)
    ends[k] = n
    return n, k
