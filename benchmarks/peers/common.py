"""What the functions of several tasks share: hashes to compare results by, and others' files and patterns."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Work = tuple[Callable[[], Any], Callable[[Any], str]]
GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
SHORT = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
TIKTOKEN_PATTERNS = {
    "r50k_base": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s",
    "cl100k_base": (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
        r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
    ),
    "o200k_base": (
        rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{SHORT}|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{SHORT}"
        r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
}


def hash_bytes(data: bytes) -> str:
    """A hash of a byte string, short enough to read."""
    return hashlib.sha256(data).hexdigest()[:16]


def hash_ids(ids: Any) -> str:
    """A hash of ids that does not depend on what they are kept in."""
    return hash_bytes(np.asarray(ids, "<u4").tobytes())


def hash_pieces(pieces: list[bytes]) -> str:
    """A hash of the merged pieces, in the order in which they were made."""
    return hash_bytes(b"".join(b"%d:%b" % (len(p), p) for p in pieces))


def hash_rows(rows: list[list[int]]) -> str:
    """As `hash_ids`, of rows one after another."""
    return hash_ids(np.concatenate([np.asarray(row, "<u4") for row in rows]))


def read_text(path: str) -> str:
    """A file's text with its line ends as they are."""
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def read_bytes(path: str) -> bytes:
    """A file's bytes."""
    with open(path, "rb") as file:
        return file.read()


def cut_in_parts(path: str) -> list[str]:
    """A file's text in parts of some 50 KB, for libraries that work on batches of strings.

    Cut between a letter and a space, where each of the patterns cuts anyway: the ids are those of the file.
    """
    text = read_text(path)
    parts = []
    start = 0
    while match := re.compile(r"[a-z](?= )").search(text, start + 50_000):
        parts.append(text[start : match.end()])
        start = match.end()
    return [*parts, text[start:]]


def use_threads(threads: int) -> None:
    """Tell the libraries in Rust, before they are imported."""
    os.environ["RAYON_NUM_THREADS"] = str(threads)


def tiktoken_encoding(ranks: str) -> Any:
    """A rank file in tiktoken."""
    import tiktoken
    from tiktoken.load import load_tiktoken_bpe

    name = Path(ranks).name.split(".")[0]
    return tiktoken.Encoding(
        name, pat_str=TIKTOKEN_PATTERNS[name], mergeable_ranks=load_tiktoken_bpe(ranks), special_tokens={}
    )


def huggingface_file(ranks: str) -> str:
    """GPT-2 as a tokenizer.json, whose ids are those of r50k; there is none for other rank files."""
    if "r50k" not in ranks:
        raise LookupError("no tokenizer.json of this vocabulary")
    return str(Path(ranks).parent.parent / "huggingface/gpt2_old_format.json")
