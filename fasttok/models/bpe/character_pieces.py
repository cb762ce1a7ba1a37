"""`CharacterPieces`: text and word marks of the pieces of BPE over characters.

A piece can have two marks: that it continues a word (a prefix in its name), and that it ends a word (a
suffix). The name of a piece can be ambiguous: ``a</w>`` may be five characters, or an ``a`` that ends a word.
So the marks of a merged piece follow from its parts: it continues a word if its left part does, and ends a
word if its right part does. The marks of other pieces follow from their names.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged, read_only
from fasttok.models.bpe.alphabets import Characters
from fasttok.models.bpe.merges import check_names
from fasttok.models.pieces import BYTE_NAMES, find_all_byte_ids, write_bytes


@dataclass(frozen=True, eq=False)
class CharacterPieces:
    """Pieces of a character vocabulary, with their texts and word marks.

    Attributes
    ----------
    alphabet : Characters
        Options of the alphabet.
    texts : Ragged of uint8
        Bytes of text that each id stands for, without prefix and suffix.
    is_plain : ndarray of bool, shape (n,)
        Whether the name of each piece is its text: it has no mark and no byte fallback piece as a part.
    begins_word, ends_word : ndarray of bool, shape (n,)
        Whether each piece begins, or ends, a pretoken. Without a prefix, every piece that does not start with
        a byte fallback piece begins a word; without a suffix, no piece ends a word.
    characters, ids : ndarray of uint32, shape (k,)
        Keys of the single characters, as `CharacterEncoder` takes them, and their ids.
    byte_ids : ndarray of uint32, shape (256,), or None
        Id of each byte, or NOTHING; None without byte fallback.
    has_several_lengths : bool
        Whether an id can stand for texts of different lengths, apart from the unknown token, so that the
        length of its text is not known.
    """

    alphabet: Characters
    texts: Ragged
    is_plain: NDArray[np.bool_]
    begins_word: NDArray[np.bool_]
    ends_word: NDArray[np.bool_]
    characters: NDArray[np.uint32]
    ids: NDArray[np.uint32]
    byte_ids: NDArray[np.uint32] | None
    has_several_lengths: bool


def parse_pieces(
    pieces: Ragged, merges: NDArray[np.uint32], merge_ids: NDArray[np.uint32], alphabet: Characters
) -> CharacterPieces:
    """Find the texts and marks of the pieces, and check that the merges fit them.

    Parameters
    ----------
    pieces : Ragged of uint8
        Name of each id; an empty row is not a piece.
    merges : ndarray of uint32, shape (m, 2)
        Pairs of ids.
    merge_ids : ndarray of uint32, shape (m,)
        Id of each merged pair.
    alphabet : Characters
        Options of the alphabet.

    Raises
    ------
    ValueError
        If a merge does not fit the pieces, two ids have the same piece, or a byte fallback piece is missing.

    Notes
    -----
    O(n log n) for n pieces; the order of the merges does not matter.
    """
    n = len(pieces)
    prefix, suffix = alphabet.continuing_subword_prefix.encode(), alphabet.end_of_word_suffix.encode()
    rows, is_piece = pieces.to_bytes(), pieces.lengths > 0
    is_made = np.zeros(n, np.bool_)
    is_made[merge_ids] = True
    byte_ids, is_byte = None, np.zeros(n, np.bool_)
    if alphabet.byte_fallback:
        byte_ids = find_all_byte_ids(pieces, ~is_made)
        names = set(BYTE_NAMES)
        is_byte = ~is_made & np.array([row in names for row in rows], np.bool_)
    first = _follow(merges[:, 0], merge_ids, n)
    continues, ends = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    if prefix or suffix:
        for i in np.flatnonzero(is_piece & ~is_made & ~is_byte).tolist():
            continues[i], ends[i] = _read_marks(rows[i], prefix, suffix)
        continues, ends = continues[first], ends[_follow(merges[:, 1], merge_ids, n)]
    begins = is_piece & ~continues & ~is_byte[first]
    check_names(pieces, merges, merge_ids, len(prefix) * continues)
    _check_marks(merges, merge_ids, begins if prefix else None, continues, ends)

    texts = write_bytes(_cut(pieces, len(prefix) * continues, len(suffix) * ends), byte_ids)
    is_of_bytes = is_byte.copy()
    if is_byte[merges].any():
        texts = _join_byte_texts(texts, merges, merge_ids, is_of_bytes)
    _check_different(rows, list(zip(continues.tolist(), ends.tolist(), is_of_bytes.tolist(), strict=True)))
    characters = {}
    may_be = is_piece & ~is_made & ~is_byte & (texts.lengths <= 4)
    row_texts = texts.to_bytes()
    for i in np.flatnonzero(may_be).tolist():
        if _is_character(row_texts[i]):
            code_point = ord(row_texts[i].decode(errors="surrogateescape"))
            characters[code_point << 2 | bool(continues[i]) << 1 | bool(ends[i])] = i
    return CharacterPieces(
        alphabet,
        Ragged(read_only(texts.values), read_only(texts.offsets)),
        read_only(is_piece & ~continues & ~ends & ~is_of_bytes),
        read_only(begins),
        read_only(ends),
        np.array(list(characters), np.uint32),
        np.array(list(characters.values()), np.uint32),
        byte_ids,
        alphabet.drop_unk and alphabet.unk_id is None,
    )


def _follow(parts: NDArray[np.uint32], merge_ids: NDArray[np.uint32], n: int) -> NDArray[np.int64]:
    """Return the first symbol of each piece.

    `parts` are the left parts of the merges. With the right parts, the last symbol is returned. If several
    merges produce a piece, the first one counts.
    """
    there = np.arange(n)
    there[merge_ids[::-1]] = parts[::-1]
    for _ in range(n.bit_length()):  # every round doubles the steps, and no chain is longer than n
        there = there[there]
    return there


def _read_marks(name: bytes, prefix: bytes, suffix: bytes) -> tuple[bool, bool]:
    """Return whether a piece continues, and ends, a pretoken, according to its name.

    If the name can be read as a single character with or without marks, this reading is used. Otherwise both
    marks are read if possible; if not, the prefix alone, or else the suffix alone.
    """
    readings = []
    for continues, ends in ((False, False), (False, True), (True, False), (True, True)):
        front, back = prefix * continues, suffix * ends
        is_marked = bool(front) == continues and bool(back) == ends
        if (
            is_marked
            and len(front) + len(back) < len(name)
            and name.startswith(front)
            and name.endswith(back)
        ):
            if _is_character(name[len(front) : len(name) - len(back)]):
                return continues, ends
            readings.append((continues, ends))
    return readings[-1]


def _is_character(text: bytes) -> bool:
    return len(text) <= 4 and len(text.decode(errors="surrogateescape")) == 1


def _cut(pieces: Ragged, fronts: NDArray[np.int64] | int, backs: NDArray[np.int64] | int) -> Ragged:
    """Return the rows without the given numbers of bytes at their fronts and backs."""
    if not np.any(fronts) and not np.any(backs):
        return pieces
    lengths = pieces.lengths - fronts - backs
    bounds = np.stack([pieces.offsets[:-1] + fronts, pieces.offsets[:-1] + fronts + lengths], axis=1)
    return Ragged(pieces.values, np.append(bounds.ravel(), len(pieces.values))).take(
        np.arange(0, 2 * len(pieces), 2)
    )


def _check_marks(
    merges: NDArray[np.uint32],
    merge_ids: NDArray[np.uint32],
    begins: NDArray[np.bool_] | None,
    continues: NDArray[np.bool_],
    ends: NDArray[np.bool_],
) -> None:
    """Raise a ValueError if a merge crosses a word boundary, or two merges give a piece different marks."""
    left, right = merges.T
    for rank in np.flatnonzero(ends[left])[:1].tolist():
        raise ValueError(f"the left part of merge {rank} is id {left[rank]}, which ends a pretoken")
    if begins is not None:
        for rank in np.flatnonzero(begins[right])[:1].tolist():
            raise ValueError(f"the right part of merge {rank} is id {right[rank]}, which begins a pretoken")
    for rank in np.flatnonzero(ends[merge_ids] != ends[right])[:1].tolist():
        raise ValueError(
            f"merge {rank} and an earlier one disagree on whether id {merge_ids[rank]} ends a pretoken"
        )
    for rank in np.flatnonzero(continues[merge_ids] != continues[left])[:1].tolist():
        raise ValueError(
            f"merge {rank} and an earlier one disagree on whether id {merge_ids[rank]} continues a pretoken"
        )


def _join_byte_texts(
    texts: Ragged,
    merges: NDArray[np.uint32],
    merge_ids: NDArray[np.uint32],
    is_of_bytes: NDArray[np.bool_],
) -> Ragged:
    """Return the texts, with those of the pieces that contain byte fallback pieces joined from their parts.

    `is_of_bytes` is set to True for these pieces.

    Raises
    ------
    ValueError
        If two merges give a piece different bytes.
    """
    n_marked, n_before = np.count_nonzero(is_of_bytes), np.intp(0)
    while n_marked > n_before:
        is_of_bytes[merge_ids[is_of_bytes[merges].any(axis=1)]] = True
        n_marked, n_before = np.count_nonzero(is_of_bytes), n_marked
    ranks = np.flatnonzero(is_of_bytes[merge_ids])
    rows = texts.to_bytes()
    steps = [(rank, *merges[rank].tolist(), int(merge_ids[rank])) for rank in ranks.tolist()]
    waits = {merged for *_, merged in steps}
    left_over = steps
    while left_over:
        waiting = []
        for step in left_over:
            _, left, right, merged = step
            if left in waits or right in waits:
                waiting.append(step)
            elif merged in waits:
                rows[merged] = rows[left] + rows[right]
                waits.remove(merged)
        left_over = waiting
    for rank, left, right, merged in steps:
        if rows[merged] != rows[left] + rows[right]:
            raise ValueError(f"merge {rank} and another merge give id {merged} different bytes")
    return Ragged.from_bytes(rows)


def _check_different(rows: list[bytes], marks: list[tuple[bool, bool, bool]]) -> None:
    """Raise a ValueError if two ids have the same name and the same marks."""
    seen: dict[tuple[bytes, tuple[bool, bool, bool]], int] = {}
    for i, piece in enumerate(zip(rows, marks, strict=True)):
        if piece[0] and seen.setdefault(piece, i) != i:
            raise ValueError(f"ids {seen[piece]} and {i} have the same piece {piece[0]!r}")
