"""Recognize files that fasttok cannot load as tokenizers, for helpful error messages."""

from __future__ import annotations

import codecs
import os

from fasttok.formats.huggingface.folder import SETTINGS

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
    if head.startswith(b"PK\x03\x04"):
        return "a zip archive, not a tokenizer; load pretoken counts with PretokenCounts.load"
    return None
