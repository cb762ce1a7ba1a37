"""Checks and lookups of pieces and ids that models share, and the byte fallback pieces."""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_integer, checked_items, describe, describe_type
from fasttok.core.ragged import Ragged, read_only
from fasttok.models._pieces import PieceTable
from fasttok.text.unicode.utf8 import encode_utf8

MOST_IDS = 1 << 24  # maximum number of ids; a tokenizer stores one row per id, used or not
MOST_UNUSED = 1 << 20  # maximum number of ids below the largest one that neither a piece nor a token has
NOTHING = 0xFFFFFFFF  # in arrays of ids: no id
BYTE_NAMES = [b"<0x%02X>" % byte for byte in range(256)]  # names of the byte fallback pieces
_BYTE_OF_NAME = {name: byte for byte, name in enumerate(BYTE_NAMES)}


def as_pieces(pieces: Ragged | Sequence[str | bytes]) -> Ragged:
    """Return a read-only copy of the pieces as a Ragged of uint8.

    Raises
    ------
    TypeError
        If a piece is neither ``str`` nor ``bytes``, or a Ragged is not of uint8.
    TextError
        If a ``str`` contains a lone surrogate.
    ValueError
        If there are more than 2^24 pieces.
    """
    if not isinstance(pieces, Ragged):
        given = checked_items("pieces", pieces, "str or bytes")
        pieces = Ragged.from_bytes([_encoded(i, piece) for i, piece in enumerate(given)])
    if pieces.values.dtype != np.uint8:
        raise TypeError(f"pieces must be a Ragged of uint8, not of {pieces.values.dtype}")
    if len(pieces) > MOST_IDS:
        raise ValueError(f"a model can have at most {MOST_IDS:,} pieces, not {len(pieces):,}")
    return Ragged(read_only(pieces.values.copy()), read_only(pieces.offsets.copy()))


def _encoded(i: int, piece: str | bytes) -> bytes:
    if not isinstance(piece, (str, bytes)):
        raise TypeError(f"pieces[{i}]: a piece must be str or bytes, not {describe_type(piece)}")
    return encode_utf8(piece)


def checked_ids(option: str, ids: Any) -> frozenset[int]:
    """Return a collection of ids, whose order does not matter, as a set.

    Raises
    ------
    TypeError
        If `ids` is not a collection of integers.
    ValueError
        If an id is negative.
    """
    given = sorted(ids, key=repr) if isinstance(ids, Set) else checked_items(option, ids, "ids")
    found = frozenset(checked_integer(option, i, "an id") for i in given)
    if found and min(found) < 0:
        raise ValueError(f"{option} must not contain a negative id, such as {min(found)}")
    return found


def check_have_pieces(
    option: str, ids: Collection[int], pieces: Ragged, byte_ids: NDArray[np.uint32] | None = None
) -> None:
    """Raise a ValueError if an id has no piece, or is one of `byte_ids`, whose pieces never match text."""
    for i in sorted(ids):
        if i >= len(pieces) or not len(pieces[i]):
            raise ValueError(f"{option} contains id {i}, which has no piece")
    if byte_ids is not None and (bad := set(ids).intersection(byte_ids.tolist())):
        raise ValueError(
            f"{option} contains id {min(bad)}, the piece of a byte: byte pieces never match text, so they "
            f"cannot be {option.replace('_', '-')}"
        )


def check_id(option: str, i: Any, pieces: Ragged, *, may_be_piece: bool = False) -> int | None:
    """Return `i` as a Python int, after checking that it can be an id; return None for None.

    Raises
    ------
    TypeError, ValueError
        If `i` is not an id, or is the id of a piece although `may_be_piece` is False.
    """
    if i is None:
        return None
    checked = checked_integer(option, i, "an id")
    if not 0 <= checked < MOST_IDS:
        raise ValueError(f"{option} must be from 0 to 2^24 - 1, not {describe(checked)}")
    if not may_be_piece and checked < len(pieces) and len(pieces[checked]):
        piece = bytes(pieces[checked])
        raise ValueError(
            f"{option} {checked} is the id of the piece {piece!r}; it must be an id without a piece"
        )
    return checked


def check_texts(pieces: Ragged) -> None:
    """Raise a ValueError if a piece is not UTF-8, or contains U+0000, which a trie cannot store."""
    check_utf8(pieces)
    if not pieces.values.all():
        i = next(i for i, piece in enumerate(pieces.to_bytes()) if 0 in piece)
        raise ValueError(f"the piece {bytes(pieces[i])!r} of id {i} contains the character U+0000")


