"""`read_names`: texts and marks of pieces that are found by their names, as in Hugging Face ``tokenizers``.

A character is looked up by its name: the character with the continuation prefix before it, unless it is the
first of its pretoken, and the end-of-word suffix after it, if it is the last. So one piece can be several
characters: with the prefix ``#``, the piece ``##`` is a ``#`` inside a word and, if the suffix is ``#``, also
one at the end of a word. Merges look up ids, whatever they stand for in the text.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged, lengths_to_offsets, read_only
from fasttok.models.bpe.alphabets import Characters
from fasttok.models.bpe.character_pieces import CharacterPieces
from fasttok.models.pieces import NOTHING, begin_with, check_utf8, end_with, find_byte_ids, write_bytes


def read_names(
    pieces: Ragged, merges: NDArray[np.uint32], merge_ids: NDArray[np.uint32], alphabet: Characters
) -> CharacterPieces:
    """Find the characters, texts and marks of pieces by their names.

    The parameters are those of `parse_pieces`. The pieces must be different, and merges must join names.

    Raises
    ------
    ValueError
        If a piece is not UTF-8, or byte fallback would write the bytes of the prefix or suffix.
    """
    check_utf8(pieces)
    prefix, suffix = alphabet.continuing_subword_prefix.encode(), alphabet.end_of_word_suffix.encode()
    byte_ids = find_byte_ids(pieces) if alphabet.byte_fallback else None
    if byte_ids is not None:
        _check_marked_bytes(byte_ids, alphabet)
    characters, ids = _find_characters(pieces, prefix, suffix)
    lengths, is_piece = pieces.lengths, pieces.lengths > 0
    is_byte = np.zeros(len(pieces), np.bool_)
    if byte_ids is not None:
        is_byte[byte_ids[byte_ids != NOTHING]] = True
    continues = begin_with(pieces, prefix) & (lengths > len(prefix)) & bool(prefix)
    rests = lengths - len(prefix) * continues
    ends = end_with(pieces, suffix) & (rests > len(suffix)) & bool(suffix)
    texts = _cut(pieces, len(prefix) * continues, rests - len(suffix) * ends)
    return CharacterPieces(
        alphabet,
        write_bytes(texts, byte_ids),
        read_only(is_piece),
        read_only(is_piece & ~continues & ~is_byte),
        read_only(ends),
        characters,
        ids,
        byte_ids,
        _have_several_lengths(merges, merge_ids, ids, byte_ids, alphabet),
    )


def _check_marked_bytes(byte_ids: NDArray[np.uint32], alphabet: Characters) -> None:
    """Raise a ValueError if byte fallback also writes the bytes of the prefix or of the suffix.

    In Hugging Face ``tokenizers``, it does if all of these bytes have pieces.
    """
    for option in ("continuing_subword_prefix", "end_of_word_suffix"):
        mark = getattr(alphabet, option).encode()
        if mark and (byte_ids[np.frombuffer(mark, np.uint8)] != NOTHING).all():
            raise ValueError(
                f"byte_fallback with {option}={mark.decode()!r}, whose bytes all have pieces, is not "
                "supported: tokenizers writes these bytes for unknown characters, so that a text has more "
                "ids than bytes"
            )


def _have_several_lengths(
    merges: NDArray[np.uint32],
    merge_ids: NDArray[np.uint32],
    ids: NDArray[np.uint32],
    byte_ids: NDArray[np.uint32] | None,
    alphabet: Characters,
) -> bool:
    """Return whether an id can stand for texts of different lengths, apart from the unknown token.

    This is the case if the unknown token or a byte piece can also be made in other ways, or merges with
    others. With a prefix or suffix, the names do not say whether it is a mark or text. Dropped characters,
    and unknown tokens after the bytes of the next character, move the ids away from their text.
    """
    if alphabet.end_of_word_suffix or alphabet.continuing_subword_prefix:
        return True
    if alphabet.unk_id is None:
        if alphabet.drop_unk:
            return True
    elif byte_ids is not None and (byte_ids == NOTHING).any():
        return True
    special = [] if byte_ids is None else byte_ids[byte_ids != NOTHING].tolist()
    if alphabet.unk_id is not None:
        special.append(alphabet.unk_id)
    return any(np.isin(special, table).any() for table in (merges, merge_ids, ids))


def _find_characters(
    pieces: Ragged, prefix: bytes, suffix: bytes
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Return the keys of the characters, as `CharacterEncoder` takes them, and the ids of their pieces."""
    keys, ids = [np.empty(0, np.uint32)], [np.empty(0, np.int64)]
    for continues, ends in product((False, True)[: 1 + bool(prefix)], (False, True)[: 1 + bool(suffix)]):
        front, back = prefix * continues, suffix * ends
        lengths = pieces.lengths - len(front) - len(back)
        rows = np.flatnonzero((lengths > 0) & begin_with(pieces, front) & end_with(pieces, back))
        firsts = pieces.values[pieces.offsets[rows] + len(front)]
        sizes = 1 + (firsts >= 0xC0) + (firsts >= 0xE0) + (firsts >= 0xF0).astype(np.int64)
        rows = rows[(lengths[rows] == sizes) & (firsts & 0xC0 != 0x80)]
        text = _cut(pieces, len(front), lengths).take(rows).values.tobytes().decode()
        code_points = np.frombuffer(text.encode("utf-32-le"), np.dtype("<u4"))
        keys.append((code_points << 2 | continues << 1 | ends).astype(np.uint32))
        ids.append(rows)
    return np.concatenate(keys), np.concatenate(ids).astype(np.uint32)


def _cut(pieces: Ragged, skipped: NDArray[np.int64] | int, lengths: NDArray[np.int64]) -> Ragged:
    """Return the rows without their first bytes, as many as `skipped`, and with at most the given lengths."""
    if np.array_equal(lengths, pieces.lengths):
        return pieces
    lengths = np.maximum(lengths, 0)
    starts = pieces.offsets[:-1] + np.minimum(skipped, pieces.lengths)
    values = pieces.values[
        np.repeat(starts - lengths_to_offsets(lengths)[:-1], lengths) + np.arange(int(lengths.sum()))
    ]
    return Ragged(read_only(values), read_only(lengths_to_offsets(lengths)))
