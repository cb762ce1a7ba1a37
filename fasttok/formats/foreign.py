"""Files that are no tokenizer, or one that is not read here: recognized to say so."""

from __future__ import annotations

import re

# A sentencepiece model begins with a piece: its length, the length of its text, the text, a score or a type.
_PIECE = re.compile(rb"\n[\0-\x7f]\n([\0-\x7f])", re.DOTALL)
_AFTER_TEXT = (b"\x15", b"\x18")


def describe_foreign(head: bytes) -> str | None:
    """Return what a file is that no format reads, and what opens it; None if it is nothing known here."""
    piece = _PIECE.match(head)
    if piece is not None and head[piece.end() + piece[1][0] :].startswith(_AFTER_TEXT):
        return (
            "a sentencepiece model, which is not read here; to measure it, open it with its own library and "
            "give that to ft.wrap"
        )
    if head.startswith(b"PK\x03\x04"):
        return "a zip archive; pretoken counts are opened with PretokenCounts.load"
    return None
