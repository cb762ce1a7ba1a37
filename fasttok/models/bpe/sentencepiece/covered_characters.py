"""Characters of a vocabulary and parts of pretokens, as sentencepiece's trainers choose them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged
from fasttok.counts._hash import PretokenTable
from fasttok.counts.characters import count_characters
from fasttok.counts.table import PretokenCounts
from fasttok.models.bpe.sentencepiece.cutting import UNKNOWN, cut_rows
from fasttok.models.bpe.sentencepiece.piece_rules import PieceRules
from fasttok.models.merging.joins import FIRST_SCRIPT, LAST_SCRIPT, SCRIPT_MASK
from fasttok.models.merging.orders import Joins

SEPARATOR = 0x1F  # U+001F stands for reserved texts in sentencepiece's counts of characters
# Never in a piece: U+0000, the separator, and the character that stands for unknown ones in sentencepiece.
NEVER = (0, SEPARATOR, 0x2585)
PASS = 1 << 20  # pretokens per call of the kernel; Python can handle Ctrl-C between two calls


@dataclass(frozen=True, eq=False)
class Reserved:
    """Occurrences of reserved texts in the pretokens of counts.

    Attributes
    ----------
    is_inside : ndarray of bool
        Whether each code point of the counts is part of a reserved text.
    total : int
        Number of occurrences in the corpus.
    """

    is_inside: NDArray[np.bool_]
    total: int


def find_reserved(counts: PretokenCounts, texts: Sequence[str]) -> Reserved:
    """Find texts in pretokens, from the left; where several begin, the longest one is found."""
    is_inside, total = np.zeros(len(counts.code_points), np.bool_), 0
    if not texts:
        return Reserved(is_inside, total)
    longest_first = sorted(texts, key=lambda text: (-len(text), text))
    expression = re.compile("|".join(map(re.escape, longest_first)))
    # The regular expression is slow, so only pretokens with the first two characters of a text are searched.
    first, second, single = (
        sorted({ord(text[i]) for text in texts if len(text) in lengths})
        for i, lengths in ((0, range(1, 1 << 30)), (1, range(2, 1 << 30)), (0, (1,)))
    )
    begins = np.isin(counts.code_points, first)
    places = np.flatnonzero(begins[:-1])
    begins[places] = np.isin(counts.code_points[places + 1], second)
    begins |= np.isin(counts.code_points, single)
    rows = np.unique(np.searchsorted(counts.offsets, np.flatnonzero(begins), side="right") - 1)
    for row in rows.tolist():
        start, end = counts.offsets[row : row + 2].tolist()
        text = counts.code_points[start:end].tobytes().decode("utf-32-le", "surrogatepass")
        for match in expression.finditer(text):
            is_inside[start + match.start() : start + match.end()] = True
            total += int(counts.counts[row])
    return Reserved(is_inside, total)


def total_characters(counts: PretokenCounts, reserved: Reserved) -> NDArray[np.int64]:
    """Return the frequency of each code point outside reserved texts: int64 of shape (0x110000,).

    An occurrence of a reserved text counts as one U+001F. U+0000 and bytes that are not UTF-8 do not count.
    """
    totals = count_characters(counts)
    if reserved.total:
        places = np.flatnonzero(reserved.is_inside)
        rows = np.searchsorted(counts.offsets, places, side="right") - 1
        np.subtract.at(totals, counts.code_points[places], counts.counts[rows])
        totals[SEPARATOR] += reserved.total
    totals[0] = totals[0xDC80:0xDD00] = 0
    return totals


def choose_covered(totals: NDArray[np.int64], coverage: float, required: str) -> NDArray[np.uint32]:
    """Return the required characters, and the most frequent others until the coverage is reached.

    Shares of the text are compared in single precision, as in sentencepiece.

    Parameters
    ----------
    totals : ndarray of int64, shape (0x110000,)
        Frequency of each code point.
    coverage : float
        Fraction of the characters of the text to cover, from 0 to 1.
    required : str
        Characters to choose first.

    Returns
    -------
    ndarray of uint32
        Code points, sorted by frequency in descending order, then by code point.
    """
    is_required = np.zeros(len(totals), np.bool_)
    is_required[[ord(character) for character in required]] = True
    code_points = np.flatnonzero((totals > 0) | is_required)
    n = totals[code_points]
    order = np.lexsort((code_points, -n, ~is_required[code_points]))
    code_points, n = code_points[order], n[order]
    covered = ((np.cumsum(n) - n) / max(1, int(n.sum()))).astype(np.float32)
    chosen = code_points[covered < np.float32(coverage)]
    chosen = chosen[~np.isin(chosen, NEVER)]
    return chosen[np.lexsort((chosen, -totals[chosen]))].astype(np.uint32)


def cut_into_parts(
    counts: PretokenCounts, characters: NDArray[np.uint32], reserved: Reserved, rules: PieceRules
) -> tuple[Ragged, NDArray[np.int64], Joins]:
    """Cut pretokens where no piece can cross, and add up equal parts.

    Parameters
    ----------
    counts : PretokenCounts
        Training corpus.
    characters : ndarray of uint32
        Code point of each symbol.
    reserved : Reserved
        Occurrences of reserved texts, which are in no part.
    rules : PieceRules
        Pieces that may be learned.

    Returns
    -------
    parts : Ragged of uint32
        Symbols of each part of two or more characters.
    weights : ndarray of int64
        Number of occurrences of each part.
    joins : Joins
        Pairs of symbols that may be merged.
    """
    symbol_of = np.full(0x110000, UNKNOWN, np.uint32)
    symbol_of[characters] = np.arange(len(characters), dtype=np.uint32)
    joins = rules.find_joins(characters)
    n_rows, size = len(counts), len(counts.code_points)
    first = (joins.traits >> FIRST_SCRIPT & SCRIPT_MASK).astype(np.uint8)
    last = (joins.traits >> LAST_SCRIPT & SCRIPT_MASK).astype(np.uint8)
    flags = rules.find_flags(joins)
    symbols, ends, rows = np.empty(size, np.uint32), np.empty(size + 1, np.int64), np.empty(size, np.int64)
    n = k = 0
    for begin in range(0, n_rows, PASS):
        n, k = cut_rows(
            counts.code_points, counts.offsets, reserved.is_inside, symbol_of, first, last, flags,
            symbols, ends, rows, begin, min(begin + PASS, n_rows), n, k,
        )  # fmt: skip
    symbols, offsets = symbols[:n], ends[: k + 1]
    weights = counts.counts[rows[:k]]
    table = PretokenTable()
    table.add(symbols.view(np.uint8), 4 * offsets, weights)
    values, ends, totals = table.rows()
    parts = Ragged(np.ascontiguousarray(values).view(np.uint32), ends // 4)
    is_long = np.flatnonzero(parts.lengths > 1)
    return parts.take(is_long), totals[is_long], joins
