"""Helpers for several tasks: hashes of results, readers, and files and patterns of other libraries."""

from __future__ import annotations

import hashlib
import os
import re
from collections import deque
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from benchmarks import texts

T = TypeVar("T")
# Work to time, function that describes its result so that results can be compared, and perhaps the seconds
# that loading took.
Work = tuple[Callable[[], Any], Callable[[Any], str]] | tuple[Callable[[], Any], Callable[[Any], str], float]
N_TEXTS = 1000  # number of distinct short strings
# Pattern of GPT-2, parts of the pattern of o200k_base, and the patterns of the encodings of tiktoken.
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
    """Return a short hash of a byte string."""
    return hashlib.sha256(data).hexdigest()[:16]


def hash_ids(ids: Any) -> str:
    """Return a hash of ids that does not depend on their container."""
    return hash_bytes(np.asarray(ids, "<u4").tobytes())


def hash_pieces(pieces: list[bytes]) -> str:
    """Return a hash of merged pieces in the order of the merges."""
    return hash_bytes(b"".join(b"%d:%b" % (len(p), p) for p in pieces))


def call_in_turn(call: Callable[[T], Any], items: Sequence[T], n_calls: int) -> list[Any]:
    """Call a function `n_calls` times, with one item after the other, again and again.

    Only the results of the last calls, one per item, are kept and returned. The memory for all of them, and
    Python's search for garbage in lists, would take half as long as the calls of the fastest library.
    """
    return list(deque(map(call, islice(cycle(items), n_calls)), len(items)))


def hash_rows(rows: list[list[int]]) -> str:
    """Return the hash of the concatenated ids of all rows."""
    return hash_ids(np.concatenate([np.asarray(row, "<u4") for row in rows]))


def hash_counts(counts: list[int]) -> str:
    """Return the hash of numbers of ids."""
    return hash_bytes(repr(counts).encode())


def read_text(path: str) -> str:
    """Return the text of a file with unchanged line ends."""
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def read_bytes(path: str) -> bytes:
    """Return the bytes of a file."""
    with open(path, "rb") as file:
        return file.read()


def strings(path: str, n: int = N_TEXTS, n_characters: int = 50) -> list[str]:
    """Return `n` strings of `n_characters` characters, evenly spread over a file."""
    text = read_text(path)
    step = len(text) // n
    return [text[i * step : i * step + n_characters] for i in range(n)]


def cut_in_documents(text: str, n_bytes: int) -> list[str]:
    """Return a text in documents of at least about `n_bytes` bytes.

    The text is cut between a letter and a space, or after a line that is not blank and before a letter or
    digit. Every pattern splits there anyway, so byte-level BPE gives the documents the ids of the whole text.
    """
    n = n_bytes * len(text) // max(1, len(text.encode()))
    cut = re.compile(r"[a-z](?= )|\S\n(?=[^\W_])")
    documents, start = [], 0
    while match := cut.search(text, start + n):
        documents.append(text[start : match.end()])
        start = match.end()
    return [*documents, text[start:]]


def set_threads(threads: int) -> None:
    """Set the number of threads of most libraries in Rust; call before they are imported."""
    os.environ["RAYON_NUM_THREADS"] = str(threads)


def use_threads(threads: int) -> None:
    """Set the number of threads of libraries in Rust, and of processors; call before threads are started.

    tokenizers 1.0 ignores the number; it starts as many threads as the process may use processors.
    """
    set_threads(threads)
    cpus = sorted(os.sched_getaffinity(0))[-threads:]
    for thread in os.listdir("/proc/self/task"):
        os.sched_setaffinity(int(thread), cpus)


def tiktoken_encoding(ranks: str) -> Any:
    """Load a rank file with tiktoken."""
    import tiktoken
    from tiktoken.load import load_tiktoken_bpe

    name = Path(ranks).name.split(".")[0]
    return tiktoken.Encoding(
        name, pat_str=TIKTOKEN_PATTERNS[name], mergeable_ranks=load_tiktoken_bpe(ranks), special_tokens={}
    )


def huggingface_file(ranks: str) -> str:
    """Return the path of a tokenizer.json with the ids of a rank file; fasttok writes it, except GPT-2's."""
    name = Path(ranks).name.split(".")[0]
    if name == "r50k_base":
        return str(Path(ranks).parent.parent / "huggingface/gpt2_old_format.json")
    return texts.converted(ranks)
