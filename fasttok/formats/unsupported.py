"""Recognize files that fasttok cannot load as tokenizers, for helpful error messages."""

from __future__ import annotations

import re

# Start of a sentencepiece model, which is a protocol buffer: length of the first entry, and length of the
# piece in it.
_PIECE = re.compile(rb"\n[\0-\x7f]\n([\0-\x7f])", re.DOTALL)
# Protocol buffer tags of the score and type of an entry; one of them follows the piece.
_AFTER_TEXT = (b"\x15", b"\x18")


def describe_unsupported(head: bytes) -> str | None:
    """Return a message that says what an unsupported file is and what opens it; None for any other file."""
    piece = _PIECE.match(head)
    if piece is not None and head[piece.end() + piece[1][0] :].startswith(_AFTER_TEXT):
        return (
            "a sentencepiece model, which fasttok cannot load; to measure it, load it with sentencepiece and "
            "pass the result to ft.wrap"
        )
    if head.startswith(b"PK\x03\x04"):
        return "a zip archive, not a tokenizer; load pretoken counts with PretokenCounts.load"
    return None
