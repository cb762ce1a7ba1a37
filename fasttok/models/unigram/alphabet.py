"""Choose the characters of a vocabulary, and convert the corpus to symbols: the numbers of its characters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.counts.characters import count_characters
from fasttok.counts.table import PretokenCounts
from fasttok.models.coverage import choose_characters_automatically

NO_SYMBOL = 0xFFFFFFFF  # symbol of a character outside the vocabulary


@dataclass(frozen=True, eq=False)
class SymbolCounts:
    """Training corpus as symbols, where a symbol is the number of a character.

    Attributes
    ----------
    words : Ragged of uint32
        Symbols of each word. A word is a pretoken, or a part of one between characters without a symbol.
        The same word may occur in several rows.
    counts : ndarray of int64
        Count of each word.
    characters : ndarray of uint32
        Code point of each symbol.
    """

    words: Ragged
    counts: NDArray[np.int64]
    characters: NDArray[np.uint32]

    def symbols_of(self, texts: Iterable[str]) -> Ragged:
        """Convert texts to symbols; skip texts with a character that has no symbol."""
        known = {chr(c): i for i, c in enumerate(self.characters.tolist())}
        return Ragged.from_rows([[known[c] for c in text] for text in texts if known.keys() >= set(text)])


def choose_characters(counts: PretokenCounts, coverage: float) -> NDArray[np.uint32]:
    """Return the most frequent characters that together cover the given fraction of the text.

    U+0000 and bytes that are not UTF-8 are neither chosen nor counted.

    Parameters
    ----------
    counts : PretokenCounts
        Training corpus.
    coverage : float
        Fraction of the characters of the text to cover, from 0 to 1.

    Returns
    -------
    ndarray of uint32
        Code points, sorted by frequency in descending order, then by code point.
    """
    characters, totals = _sort_by_frequency(counts)
    before = np.cumsum(totals) - totals
    chosen: NDArray[np.uint32] = characters[before < coverage * totals.sum()]
    return chosen


def choose_by_merging(
    counts: PretokenCounts, n_pieces: int, max_length: int, separators: Sequence[str] = ()
) -> NDArray[np.uint32]:
    """Return the characters that give the fewest tokens if all other pieces are merges of characters.

    See `choose_characters_automatically`. U+0000 and bytes that are not UTF-8 are not chosen.

    Parameters
    ----------
    counts : PretokenCounts
        Training corpus.
    n_pieces : int
        Maximum number of characters and merges.
    max_length : int
        Maximum length of the string of a merge in characters.
    separators : sequence of str
        Texts at which pretokens are split; the texts themselves are discarded.

    Returns
    -------
    ndarray of uint32
        Code points, sorted by frequency in descending order, then by code point.
    """
    from fasttok.models.merging.engine import learn_merges
    from fasttok.models.merging.orders import Frequency

    # Symbols are numbered by code point, which is the order that ties between merges go by.
    corpus = to_symbols(counts, np.sort(_sort_by_frequency(counts)[0]), separators)
    words, n = corpus.words, len(corpus.characters)
    frequencies = np.zeros((n_pieces, 2), np.int64)
    merges = learn_merges(
        words,
        corpus.counts,
        n,
        n + n_pieces,
        max_length=max_length,
        order=Frequency("shortest"),
        frequencies=frequencies,
    )
    strings = corpus.characters[:, None].tolist()
    for left, right in merges.tolist():
        strings.append(strings[left] + strings[right])
    totals = np.zeros(n, np.int64)
    np.add.at(totals, words.values, np.repeat(corpus.counts, words.lengths))
    choice = choose_characters_automatically(
        corpus.characters, totals, Ragged.from_rows(strings[n:]), frequencies[: len(merges), 0], n_pieces
    )
    chosen = np.flatnonzero(np.isin(corpus.characters, choice.characters))
    order = chosen[np.argsort(-totals[chosen], kind="stable")]
    found: NDArray[np.uint32] = corpus.characters[order]
    return found


def _sort_by_frequency(counts: PretokenCounts) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Return the characters by frequency in descending order, then by code point, and their frequencies.

    U+0000 and bytes that are not UTF-8 are not counted.
    """
    totals = count_characters(counts)
    totals[0] = totals[0xDC80:0xDD00] = 0
    totals = totals[: counts.code_points.max(initial=0) + 1]
    code_points = np.flatnonzero(totals).astype(np.uint32)
    order = np.lexsort((code_points, -totals[code_points]))
    return code_points[order], totals[code_points[order]]


def to_symbols(
    counts: PretokenCounts, characters: NDArray[np.uint32], separators: Sequence[str] = ()
) -> SymbolCounts:
    """Convert pretokens to symbols, and split them at characters that have no symbol.

    Parameters
    ----------
    counts : PretokenCounts
        Training corpus.
    characters : ndarray of uint32
        Code point of each symbol.
    separators : sequence of str
        Texts at which pretokens are split; the texts themselves are discarded.
    """
    largest = max(counts.code_points.max(initial=0), characters.max(initial=0))
    symbol_of = np.full(int(largest) + 1, NO_SYMBOL, np.uint32)
    symbol_of[characters] = np.arange(len(characters), dtype=np.uint32)
    symbols = symbol_of[counts.code_points]
    if separators:
        symbols[_find(counts, separators)] = NO_SYMBOL
    row = np.repeat(np.arange(len(counts)), np.diff(counts.offsets))
    is_known = symbols != NO_SYMBOL
    if is_known.all():
        return SymbolCounts(Ragged(symbols, counts.offsets), counts.counts, characters)
    begins = is_known.copy()
    begins[1:] &= ~is_known[:-1] | (row[1:] != row[:-1])
    # The offsets of the words once all unknown characters are removed.
    starts = np.flatnonzero(begins[is_known])
    lengths = np.diff(np.append(starts, np.count_nonzero(is_known)))
    words = Ragged(symbols[is_known], lengths_to_offsets(lengths))
    return SymbolCounts(words, counts.counts[row[begins]], characters)


def _find(counts: PretokenCounts, separators: Sequence[str]) -> NDArray[np.bool_]:
    """Return the mask of code points inside a separator; at each position, the longest separator matches."""
    longest_first = sorted(separators, key=lambda text: (-len(text), text))
    expression = re.compile("|".join(map(re.escape, longest_first)))
    found = np.zeros(len(counts.code_points), np.bool_)
    for start, end in zip(counts.offsets[:-1].tolist(), counts.offsets[1:].tolist(), strict=True):
        text = counts.code_points[start:end].tobytes().decode("utf-32-le", "surrogatepass")
        for match in expression.finditer(text):
            found[start + match.start() : start + match.end()] = True
    return found