def check_utf8(pieces: Ragged) -> None:
    """Raise a ValueError if a piece is not UTF-8."""
    if _are_utf8(pieces):
        return
    for i, piece in enumerate(pieces.to_bytes()):
        try:
            piece.decode()
        except UnicodeDecodeError as error:
            raise ValueError(f"the piece {piece!r} of id {i} is not UTF-8 at byte {error.start}") from None


def _are_utf8(pieces: Ragged) -> bool:
    """Return whether all pieces are UTF-8: all together are, and none begins inside a character."""
    firsts = pieces.values[pieces.offsets[:-1][pieces.lengths > 0]]
    try:
        pieces.values.tobytes().decode()
    except UnicodeDecodeError:
        return False
    return not (firsts & 0xC0 == 0x80).any()


def check_different(pieces: Ragged) -> PieceTable:
    """Return the table of all pieces; raise a ValueError if two ids have the same piece."""
    table = PieceTable(pieces.values, pieces.offsets, np.ones(len(pieces), np.uint8))
    if (same := table.find_duplicate()) is not None:
        raise ValueError(f"ids {same[0]} and {same[1]} have the same piece {bytes(pieces[same[0]])!r}")
    return table


def begin_with(pieces: Ragged, prefix: bytes) -> NDArray[np.bool_]:
    """Return whether each piece begins with `prefix`: bool of shape (n,)."""
    return _have_at(pieces, pieces.offsets[:-1], prefix)


def end_with(pieces: Ragged, suffix: bytes) -> NDArray[np.bool_]:
    """Return whether each piece ends with `suffix`: bool of shape (n,)."""
    return _have_at(pieces, pieces.offsets[1:] - len(suffix), suffix)


def _have_at(pieces: Ragged, starts: NDArray[np.int64], part: bytes) -> NDArray[np.bool_]:
    """Return whether each piece has `part` at the given position in the values of all pieces."""
    found = pieces.lengths >= len(part)
    for i, byte in enumerate(part):
        rows = np.flatnonzero(found)
        found[rows] = pieces.values[starts[rows] + i] == byte
    return found


def find_byte_ids(pieces: Ragged, may_be: NDArray[np.bool_] | None = None) -> NDArray[np.uint32]:
    """Return the ids of the pieces ``<0x00>`` to ``<0xFF>``, or NOTHING: uint32 of shape (256,).

    If two ids have the same piece, the larger one is returned. `may_be`, bool of shape (n,), has the pieces
    that count; default: all.
    """
    found = np.full(256, NOTHING, np.uint32)
    is_name = begin_with(pieces, b"<0x") & (pieces.lengths == len(BYTE_NAMES[0]))
    rows = np.flatnonzero(is_name if may_be is None else is_name & may_be)
    for i, name in zip(rows.tolist(), pieces.take(rows).to_bytes(), strict=True):
        if (byte := _BYTE_OF_NAME.get(name)) is not None:
            found[byte] = i
    return found


def find_all_byte_ids(pieces: Ragged, may_be: NDArray[np.bool_] | None = None) -> NDArray[np.uint32]:
    """Return the ids of the pieces ``<0x00>`` to ``<0xFF>`` as `find_byte_ids` does, if all exist.

    Raises
    ------
    ValueError
        If one of these pieces is missing.
    """
    found = find_byte_ids(pieces, may_be)
    missing = np.flatnonzero(found == NOTHING)
    if len(missing):
        raise ValueError(
            f"{len(missing)} of the 256 pieces for bytes are missing, the first is "
            f"{BYTE_NAMES[missing[0]].decode()}; byte fallback needs all of them"
        )
    return found


def check_not_fallback(pieces: Ragged, ids: Collection[int], byte_ids: NDArray[np.uint32] | None) -> None:
    """Raise a ValueError if one of the ids is that of a byte piece, which byte fallback cannot do without."""
    fallback = set() if byte_ids is None else set(byte_ids.tolist())
    for i in sorted(fallback.intersection(ids))[:1]:
        raise ValueError(
            f"byte fallback needs the piece {bytes(pieces[i])!r}; a special token must not have its id {i}"
        )


def write_bytes(pieces: Ragged, byte_ids: NDArray[np.uint32] | None) -> Ragged:
    """Return the pieces with each byte fallback piece replaced by its byte."""
    if byte_ids is None:
        return pieces
    rows = np.arange(len(pieces))
    known = np.flatnonzero(byte_ids != NOTHING)
    rows[byte_ids[known]] = len(pieces) + known
    values = np.concatenate([pieces.values, np.arange(256, dtype=np.uint8)])
    offsets = np.concatenate([pieces.offsets, pieces.offsets[-1] + np.arange(1, 257)])
    return Ragged(values, offsets).take(rows)
