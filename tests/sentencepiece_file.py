"""Read and write the parts of sentencepiece's model file that tests need: pieces, scores and types."""

from __future__ import annotations

import struct
from pathlib import Path

import fasttok as ft

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
Piece = tuple[str, float, int]


def number(value: int) -> bytes:
    """Encode an integer as a protobuf varint."""
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def message(field: int, value: bytes) -> bytes:
    """Encode a protobuf field of bytes."""
    return number(field << 3 | 2) + number(len(value)) + value


UNIGRAM, BPE, WORD, CHAR = range(1, 5)


def write(pieces: list[Piece], byte_fallback: bool = False, model_type: int = UNIGRAM) -> bytes:
    """Return the file of a model without normalization."""
    out = b""
    for text, score, kind in pieces:
        row = message(1, text.encode()) + number(2 << 3 | 5) + struct.pack("<f", score)
        out += message(1, row + number(3 << 3) + number(kind))
    trainer = number(3 << 3) + number(model_type) + number(35 << 3) + number(byte_fallback)
    off = b"".join(number(field << 3) + number(0) for field in (3, 4, 5))
    return out + message(2, trainer) + message(3, message(1, b"identity") + off)


def fields(data: bytes) -> list[tuple[int, bytes | int]]:
    """Return the fields of a protobuf message; fixed-width numbers are returned as bytes."""
    found: list[tuple[int, bytes | int]] = []
    i = 0

    def read_number() -> int:
        nonlocal i
        value = shift = 0
        while True:
            value |= (data[i] & 127) << shift
            shift += 7
            i += 1
            if data[i - 1] < 128:
                return value

    while i < len(data):
        tag = read_number()
        if tag & 7 == 0:
            found.append((tag >> 3, read_number()))
            continue
        size = {1: 8, 5: 4}.get(tag & 7) or read_number()
        found.append((tag >> 3, data[i : i + size]))
        i += size
    return found


def read(path: Path) -> tuple[list[Piece], bool]:
    """Return the pieces of a model file, and whether the model has byte fallback."""
    pieces, byte_fallback = [], False
    for field, value in fields(path.read_bytes()):
        inner = dict(fields(value)) if field in (1, 2) else {}
        if field == 1:
            [score] = struct.unpack("<f", inner.get(2, bytes(4)))
            pieces.append((inner[1].decode(), score, inner.get(3, NORMAL)))
        elif field == 2:
            byte_fallback = bool(inner.get(35, 0))
    return pieces, byte_fallback


def model_of(
    pieces: list[Piece], byte_fallback: bool = False, compat: str | None = "sentencepiece"
) -> ft.UnigramModel:
    """Make a `UnigramModel` from the pieces of a model file."""
    kinds = [kind for _, _, kind in pieces]
    return ft.UnigramModel(
        ["" if kind in (UNKNOWN, CONTROL) else text for text, _, kind in pieces],
        [score for _, score, _ in pieces],
        unk_id=kinds.index(UNKNOWN),
        byte_fallback=byte_fallback,
        user_defined=[i for i, kind in enumerate(kinds) if kind == USER_DEFINED],
        unused=[i for i, kind in enumerate(kinds) if kind == UNUSED],
        compat=compat,
    )
