"""`load`: open a tokenizer file, whoever wrote it."""

from __future__ import annotations

import os
from typing import Any

from fasttok.errors import ModelFormatError
from fasttok.formats import native, tiktoken, vocab
from fasttok.tokenizer import Tokenizer


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
        `fasttok.formats.vocab.load`. fasttok's own file takes no options.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ModelFormatError
        If it is damaged, or of a kind that is not known here.
    """
    with open(path, "rb") as file:
        head = file.read(1 << 10).lstrip()
    if head.startswith(b"{"):
        if options:
            raise TypeError(f"a fasttok file takes no options, but there are {', '.join(options)}")
        return native.load(path)
    first_line = head.split(b"\n", 1)[0].split()
    if len(first_line) == 2 and first_line[1].isdigit():
        return tiktoken.load(path, **options)
    if len(first_line) == 1 and not head.startswith(b"PK") and "pretokenizer" not in options:
        return vocab.load(path, **options)
    if len(first_line) == 1 and "pretokenizer" in options:
        raise ModelFormatError("no tiktoken rank file, which alone takes a pretokenizer", os.fspath(path))
    hint = "; pretoken counts are opened with PretokenCounts.load" if head.startswith(b"PK") else ""
    raise ModelFormatError(
        "neither a fasttok file nor a tiktoken rank file nor a vocab.txt" + hint, os.fspath(path)
    )
