"""Pieces and ids as models are given them, checked: what several models do alike."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from fasttok.ragged import Ragged, read_only
from fasttok.text.utf8 import encode_utf8

MOST_PIECES = (1 << 31) - 1  # as many values as a trie has


def as_pieces(pieces: Ragged | Sequence[str | bytes]) -> Ragged:
    """The text of each id as read-only bytes, of its own.

    Raises
    ------
    TypeError
        If a piece is neither str nor bytes, or the Ragged not one of uint8.
    ValueError
        If there are more than 2^31 - 1.
    """
    if not isinstance(pieces, Ragged):
        pieces = Ragged.from_bytes([_encoded(piece) for piece in pieces])
    if pieces.values.dtype != np.uint8:
        raise TypeError(f"pieces must be a Ragged of uint8, not of {pieces.values.dtype}")
    if len(pieces) > MOST_PIECES:
        raise ValueError(f"{len(pieces):,} pieces; the most is {MOST_PIECES:,}")
    return Ragged(read_only(pieces.values.copy()), read_only(pieces.offsets.copy()))


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
    if not 0 <= checked <= MOST_PIECES:
        raise ValueError(f"{option} must be from 0 to 2^31 - 1, not {checked}")
    if checked < len(pieces) and len(pieces[checked]):
        raise ValueError(f"{option} {checked} is the piece {bytes(pieces[checked])!r}")
    return checked


def ids_by_piece(pieces: Ragged) -> dict[bytes, int]:
    """The id of each piece.

    Raises
    ------
    ValueError
        If one is not UTF-8, holds U+0000 or stands twice.
    """
    ids: dict[bytes, int] = {}
    for i, piece in enumerate(pieces.to_bytes()):
        if not piece:
            continue
        try:
            piece.decode()
        except UnicodeDecodeError as error:
            raise ValueError(f"the piece {piece!r} of id {i} is not UTF-8 at byte {error.start}") from None
        if 0 in piece:
            raise ValueError(f"the piece {piece!r} of id {i} holds the character U+0000")
        if ids.setdefault(piece, i) != i:
            raise ValueError(f"ids {ids[piece]} and {i} have the same piece {piece!r}")
    return ids


def _encoded(piece: str | bytes) -> bytes:
    if not isinstance(piece, (str, bytes)):
        raise TypeError(f"a piece must be str or bytes, not {type(piece).__name__}")
    return encode_utf8(piece)
