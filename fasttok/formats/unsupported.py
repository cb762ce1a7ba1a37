"""Recognize files that fasttok cannot load as tokenizers, for helpful error messages."""

from __future__ import annotations

import codecs
import os
import re

from fasttok.formats.huggingface.folder import SETTINGS

# Start of a sentencepiece model, which is a protocol buffer: length of the first entry, and length of the
# piece in it.
_PIECE = re.compile(rb"\n[\0-\x7f]\n([\0-\x7f])", re.DOTALL)
# Protocol buffer tags of the score and type of an entry; one of them follows the piece.
_AFTER_TEXT = (b"\x15", b"\x18")
# Files beside a tokenizer in the folder of a model.
_SETTINGS = (*SETTINGS, "generation_config.json")


def describe_unsupported(head: bytes, path: str) -> str | None:
    """Return a message that says what an unsupported file is and what opens it; None for any other file."""
    name = os.path.basename(path).lower()
    if name in _SETTINGS:
        return "settings of a model, not a tokenizer; load the folder, in which the tokenizer is another file"
    if not head:
        return "an empty file"
    if head.startswith(codecs.BOM_UTF8 + b"{"):
        return "JSON that begins with a byte order mark; save the file without it"
    if name.endswith(".json") and not head.lstrip().startswith(b"{"):
        return "not a JSON object, so not a tokenizer"
    piece = _PIECE.match(head)
    if piece is not None and head[piece.end() + piece[1][0] :].startswith(_AFTER_TEXT):
        return (
            "a sentencepiece model, which fasttok cannot load; to measure it, load it with sentencepiece and "
            "pass the result to ft.wrap"
        )
    if head.startswith(b"PK\x03\x04"):
        return "a zip archive, not a tokenizer; load pretoken counts with PretokenCounts.load"
    return None
