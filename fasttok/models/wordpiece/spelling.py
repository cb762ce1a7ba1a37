"""The characters that pieces are made of, and the words written in them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged
from fasttok.counts.characters import count_characters
from fasttok.counts.table import PretokenCounts

N_CODE_POINTS = 0x110000


@dataclass(frozen=True, eq=False)
class SpelledWords:
    """Words in symbols: a character that begins a word is another than the same one that continues it.

    Attributes
    ----------
    words : Ragged of uint32
        The symbols: characters, by code point, then characters that continue a word, by code point. With an
        empty prefix there are only the former.
    counts : ndarray of int64
        How often each word occurs.
    characters, continuing : ndarray of uint32
        The code points. All are among the characters, whether or not they begin a word.
    prefix : str
        What the pieces begin with that continue a word.
    """

    words: Ragged
    counts: NDArray[np.int64]
    characters: NDArray[np.uint32]
    continuing: NDArray[np.uint32]
    prefix: str

    @property
    def n_symbols(self) -> int:
        """How many symbols there are."""
        return len(self.characters) + len(self.continuing)

    def name(self, positions: NDArray[np.int64], lengths: NDArray[np.int64]) -> list[str]:
        """What the pieces are called that stand at some positions in the words."""
        code_points = np.concatenate([self.characters, self.continuing])
        text = code_points[self.words.values].tobytes().decode("utf-32-le")
        marks = np.where(self.words.values[positions] < len(self.characters), "", self.prefix).tolist()
        places = zip(marks, positions.tolist(), lengths.tolist(), strict=True)
        return [mark + text[start : start + n] for mark, start, n in places]

    def spell(self, pieces: Iterable[str]) -> Ragged:
        """The symbols of the pieces, of those of two and more that can be written in them."""
        begins = {chr(c): i for i, c in enumerate(self.characters.tolist())}
        goes_on = {chr(c): i + len(begins) for i, c in enumerate(self.continuing.tolist())} or begins
        rows = []
        for piece in pieces:
            continues = self.prefix != "" and piece.startswith(self.prefix) and piece != self.prefix
            text = piece[len(self.prefix) :] if continues else piece
            known = [goes_on if continues or i else begins for i in range(len(text))]
            if len(text) > 1 and all(c in ids for c, ids in zip(text, known, strict=True)):
                rows.append([ids[c] for c, ids in zip(text, known, strict=True)])
        return Ragged.from_rows(rows)


def spell_words(
    counts: PretokenCounts, prefix: str, limit_alphabet: int | None, longest: int | None
) -> SpelledWords:
    """Write pretokens in symbols, and warn of those that are left out because no pieces could write them.

    A word that begins with the prefix is cut after it: a piece that were both would be read as one that
    continues a word.

    Parameters
    ----------
    counts : PretokenCounts
        The corpus.
    prefix : str
        What the pieces begin with that continue a word.
    limit_alphabet : int, optional
        How many characters there may be: the most frequent, of equally frequent ones the lesser. Words with
        others are left out.
    longest : int, optional
        The most characters of a word; longer ones are left out.

    Raises
    ------
    ValueError
        If no word is left.
    """
    reasons = []

    def leave_out(counts: PretokenCounts, is_left_out: NDArray[np.bool_], reason: str) -> PretokenCounts:
        if not is_left_out.any():
            return counts
        n = sum(counts.counts[is_left_out].tolist())
        reasons.append(f"{np.count_nonzero(is_left_out):,} that {reason} ({n:,} occurrences)")
        rows = Ragged(counts.code_points, counts.offsets).take(np.flatnonzero(~is_left_out))
        return PretokenCounts(rows.values, rows.offsets, counts.counts[~is_left_out], counts.recipe)

    def have(counts: PretokenCounts, is_bad: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which words have one of the code points for which this is true; no word is empty."""
        found: NDArray[np.bool_] = np.logical_or.reduceat(is_bad, counts.offsets[:-1])
        return found

    c = counts.code_points
    is_no_piece = (c == 0) | ((c >= 0xDC80) & (c < 0xDD00))
    left = leave_out(counts, have(counts, is_no_piece), "hold U+0000 or bytes that are not UTF-8")
    if longest is not None:
        left = leave_out(left, np.diff(left.offsets) > longest, f"are longer than {longest:,} characters")
    if limit_alphabet is not None and len(left):
        totals = count_characters(left)
        found = np.flatnonzero(totals)
        is_rare = np.ones(N_CODE_POINTS, np.bool_)
        is_rare[found[np.lexsort((found, -totals[found]))][:limit_alphabet]] = False
        reason = f"hold another character than the {limit_alphabet:,} most frequent"
        left = leave_out(left, have(left, is_rare[left.code_points]), reason)
    if reasons:
        warnings.warn(
            f"of the {len(counts):,} distinct pretokens are left out: " + ", ".join(reasons), stacklevel=3
        )
    if len(left) == 0:
        raise ValueError("there is nothing to train on: all pretokens are left out")
    return _spell(left, prefix)


def _spell(counts: PretokenCounts, prefix: str) -> SpelledWords:
    code_points, starts = counts.code_points, counts.offsets[:-1]
    continues = np.full(len(code_points), prefix != "")
    continues[starts] = False

    def number(
        is_one: NDArray[np.bool_] | slice, first: int
    ) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """The distinct ones of some code points, and the number of each from the first on."""
        is_used = np.zeros(N_CODE_POINTS, np.bool_)
        is_used[code_points[is_one]] = True
        distinct = np.flatnonzero(is_used).astype(np.uint32)
        numbers = np.zeros(N_CODE_POINTS, np.uint32)
        numbers[distinct] = np.arange(first, first + len(distinct), dtype=np.uint32)
        return distinct, numbers

    characters, numbers = number(slice(None), 0)
    symbols = numbers[code_points]
    continuing, numbers = number(continues, len(characters))
    symbols[continues] = numbers[code_points[continues]]

    if prefix == "":
        return SpelledWords(Ragged(symbols, counts.offsets), counts.counts, characters, continuing, prefix)
    is_cut = np.diff(counts.offsets) > len(prefix)
    for i, character in enumerate(prefix):
        is_cut[is_cut] = code_points[starts[is_cut] + i] == ord(character)
    offsets = np.sort(np.concatenate([counts.offsets, starts[is_cut] + len(prefix)]))
    words = Ragged(symbols, offsets)
    return SpelledWords(words, np.repeat(counts.counts, 1 + is_cut), characters, continuing, prefix)
