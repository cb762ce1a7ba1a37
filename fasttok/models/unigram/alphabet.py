"""The characters that are pieces whatever happens, and the corpus written in their numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.counts.characters import count_characters
from fasttok.counts.table import PretokenCounts

NONE = 0xFFFFFFFF


@dataclass(frozen=True, eq=False)
class SpelledCounts:
    """Pretokens in numbers of characters, as training takes them.

    Attributes
    ----------
    words : Ragged of uint32
        What lies between characters that have no number; some words stand more than once.
    counts : ndarray of int64
        How often each word occurs.
    characters : ndarray of uint32
        The code point of each number.
    """

    words: Ragged
    counts: NDArray[np.int64]
    characters: NDArray[np.uint32]

    def numbers(self, texts: Iterable[str]) -> Ragged:
        """Those of the texts, in numbers, of which all characters have one."""
        known = {chr(c): i for i, c in enumerate(self.characters.tolist())}
        return Ragged.from_rows([[known[c] for c in text] for text in texts if known.keys() >= set(text)])


def choose_characters(counts: PretokenCounts, coverage: float) -> NDArray[np.uint32]:
    """The most frequent characters, until they are a share of `coverage` of the text.

    U+0000 and bytes that are not UTF-8 are never among them, and are not counted.

    Returns
    -------
    ndarray of uint32
        Code points by how often they occur, most often first, then by number.
    """
    totals = count_characters(counts)
    totals[0] = totals[0xDC80:0xDD00] = 0
    code_points = np.flatnonzero(totals).astype(np.uint32)
    totals = totals[code_points]
    order = np.lexsort((code_points, -totals))
    before = np.cumsum(totals[order]) - totals[order]
    chosen: NDArray[np.uint32] = code_points[order][before < coverage * totals.sum()]
    return chosen


def spell(
    counts: PretokenCounts, characters: NDArray[np.uint32], separators: Sequence[str] = ()
) -> SpelledCounts:
    """Write pretokens in the numbers of their characters.

    Parameters
    ----------
    counts : PretokenCounts
        The corpus.
    characters : ndarray of uint32
        The code point of each number.
    separators : sequence of str
        Texts at which pretokens are cut and which are left out.
    """
    numbers = np.full(0x110000, NONE, np.uint32)
    numbers[characters] = np.arange(len(characters), dtype=np.uint32)
    symbols = numbers[counts.code_points]
    if separators:
        symbols[_find(counts, separators)] = NONE
    row = np.repeat(np.arange(len(counts)), np.diff(counts.offsets))
    is_known = symbols != NONE
    if is_known.all():
        return SpelledCounts(Ragged(symbols, counts.offsets), counts.counts, characters)
    begins = is_known.copy()
    begins[1:] &= ~is_known[:-1] | (row[1:] != row[:-1])
    # Known symbols move together; a word begins where one was marked.
    starts = np.flatnonzero(begins[is_known])
    lengths = np.diff(np.append(starts, np.count_nonzero(is_known)))
    words = Ragged(symbols[is_known], lengths_to_offsets(lengths))
    return SpelledCounts(words, counts.counts[row[begins]], characters)


def _find(counts: PretokenCounts, separators: Sequence[str]) -> NDArray[np.bool_]:
    """Which code points are part of a separator; where two could begin, the longer one does."""
    longest_first = sorted(separators, key=lambda text: (-len(text), text))
    expression = re.compile("|".join(map(re.escape, longest_first)))
    found = np.zeros(len(counts.code_points), np.bool_)
    for start, end in zip(counts.offsets[:-1].tolist(), counts.offsets[1:].tolist(), strict=True):
        text = counts.code_points[start:end].tobytes().decode("utf-32-le", "surrogatepass")
        for match in expression.finditer(text):
            found[start + match.start() : start + match.end()] = True
    return found
