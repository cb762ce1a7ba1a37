"""BPE as sentencepiece trains it: its characters, its merges, and the order of its pieces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fasttok.core.progress import announce
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.counts.table import PretokenCounts
from fasttok.models.bpe.sentencepiece.covered_characters import (
    NEVER,
    Reserved,
    choose_covered,
    cut_into_parts,
    find_reserved,
    total_characters,
)
from fasttok.models.bpe.sentencepiece.piece_rules import PieceRules
from fasttok.models.coverage import choose_characters_automatically
from fasttok.models.merging.engine import estimate_bytes, learn_merges
from fasttok.models.merging.merge_steps import MergeNamer, MergeStep
from fasttok.models.merging.orders import Frequency
from fasttok.models.merging.watching import SymbolMerge


@dataclass(frozen=True, eq=False)
class Learned:
    """Pieces that sentencepiece's trainer learns.

    Attributes
    ----------
    merged : list of str
        Pieces of two or more characters, in the order of merging.
    characters : list of str
        Characters of the vocabulary, in the order of their ids.
    """

    merged: list[str]
    characters: list[str]


@dataclass(frozen=True)
class PieceOptions:
    """Options of `learn_pieces`.

    Attributes
    ----------
    n_pieces : int
        Number of ids for characters and merges.
    reserved : tuple of str
        Texts that are no part of a learned piece.
    coverage : float or None
        Fraction of the text that the characters must cover; None for automatic coverage.
    required : str
        Characters of the vocabulary in any case.
    min_frequency : int
        Minimum count of a pair.
    max_piece_length : int
        Maximum number of characters of a piece.
    rules : PieceRules
        Further rules for pieces.
    """

    n_pieces: int
    reserved: tuple[str, ...]
    coverage: float | None
    required: str
    min_frequency: int
    max_piece_length: int
    rules: PieceRules


def learn_pieces(
    counts: PretokenCounts,
    options: PieceOptions,
    *,
    progress: bool = False,
    observer: Callable[[MergeStep], object] | None = None,
) -> Learned:
    """Learn pieces from counts, as the BPE trainer of sentencepiece 0.2.3 does.

    Notes
    -----
    1. Reserved texts are cut out of the pretokens.
    2. The characters of the vocabulary are chosen. Pretokens are cut at all other characters.
    3. The most frequent pair whose joined string is a valid piece is merged, until there are `n_pieces`
       pieces. Of equally frequent pairs, the one with the shortest string is merged, then the one whose
       string comes first by code points.
    4. If no pair is left, the strings of all pairs follow that were neighbours at some time, shortest first.
       sentencepiece adds them because the pairs stay in its queue with a frequency of 0.

    The `observer` is called with the merges of step 3 after training, because automatic coverage drops some.
    """
    reserved = find_reserved(counts, options.reserved)
    totals = total_characters(counts, reserved)
    if options.coverage is None:
        characters = np.setdiff1d(np.flatnonzero(totals), NEVER).astype(np.uint32)
        n_merges = options.n_pieces
    else:
        characters = choose_covered(totals, options.coverage, options.required)
        n_merges = options.n_pieces - len(characters)
    if not len(characters):
        raise ValueError("there is nothing to train on: the corpus has no character of the vocabulary")
    if n_merges < 0:
        n_others = len(options.reserved)
        raise ValueError(
            f"vocab_size must be at least {len(characters) + n_others} ({len(characters)} characters and "
            f"{n_others} other ids), not {options.n_pieces + n_others}. Increase vocab_size or lower "
            "character_coverage"
        )
    symbols = np.sort(characters)  # the order of ties
    steps: list[SymbolMerge] | None = None if observer is None else []
    merged, frequencies = _learn_strings(
        counts, symbols, reserved, options, n_merges, steps=steps, progress=progress
    )
    if options.coverage is None:
        choice = choose_characters_automatically(
            characters, totals[characters], _as_code_points(merged), frequencies, options.n_pieces
        )
        merged, characters = merged[: choice.n_merges], choice.characters
    if observer is not None and steps is not None:
        report = MergeNamer(observer, [chr(symbol).encode() for symbol in symbols.tolist()])
        for step in steps[: len(merged)]:
            report(step)
    return Learned(merged, [chr(character) for character in characters.tolist()])


def _learn_strings(
    counts: PretokenCounts,
    symbols: NDArray[np.uint32],
    reserved: Reserved,
    options: PieceOptions,
    n_merges: int,
    *,
    steps: list[SymbolMerge] | None,
    progress: bool,
) -> tuple[list[str], NDArray[np.int64]]:
    """Return the merged strings and the frequencies of their pairs; append the merges to `steps`."""
    words, weights, joins = cut_into_parts(counts, symbols, reserved, options.rules)
    order, n_symbols = Frequency("shortest", joins), len(symbols) + n_merges
    megabytes = estimate_bytes(len(words.values), n_symbols, order) / 1e6
    announce(
        f"training on {len(words):,} distinct words with {len(words.values):,} symbols; this takes about "
        f"{megabytes:,.0f} MB of memory",
        show=progress,
    )
    found = np.zeros((n_merges, 2), np.int64)
    unmerged: list[Ragged] = []
    merges = learn_merges(
        words,
        weights,
        n_alphabet=len(symbols),
        n_symbols=n_symbols,
        min_count=options.min_frequency,
        max_length=options.max_piece_length,
        order=order,
        frequencies=found,
        unmerged=unmerged if options.min_frequency == 1 else None,
        observer=None if steps is None else steps.append,
        progress=progress,
    )
    strings = [chr(character) for character in symbols.tolist()]
    for left, right in merges.tolist():
        strings.append(strings[left] + strings[right])
    merged = strings[len(symbols) :]
    if unmerged and len(merged) < n_merges:
        others = ["".join(map(chr, symbols[row].tolist())) for row in unmerged[0]]
        others.sort(key=lambda text: (len(text), text))  # the order of str is that of code points
        merged += others[: n_merges - len(merged)]
    return merged, found[: len(merged), 0]


def _as_code_points(texts: list[str]) -> Ragged:
    joined = "".join(texts).encode("utf-32-le")
    lengths = np.array([len(text) for text in texts], np.int64)
    return Ragged(np.frombuffer(joined, np.uint32), lengths_to_offsets(lengths))
