"""`WordSymbols`: words as numbered characters, for training."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import warn
from fasttok.core.ragged import Ragged
from fasttok.counts.characters import count_characters
from fasttok.counts.table import PretokenCounts
from fasttok.models.loss import BYTES, are_bytes, count_occurrences
from fasttok.models.wordpiece.model import LONGEST_WORD

N_CODE_POINTS = 0x110000  # number of code points of Unicode
MUCH = 0.05  # share of words that are too long to be encoded, from which a warning is issued


@dataclass(frozen=True, eq=False)
class WordSymbols:
    """Words as sequences of symbols; inside a word, a character has a different symbol than at the start.

    A word is a distinct pretoken, or a part of one that begins with the prefix.

    Attributes
    ----------
    words : Ragged of uint32
        Symbols of each word. All characters are numbered first, by code point; then characters inside a word,
        by code point. With an empty prefix, the place in the word makes no difference.
    counts : ndarray of int64
        Number of occurrences of each word.
    characters : ndarray of uint32
        Code points of all characters, even if they never begin a word.
    continuing : ndarray of uint32
        Code points of the characters that occur inside a word; empty if the prefix is empty.
    prefix : str
        Continuation prefix of the pieces.
    lost : dict of str to int or float
        Number of pretokens in the corpus that the model cannot encode, their share, and the number of
        different ones; see `fasttok.models.base.Trained`.
    """

    words: Ragged
    counts: NDArray[np.int64]
    characters: NDArray[np.uint32]
    continuing: NDArray[np.uint32]
    prefix: str
    lost: dict[str, int | float] = field(default_factory=dict)

    @property
    def n_symbols(self) -> int:
        """Number of symbols."""
        return len(self.characters) + len(self.continuing)

    def piece_names(self, positions: NDArray[np.int64], lengths: NDArray[np.int64]) -> list[str]:
        """Return the names of the pieces with the given positions in `words` and lengths in symbols."""
        code_points = np.concatenate([self.characters, self.continuing])
        text = code_points[self.words.values].tobytes().decode("utf-32-le")
        marks = np.where(self.words.values[positions] < len(self.characters), "", self.prefix).tolist()
        places = zip(marks, positions.tolist(), lengths.tolist(), strict=True)
        return [mark + text[start : start + n] for mark, start, n in places]

    def pieces_to_symbols(self, pieces: Iterable[str]) -> Ragged:
        """Return the symbols of the pieces, given by their names.

        Pieces of a single character, and pieces with a character that has no symbol, are skipped.
        """
        at_start = {chr(c): i for i, c in enumerate(self.characters.tolist())}
        inside = {chr(c): i + len(at_start) for i, c in enumerate(self.continuing.tolist())} or at_start
        rows = []
        for piece in pieces:
            continues = self.prefix != "" and piece.startswith(self.prefix) and piece != self.prefix
            text = piece[len(self.prefix) :] if continues else piece
            known = [inside if continues or i else at_start for i in range(len(text))]
            if len(text) > 1 and all(c in ids for c, ids in zip(text, known, strict=True)):
                rows.append([ids[c] for c, ids in zip(text, known, strict=True)])
        return Ragged.from_rows(rows)


def words_to_symbols(
    counts: PretokenCounts, prefix: str, limit_alphabet: int | None, longest: int | None
) -> WordSymbols:
    """Convert pretokens to symbols, and warn about pretokens that are skipped.

    A word that begins with the prefix is split after it. Otherwise a piece could contain both parts, and its
    name would look like that of a continuation piece.

    Parameters
    ----------
    counts : PretokenCounts
        Counts of the training corpus.
    prefix : str
        Continuation prefix of the pieces.
    limit_alphabet : int, optional
        Maximum number of characters. The most frequent ones are kept; ties go to the smaller code point.
        Words with other characters are skipped.
    longest : int, optional
        Maximum length of a word in characters; longer words are skipped.

    Raises
    ------
    ValueError
        If all pretokens are skipped.
    """
    reasons = []

    def skip(counts: PretokenCounts, is_skipped: NDArray[np.bool_], reason: str) -> PretokenCounts:
        if not is_skipped.any():
            return counts
        n = sum(counts.counts[is_skipped].tolist())
        reasons.append(f"{np.count_nonzero(is_skipped):,} that {reason} ({n:,} occurrences)")
        rows = Ragged(counts.code_points, counts.offsets).take(np.flatnonzero(~is_skipped))
        return PretokenCounts(rows.values, rows.offsets, counts.counts[~is_skipped], counts.recipe)

    def contain(counts: PretokenCounts, is_bad: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return a mask of the words with at least one bad code point."""
        found: NDArray[np.bool_] = np.logical_or.reduceat(is_bad, counts.offsets[:-1])  # no word is empty
        return found

    c = counts.code_points
    is_invalid = (c == 0) | are_bytes(c)
    left = skip(counts, contain(counts, is_invalid), "contain U+0000 or bytes that are not UTF-8")
    if longest is not None:
        left = skip(left, np.diff(left.offsets) > longest, f"are longer than {longest:,} characters")
    if limit_alphabet is not None and len(left):
        totals = count_characters(left)
        found = np.flatnonzero(totals)
        is_rare = np.ones(N_CODE_POINTS, np.bool_)
        is_rare[found[np.lexsort((found, -totals[found]))][:limit_alphabet]] = False
        reason = f"contain a character that is not among the {limit_alphabet:,} most frequent"
        left = skip(left, contain(left, is_rare[left.code_points]), reason)
    if reasons:
        warn(f"some of the {len(counts):,} distinct pretokens are skipped: " + ", ".join(reasons))
    if len(left) == 0:
        raise ValueError("there are no pretokens to train on: all of them are skipped")
    is_lost = np.diff(left.offsets) > LONGEST_WORD
    n, n_known = counts.total, sum(left.counts[~is_lost].tolist())
    if n == n_known:
        return _number_symbols(left, prefix)
    n_long = sum(left.counts[is_lost].tolist())
    if n_long > MUCH * n:
        warn(
            f"{n_long / n:.0%} of the pretokens are longer than {LONGEST_WORD} characters, so the model "
            "encodes them as unknown words. Use a pretokenizer that splits them, or another model for a "
            "language without spaces between words"
        )
    n_bytes = count_occurrences(counts, are_bytes(c))
    lost: dict[str, int | float] = {
        "pretokens": n - n_known,
        "share_of_pretokens": (n - n_known) / n,
        "distinct_pretokens": len(counts) - int(np.count_nonzero(~is_lost)),
        **({BYTES: n_bytes} if n_bytes else {}),
    }
    return replace(_number_symbols(left, prefix), lost=lost)


def _number_symbols(counts: PretokenCounts, prefix: str) -> WordSymbols:
    """Number the characters of the words, and split words after the prefix."""
    code_points, starts = counts.code_points, counts.offsets[:-1]
    continues = np.full(len(code_points), prefix != "")
    continues[starts] = False

    def number(
        is_one: NDArray[np.bool_] | slice, first: int
    ) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """Return the distinct code points of a selection, and a table of their numbers from `first` on."""
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
        return WordSymbols(Ragged(symbols, counts.offsets), counts.counts, characters, continuing, prefix)
    is_split = np.diff(counts.offsets) > len(prefix)
    for i, character in enumerate(prefix):
        is_split[is_split] = code_points[starts[is_split] + i] == ord(character)
    offsets = np.sort(np.concatenate([counts.offsets, starts[is_split] + len(prefix)]))
    words = Ragged(symbols, offsets)
    return WordSymbols(words, np.repeat(counts.counts, 1 + is_split), characters, continuing, prefix)
