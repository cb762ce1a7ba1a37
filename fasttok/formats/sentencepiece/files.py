"""sentencepiece's ``.model`` files: `load`, `save`, and how such a file is recognized."""

from __future__ import annotations

import os

from fasttok.core.errors import ModelFormatError
from fasttok.formats.base import Format
from fasttok.formats.sentencepiece.checks import MOST_BYTES
from fasttok.formats.sentencepiece.messages import WireError, read_model
from fasttok.formats.sentencepiece.read import make_tokenizer
from fasttok.tokenizer.tokenizer import Tokenizer

_PIECE = b"\n"  # tag of a piece, and of the text in it
SHORT = 1000  # a longer head may end inside a piece
_AFTER_TEXT = (b"\x15", b"\x18")  # tags of the score and of the type, one of which follows the text


def load(path: str | os.PathLike[str]) -> Tokenizer:
    """Load a tokenizer from a sentencepiece model file."""
    name = os.fspath(path)
    with open(name, "rb") as file:
        data = file.read()
    try:
        content = read_model(data)
    except WireError as error:
        raise ModelFormatError(str(error), name, f"byte {error.position:,}") from None
    try:
        return make_tokenizer(content)
    except ModelFormatError as error:
        if error.path:
            raise
        raise ModelFormatError(str(error).removeprefix(f"{error.place}: "), name, error.place) from None


def _sniff(head: bytes, path: str) -> bool:
    """Return whether the file begins with a piece that has a score or a type."""
    if not head.startswith(_PIECE):
        return False
    length, at = _read_length(head, len(_PIECE))
    end = at + length
    if not head.startswith(_PIECE, at):
        return False
    length, at = _read_length(head, at + len(_PIECE))
    after = at + length
    if after < len(head):
        return after < end and head.startswith(_AFTER_TEXT, after)
    return after < end and length < MOST_BYTES and len(head) > SHORT  # the head ends inside a long piece


def _read_length(head: bytes, at: int) -> tuple[int, int]:
    """Return the number at a position, which has at most three bytes, and the position after it."""
    value = shift = 0
    for byte in head[at : at + 3]:
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if byte < 0x80:
            break
    return value, at


SENTENCEPIECE = Format("sentencepiece", "a sentencepiece model", _sniff, load, names=("*.model",))
