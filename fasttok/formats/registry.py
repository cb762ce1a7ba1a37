"""`load`: open a tokenizer file, whoever wrote it."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from typing import Any

from fasttok.core.errors import ModelFormatError
from fasttok.formats import native, tiktoken
from fasttok.formats import vocab_txt as vocab
from fasttok.tokenizer.tokenizer import Tokenizer

LOADERS: dict[str, Callable[..., Tokenizer]] = {
    "fasttok": native.load,
    "tiktoken": tiktoken.load,
    "vocab.txt": vocab.load,
}
# A sentencepiece model begins with a piece: its length, the length of its text, the text; a score or type.
_PIECE = re.compile(rb"\n[\0-\x7f]\n([\0-\x7f])", re.DOTALL)
_BEHIND_TEXT = (b"\x15", b"\x18")


def load(path: str | os.PathLike[str], **options: Any) -> Tokenizer:
    """Open a tokenizer file: fasttok's own, a tiktoken rank file, or BERT's ``vocab.txt``.

    What it is shows in its content.

    Parameters
    ----------
    path : path
        The file.
    **options
        For a rank file, ``pretokenizer`` and ``special_tokens``, which it does not hold; see
        `fasttok.formats.tiktoken.load`. For a vocabulary, ``lowercase`` and others; see
        `fasttok.formats.vocab_txt.load`. fasttok's own file takes no options.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ModelFormatError
        If it is damaged, or of a kind that is not known here.
    """
    if os.path.isdir(path):
        raise IsADirectoryError(errno.EISDIR, "a folder; name a tokenizer's file in it", os.fspath(path))
    kind = kind_of(path)
    if kind == "fasttok" and options:
        raise TypeError(f"a fasttok file takes no options, but there are {', '.join(options)}")
    if kind == "vocab.txt" and "pretokenizer" in options:
        raise ModelFormatError("no tiktoken rank file, which alone takes a pretokenizer", os.fspath(path))
    if kind is None:
        raise ModelFormatError(describe_other(path), os.fspath(path))
    return LOADERS[kind](path, **options)


def kind_of(path: str | os.PathLike[str]) -> str | None:
    """Which of `LOADERS` reads a file, by how it begins; None if it is none of these.

    Raises
    ------
    OSError
        If the file cannot be opened.
    """
    head = _read_head(path)
    if _is_sentencepiece(head):
        return None
    head = head.lstrip()
    if head.startswith(b"{"):
        return "fasttok"
    first_line = head.split(b"\n", 1)[0].split()
    if len(first_line) == 2 and first_line[1].isdigit():
        return "tiktoken"
    return "vocab.txt" if len(first_line) == 1 and not head.startswith(b"PK") else None


def describe_other(path: str | os.PathLike[str]) -> str:
    """What a file is that none of `LOADERS` reads, and who takes it."""
    head = _read_head(path)
    if _is_sentencepiece(head):
        return "a sentencepiece model, which is not read here" + native.TO_MEASURE
    is_archive = head.lstrip().startswith(b"PK")
    hint = "; pretoken counts are opened with PretokenCounts.load" if is_archive else ""
    return "neither a fasttok file nor a tiktoken rank file nor a vocab.txt" + hint


def _is_sentencepiece(head: bytes) -> bool:
    piece = _PIECE.match(head)
    return piece is not None and head[piece.end() + piece[1][0] :].startswith(_BEHIND_TEXT)


def _read_head(path: str | os.PathLike[str]) -> bytes:
    with open(path, "rb") as file:
        return file.read(1 << 10)
