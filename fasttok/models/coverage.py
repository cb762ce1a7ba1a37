"""Automatic character coverage: choose the characters of a vocabulary together with the merges of BPE."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_number, checked_size, describe
from fasttok.core.ragged import Ragged


def checked_coverage(value: Any) -> float | Literal["auto"]:
    """Return the option `character_coverage`: "auto", or a number from 0 to 1.

    Raises
    ------
    TypeError, ValueError
        If the value is neither.
    """
    if isinstance(value, str):
        if value != "auto":
            raise ValueError(f'character_coverage must be a number or "auto", not {describe(value)}')
        return "auto"
    return checked_number("character_coverage", value, 0, 1)


@dataclass(frozen=True, eq=False)
class CharacterChoice:
    """Characters and merges that give the fewest tokens.

    Attributes
    ----------
    n_merges : int
        Number of merges to keep: the first ones.
    characters : ndarray of uint32
        Code points to keep: first those of the kept merges, sorted by code point, then the others, by gain in
        descending order, then by frequency in descending order, then by code point.
    n_in_merges : int
        Number of these characters that are part of a kept merge.
    gain : int
        Number of tokens that the kept merges and characters save, compared with one token per byte.
    n_bytes : int
        Number of bytes of the corpus. If no merged pair overlaps itself, as "aa" does in "aaa", the corpus
        has exactly ``n_bytes - gain`` tokens.
    """

    n_merges: int
    characters: NDArray[np.uint32]
    n_in_merges: int
    gain: int
    n_bytes: int


def choose_characters_automatically(
    characters: NDArray[np.integer],
    totals: NDArray[np.int64],
    merged: Ragged,
    frequencies: NDArray[np.int64],
    budget: int,
) -> CharacterChoice:
    """Divide the ids of a vocabulary with byte fallback between characters and merges of BPE.

    Parameters
    ----------
    characters : ndarray of int, shape (n,)
        Distinct code points of the corpus.
    totals : ndarray of int64, shape (n,)
        Frequency of each character in the corpus.
    merged : Ragged of uint32
        Code points of the string that each merge produces, in the order of merging. They come from BPE over
        all characters of the corpus, with up to `budget` merges.
    frequencies : ndarray of int64, shape (m,)
        Frequency of the pair of each merge at the time of the merge.
    budget : int
        Number of ids for characters and merges: all ids without special tokens, user-defined and byte pieces.

    Returns
    -------
    CharacterChoice
        Of all choices with the greatest gain, the one with the most merges.

    Raises
    ------
    TypeError, ValueError
        If `budget` is not an integer of at least 0, or if `totals` or `frequencies` has the wrong length.

    Notes
    -----
    This is the rule of sentencepiece 0.2.3 (``--auto_character_coverage``). The first k merges need all of
    their characters. The remaining ids go to the other characters c with the greatest gain
    N(c) · (bytes(c) - 1), where N(c) is the frequency of c and bytes(c) its length in UTF-8: without an id,
    each occurrence takes bytes(c) tokens instead of one. The gain of a choice is the sum of the frequencies
    of its merges and the gains of its characters. All k are compared.

    A character of one byte that is in no merge gets no id, because its byte is one token as well.

    From k to k + 1, the number of remaining ids falls by one more than the number of characters that the new
    merge needs. The list of other characters, sorted by gain, is therefore only ever shortened, and the
    search takes O(m + n log n) for m merges and n distinct characters, plus the length of the merged
    strings.

    Examples
    --------
    >>> import numpy as np
    >>> corpus = np.array([ord("a"), ord("b"), ord("é")]), np.array([9, 8, 5])
    >>> ab = Ragged.from_rows([[ord("a"), ord("b")]])
    >>> found = choose_characters_automatically(*corpus, ab, np.array([7]), budget=3)
    >>> found.n_merges, [chr(c) for c in found.characters], found.gain, found.n_bytes
    (1, ['a', 'b'], 7, 27)
    >>> found = choose_characters_automatically(*corpus, ab, np.array([4]), budget=3)
    >>> found.n_merges, [chr(c) for c in found.characters], found.gain
    (0, ['é'], 5)
    """
    budget = checked_size("budget", budget, 0)
    for name, array, n, what in (
        ("totals", totals, len(characters), "character"),
        ("frequencies", frequencies, len(merged), "merge"),
    ):
        if array.shape != (n,):
            raise ValueError(f"{name} must have one entry per {what}, shape ({n},), not {array.shape}")
    frequency: dict[int, int] = dict(zip(characters.tolist(), totals.tolist(), strict=True))
    gain_of = {c: n * (utf8_length(c) - 1) for c, n in frequency.items()}
    by_gain = sorted(
        (c for c, gain in gain_of.items() if gain), key=lambda c: (-gain_of[c], -frequency[c], c)
    )
    ranks = {c: rank for rank, c in enumerate(by_gain)}
    gains = [gain_of[c] for c in by_gain]
    new_characters = _list_new_characters(merged)

    # The other characters that fit are the available ones with a rank below `end`.
    is_available = [True] * len(gains)
    end = n_others = len(gains)
    gain_of_others = sum(gains)
    gain_of_rest = n_in_merges = 0
    best = (-1, 0)
    for k in range(len(merged) + 1):
        if k > 0:
            gain_of_rest += int(frequencies[k - 1])
            n_in_merges += len(new_characters[k - 1])
            for c in new_characters[k - 1]:
                rank = ranks.get(c)
                if rank is None:
                    continue  # a character of one byte
                is_available[rank] = False
                gain_of_rest += gains[rank]
                if rank < end:
                    n_others -= 1
                    gain_of_others -= gains[rank]
        n_left = budget - k - n_in_merges
        if n_left < 0:
            break
        while n_others > n_left:
            end -= 1
            if is_available[end]:
                n_others -= 1
                gain_of_others -= gains[end]
        best = max(best, (gain_of_rest + gain_of_others, k))
    gain, n_merges = best
    needed = set(merged.values[: merged.offsets[n_merges]].tolist())
    others = [c for c in by_gain if c not in needed][: budget - n_merges - len(needed)]
    chosen = np.array([*sorted(needed), *others], np.uint32)
    n_bytes = sum(n * utf8_length(c) for c, n in frequency.items())
    return CharacterChoice(n_merges, chosen, len(needed), gain, n_bytes)


def utf8_length(code_point: int) -> int:
    """Return the number of bytes of a code point in UTF-8; U+DC80 to U+DCFF are single bytes in counts."""
    if 0xDC80 <= code_point <= 0xDCFF:
        return 1
    return 1 + (code_point >= 0x80) + (code_point >= 0x800) + (code_point >= 0x10000)


def _list_new_characters(merged: Ragged) -> list[list[int]]:
    """Return, for each string, its characters that are in no string before it."""
    known: set[int] = set()
    found = []
    values, offsets = merged.values.tolist(), merged.offsets.tolist()
    for start, end in pairwise(offsets):
        new = set(values[start:end]) - known
        known |= new
        found.append(sorted(new))
    return found
