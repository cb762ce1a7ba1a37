"""Pieces as models take them: checked, looked up by their bytes, and those that stand for a single byte."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged, read_only
from fasttok.text.unicode.utf8 import encode_utf8

MOST_IDS = 1 << 24  # a tokenizer has a row for every id, in use or not
BYTE_NAMES = [b"<0x%02X>" % byte for byte in range(256)]


def as_pieces(pieces: Ragged | Sequence[str | bytes]) -> Ragged:
    """The pieces in read-only memory of their own.

    Raises
    ------
    TypeError
        If they are something else.
    TextError
        At a lone surrogate in a ``str``.
    ValueError
        If there are more than 2^24.
    """
    if not isinstance(pieces, Ragged):
        pieces = Ragged.from_bytes([_encoded(piece) for piece in pieces])
    if pieces.values.dtype != np.uint8:
        raise TypeError(f"pieces must be a Ragged of uint8, not of {pieces.values.dtype}")
    if len(pieces) > MOST_IDS:
        raise ValueError(f"{len(pieces):,} pieces; the most is {MOST_IDS:,}")
    return Ragged(read_only(pieces.values.copy()), read_only(pieces.offsets.copy()))


def _encoded(piece: str | bytes) -> bytes:
    if not isinstance(piece, (str, bytes)):
        raise TypeError(f"a piece must be str or bytes, not {type(piece).__name__}")
    return encode_utf8(piece)


def as_id(option: str, value: Any) -> int:
    """An id as an int of Python.

    Raises
    ------
    TypeError
        If it is no integer.
    """
    if isinstance(value, bool):
        raise TypeError(f"{option} must be an id, not {value}")
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{option} must be an id, not {value!r}") from None


def check_id(option: str, i: Any, pieces: Ragged) -> int | None:
    """An id that no piece has, as an int of Python; None is none.

    Raises
    ------
    TypeError, ValueError
        If it is no id, or a piece's.
    """
    if i is None:
        return None
    checked = as_id(option, i)
    if not 0 <= checked < MOST_IDS:
        raise ValueError(f"{option} must be from 0 to 2^24 - 1, not {checked}")
    if checked < len(pieces) and len(pieces[checked]):
        raise ValueError(f"{option} {checked} is the piece {bytes(pieces[checked])!r}")
    return checked


def check_texts(pieces: Ragged) -> None:
    """Refuse what a trie cannot find in text.

    Raises
    ------
    ValueError
        If a piece is not UTF-8 or holds U+0000.
    """
    for i, piece in enumerate(pieces.to_bytes()):
        try:
            piece.decode()
        except UnicodeDecodeError as error:
            raise ValueError(f"the piece {piece!r} of id {i} is not UTF-8 at byte {error.start}") from None
        if 0 in piece:
            raise ValueError(f"the piece {piece!r} of id {i} holds the character U+0000")


def ids_by_piece(pieces: Ragged) -> dict[bytes, int]:
    """The id of each piece.

    Raises
    ------
    ValueError
        If a piece stands twice.
    """
    ids: dict[bytes, int] = {}
    for i, piece in enumerate(pieces.to_bytes()):
        if piece and ids.setdefault(piece, i) != i:
            raise ValueError(f"ids {ids[piece]} and {i} have the same piece {piece!r}")
    return ids


def find_byte_ids(ids: Mapping[bytes, int]) -> NDArray[np.uint32]:
    """The ids of ``<0x00>`` to ``<0xFF>``: uint32 of shape (256,).

    Raises
    ------
    ValueError
        If there is none for a byte.
    """
    missing = [name for name in BYTE_NAMES if name not in ids]
    if missing:
        raise ValueError(
            f"{len(missing)} of the 256 pieces for bytes are missing, the first is {missing[0].decode()}"
        )
    return np.array([ids[name] for name in BYTE_NAMES], np.uint32)


def write_bytes(pieces: Ragged, byte_ids: NDArray[np.uint32] | None) -> Ragged:
    """The pieces with the byte itself in the row of each id of a byte."""
    if byte_ids is None:
        return pieces
    rows = pieces.to_bytes()
    for byte, i in enumerate(byte_ids.tolist()):
        rows[i] = bytes([byte])
    return Ragged.from_bytes(rows)
