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


def flag(field: int, value: bool) -> bytes:
    """Encode a protobuf field of a bool."""
    return number(field << 3) + number(value)


def write_model(
    pieces: list[tuple[str, int]],
    normalizer: dict[str, bool],
    *,
    charsmap: bytes = b"",
    as_suffix: bool = False,
    unk_surface: str | None = None,
    denormalizer: dict[str, bool] | None = None,
    denormalizer_charsmap: bytes = b"",
) -> bytes:
    """Return the file of a Unigram model with pieces of the given types, and normalizers with some options.

    The scores of the pieces fall. The options are ``add_dummy_prefix``, ``remove_extra_whitespaces`` and
    ``escape_whitespaces``; those that are not given are not written.
    """
    out = b""
    for i, (text, kind) in enumerate(pieces):
        score = number(2 << 3 | 5) + struct.pack("<f", -1.0 - i / 100)
        out += message(1, message(1, text.encode()) + score + number(3 << 3) + number(kind))
    has_bytes = any(kind == BYTE for _, kind in pieces)
    trainer = number(3 << 3) + number(1) + flag(24, as_suffix) + flag(35, has_bytes)
    if unk_surface is not None:
        trainer += message(44, unk_surface.encode())
    out += message(2, trainer) + message(3, _write_spec(charsmap, normalizer))
    if denormalizer is not None:
        out += message(5, _write_spec(denormalizer_charsmap, denormalizer))
    return out


def _write_spec(charsmap: bytes, options: dict[str, bool]) -> bytes:
    fields = {"add_dummy_prefix": 3, "remove_extra_whitespaces": 4, "escape_whitespaces": 5}
    flags = b"".join(flag(fields[name], value) for name, value in options.items())
    return (message(2, charsmap) if charsmap else b"") + flags
