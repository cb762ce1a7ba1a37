"""Checks and lookups of pieces and ids that models share, and the byte fallback pieces."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged, read_only
from fasttok.text.unicode.utf8 import encode_utf8

MOST_IDS = 1 << 24  # maximum number of ids; a tokenizer stores one row per id, used or not
BYTE_NAMES = [b"<0x%02X>" % byte for byte in range(256)]  # names of the byte fallback pieces


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
        pieces = Ragged.from_bytes([_encoded(piece) for piece in pieces])
    if pieces.values.dtype != np.uint8:
        raise TypeError(f"pieces must be a Ragged of uint8, not of {pieces.values.dtype}")
    if len(pieces) > MOST_IDS:
        raise ValueError(f"a model can have at most {MOST_IDS:,} pieces, not {len(pieces):,}")
    return Ragged(read_only(pieces.values.copy()), read_only(pieces.offsets.copy()))


def _encoded(piece: str | bytes) -> bytes:
    if not isinstance(piece, (str, bytes)):
        raise TypeError(f"a piece must be str or bytes, not {type(piece).__name__}")
    return encode_utf8(piece)


def as_id(option: str, value: Any) -> int:
    """Return an id as a Python int; raise a TypeError if `value` is not an integer."""
    if isinstance(value, bool):
        raise TypeError(f"{option} must be an id, not {value}")
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{option} must be an id, not {value!r}") from None


def check_id(option: str, i: Any, pieces: Ragged) -> int | None:
    """Return `i` as a Python int, after checking that no piece has this id; return None for None.

    Raises
    ------
    TypeError, ValueError
        If `i` is not an id, or is the id of a piece.
    """
    if i is None:
        return None
    checked = as_id(option, i)
    if not 0 <= checked < MOST_IDS:
        raise ValueError(f"{option} must be from 0 to 2^24 - 1, not {checked}")
    if checked < len(pieces) and len(pieces[checked]):
        piece = bytes(pieces[checked])
        raise ValueError(
            f"{option} {checked} is the id of the piece {piece!r}; it must be an id without a piece"
        )
    return checked


def check_texts(pieces: Ragged) -> None:
    """Raise a ValueError if a piece is not UTF-8, or contains U+0000, which a trie cannot store."""
    for i, piece in enumerate(pieces.to_bytes()):
        try:
            piece.decode()
        except UnicodeDecodeError as error:
            raise ValueError(f"the piece {piece!r} of id {i} is not UTF-8 at byte {error.start}") from None
        if 0 in piece:
            raise ValueError(f"the piece {piece!r} of id {i} contains the character U+0000")


def ids_by_piece(pieces: Ragged) -> dict[bytes, int]:
    """Return the id of each piece; raise a ValueError if two ids have the same piece."""
    ids: dict[bytes, int] = {}
    for i, piece in enumerate(pieces.to_bytes()):
        if piece and ids.setdefault(piece, i) != i:
            raise ValueError(f"ids {ids[piece]} and {i} have the same piece {piece!r}")
    return ids


def find_byte_ids(ids: Mapping[bytes, int]) -> NDArray[np.uint32]:
    """Return the ids of the pieces ``<0x00>`` to ``<0xFF>``: uint32 of shape (256,).

    Raises
    ------
    ValueError
        If one of these pieces is missing.
    """
    missing = [name for name in BYTE_NAMES if name not in ids]
    if missing:
        raise ValueError(
            f"{len(missing)} of the 256 pieces for bytes are missing, the first is {missing[0].decode()}; "
            "byte fallback needs all of them"
        )
    return np.array([ids[name] for name in BYTE_NAMES], np.uint32)


def write_bytes(pieces: Ragged, byte_ids: NDArray[np.uint32] | None) -> Ragged:
    """Return the pieces with each byte fallback piece replaced by its byte."""
    if byte_ids is None:
        return pieces
    rows = pieces.to_bytes()
    for byte, i in enumerate(byte_ids.tolist()):
        rows[i] = bytes([byte])
    return Ragged.from_bytes(rows)
