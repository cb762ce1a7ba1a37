"""Write small tekken.json files as Mistral's, and read the ranks as ``mistral-common`` does."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

# The pattern of the files that Mistral has released.
PATTERN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def make_fields(
    pieces: list[bytes],
    n_unused: int = 0,
    version: str = "v3",
    special: list[str] | None = None,
    n_special: int = 30,
) -> dict[str, Any]:
    """Return the content of a file with 256 bytes and pieces, the last `n_unused` of which are not in use."""
    rows = [*(bytes([byte]) for byte in range(256)), *pieces]
    fields: dict[str, Any] = {
        "config": {
            "pattern": PATTERN,
            "num_vocab_tokens": len(rows),
            "default_vocab_size": n_special + len(rows) - n_unused,
            "default_num_special_tokens": n_special,
            "version": version,
        },
        "vocab": [
            {"rank": i, "token_bytes": base64.b64encode(row).decode(), "token_str": _text(row)}
            for i, row in enumerate(rows)
        ],
    }
    if special is not None:
        fields["special_tokens"] = [
            {"rank": i, "token_str": token, "is_control": True} for i, token in enumerate(special)
        ]
    return fields


def _text(piece: bytes) -> str | None:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return None


def write(path: Path, fields: dict[str, Any]) -> Path:
    """Write a file."""
    path.write_text(json.dumps(fields, indent=2))
    return path


def read_ranks(fields: dict[str, Any]) -> dict[bytes, int]:
    """Return the ranks that are in use."""
    config = fields["config"]
    n = config["default_vocab_size"] - config["default_num_special_tokens"]
    return {base64.b64decode(row["token_bytes"]): row["rank"] for row in fields["vocab"][:n]}
