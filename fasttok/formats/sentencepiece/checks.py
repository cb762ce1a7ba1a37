"""Checks of the pieces of a model file: what sentencepiece refuses, with the piece at fault."""

from __future__ import annotations

import numpy as np

from fasttok.core.errors import ModelFormatError
from fasttok.formats.sentencepiece.messages import (
    BYTE,
    CONTROL,
    NORMAL,
    UNKNOWN,
    UNUSED,
    USER_DEFINED,
    Pieces,
)
from fasttok.models._pieces import PieceTable
from fasttok.models.pieces import BYTE_NAMES, check_utf8

MOST_BYTES = 8000  # a piece is shorter
TEXT_TYPES = (NORMAL, USER_DEFINED, UNUSED)
RESERVED_TYPES = (UNKNOWN, CONTROL, BYTE)


def check_pieces(pieces: Pieces, kind: str, byte_fallback: bool) -> None:
    """Check the pieces of a model file.

    Raises
    ------
    ModelFormatError
        If there is no piece of text in a Unigram model, no unknown token or two of them; if a piece is empty,
        contains U+0000, is not UTF-8, has 8,000 bytes or more, or occurs twice; if a score is not a number;
        or if the byte pieces do not fit `byte_fallback`. The path is empty.
    """
    lengths, types = pieces.texts.lengths, pieces.types
    if (lengths == 0).any():
        _fail(pieces, int(np.argmin(lengths)), "the piece is empty")
    if (lengths >= MOST_BYTES).any():
        i = int(np.argmax(lengths))
        _fail(pieces, i, f"the piece has {lengths[i]:,} bytes; pieces have fewer than {MOST_BYTES:,}")
    zeros = np.flatnonzero(pieces.texts.values == 0)
    if len(zeros):
        i = int(np.searchsorted(pieces.texts.offsets, zeros[0], side="right")) - 1
        _fail(pieces, i, f"the piece {bytes(pieces.texts[i])!r} contains U+0000")
    try:
        check_utf8(pieces.texts)
    except ValueError as error:
        raise ModelFormatError(str(error), "", "pieces") from None
    unknown = pieces.ids_of(UNKNOWN)
    if not unknown:
        raise ModelFormatError("no piece has the type UNKNOWN; a model needs an unknown token", "", "pieces")
    if len(unknown) > 1:
        _fail(pieces, unknown[1], f"{_name(pieces, unknown[1])} is a second unknown token")
    _check_scores(pieces, kind)
    _check_different(pieces, kind)
    _check_bytes(pieces, byte_fallback)
    if kind == "unigram" and not np.isin(types, TEXT_TYPES).any():
        raise ModelFormatError("there are no pieces of text", "", "pieces")


def _name(pieces: Pieces, i: int) -> str:
    return repr(bytes(pieces.texts[i]).decode(errors="backslashreplace"))


def _fail(pieces: Pieces, i: int, message: str) -> None:
    raise ModelFormatError(message, "", f"piece {i}")


def _check_scores(pieces: Pieces, kind: str) -> None:
    if kind == "unigram":
        bad = ~np.isfinite(pieces.scores)
    elif kind == "bpe":
        bad = np.isnan(pieces.scores)  # such scores have no order
    else:
        return  # scores have no effect
    if bad.any():
        i = int(np.argmax(bad))
        _fail(pieces, i, f"the score of {_name(pieces, i)} is {pieces.scores[i]}; it must be a number")


def _check_different(pieces: Pieces, kind: str) -> None:
    """Check that no piece occurs twice. Except in BPE, control and byte pieces may have texts of others."""
    groups = [(*TEXT_TYPES, *RESERVED_TYPES)] if kind == "bpe" else [TEXT_TYPES, RESERVED_TYPES]
    for group in groups:
        ids = np.flatnonzero(np.isin(pieces.types, group))
        texts = pieces.texts.take(ids)
        table = PieceTable(texts.values, texts.offsets, np.ones(len(ids), np.uint8))
        if (rows := table.find_duplicate()) is not None:
            first, second = ids[list(rows)].tolist()
            _fail(pieces, second, f"{_name(pieces, second)} is already the piece {first}")


def _check_bytes(pieces: Pieces, byte_fallback: bool) -> None:
    ids = pieces.ids_of(BYTE)
    if ids and not byte_fallback:
        _fail(pieces, ids[0], f"{_name(pieces, ids[0])} is a byte piece, but the model has no byte fallback")
    names = {bytes(pieces.texts[i]): i for i in ids}
    for name in names.keys() - set(BYTE_NAMES):
        _fail(pieces, names[name], f"{_name(pieces, names[name])} is not the name of a byte, such as <0x41>")
    if byte_fallback and len(names) < 256:
        missing = next(name for name in BYTE_NAMES if name not in names)
        raise ModelFormatError(
            f"byte fallback needs 256 byte pieces, but {missing.decode()} is missing", "", "pieces"
        )


def in_file(error: ModelFormatError, path: str) -> ModelFormatError:
    """Return the same error with the path of the file."""
    message = str(error).removeprefix(f"{error.place}: ")
    return error if error.path else ModelFormatError(message, path, error.place)
