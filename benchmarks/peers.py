"""One function a library and task: how its users would do the same work, as fast as it goes.

Each runs in a process of its own. It is given the arguments of the task and returns the work to time, as
a function of nothing, and what turns that work's result into something to compare.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

import numpy as np

Work = tuple[Callable[[], Any], Callable[[Any], str]]
GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
TIKTOKEN_PATTERNS = {
    "r50k_base": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s",
    "cl100k_base": (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
        r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
    ),
}


def hash_ids(ids: Any) -> str:
    """A hash of ids that does not depend on what they are kept in."""
    return hashlib.sha256(np.asarray(ids, "<u4").tobytes()).hexdigest()[:16]


def hash_pieces(pieces: list[bytes]) -> str:
    """A hash of the merged pieces, in the order in which they were made."""
    return hashlib.sha256(b"".join(b"%d:%b" % (len(p), p) for p in pieces)).hexdigest()[:16]


def hash_rows(rows: list[list[int]]) -> str:
    """As `hash_ids`, of rows one after another."""
    return hash_ids(np.concatenate([np.asarray(row, "<u4") for row in rows]))


def cut_in_parts(path: str) -> list[str]:
    """A file's text in parts of some 50 KB, for libraries that work on batches of strings.

    Cut between a letter and a space, where each of the patterns cuts anyway: the ids are those of the file.
    """
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    parts = []
    start = 0
    while match := re.compile(r"[a-z](?= )").search(text, start + 50_000):
        parts.append(text[start : match.end()])
        start = match.end()
    return [*parts, text[start:]]


def unwritten(piece: str) -> bytes:
    """The bytes of a piece in GPT-2's writing."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in visible]
    byte_of = {chr(b): b for b in visible} | {chr(256 + i): b for i, b in enumerate(others)}
    return bytes(byte_of[c] for c in piece)


# Training: the file in, a tokenizer out, all with GPT-2's pattern. Libraries differ in what a document is
# (the file, or each line with its end) and in how ties break; each is compared with fasttok doing the same.


def train_fasttok(path: str, vocab_size: int, threads: int, documents: str = "file", **options: Any) -> Work:
    import fasttok as ft

    def lines() -> Any:
        with open(path, "rb") as file:
            yield from file

    def work() -> Any:
        corpus = ft.Corpus.from_files(path) if documents == "file" else ft.Corpus.from_texts(lines)
        return ft.train(corpus, vocab_size=vocab_size, workers=threads, **options)

    return work, lambda tok: hash_pieces(tok.model.pieces.to_bytes()[256:])


def train_as_gigatoken(path: str, vocab_size: int, threads: int) -> Work:
    return train_fasttok(path, vocab_size, threads, compat="huggingface")


def train_as_tokenizers(path: str, vocab_size: int, threads: int) -> Work:
    return train_fasttok(path, vocab_size, threads, "lines", compat="huggingface")


def train_gigabpe(path: str, vocab_size: int, threads: int) -> Work:
    import gigabpe

    def work() -> Any:
        return gigabpe.train_bpe([path], vocab_size, pretokenizer="bytelevel", threads=threads)

    # Its alphabet is the bytes it has seen, so it makes a few merges more than the others.
    return work, lambda result: hash_pieces([unwritten(a + b) for a, b in result[1][: vocab_size - 256]])


def train_gigatoken(path: str, vocab_size: int, threads: int) -> Work:
    import gigatoken

    def work() -> Any:
        return gigatoken.train_bpe(gigatoken.TextFileSource([path]), vocab_size, [])

    return work, lambda result: hash_pieces([a + b for a, b in result[1]])


def train_rustbpe(path: str, vocab_size: int, threads: int) -> Work:
    import rustbpe

    def work() -> Any:
        tok = rustbpe.Tokenizer()
        with open(path, encoding="utf-8", newline="") as file:
            tok.train_from_iterator(iter([file.read()]), vocab_size, pattern=GPT2)
        return tok

    return work, lambda tok: hash_pieces([bytes(piece) for piece, _ in tok.get_mergeable_ranks()][256:])


def train_tokenizers(path: str, vocab_size: int, threads: int) -> Work:
    import json

    import tokenizers
    from tokenizers import pre_tokenizers

    def work() -> Any:
        tok = tokenizers.Tokenizer(tokenizers.models.BPE())
        tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=vocab_size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
        )
        tok.train([path], trainer)
        return tok

    def merged(tok: Any) -> str:
        return hash_pieces([unwritten(a + b) for a, b in json.loads(tok.to_str())["model"]["merges"]])

    return work, merged


# Encoding: the file's text in, ids out, as uint32 where the library offers it.


def encode_fasttok(path: str, ranks: str, threads: int) -> Work:
    import fasttok as ft

    tok = ft.load(ranks)
    return lambda: tok.encode_files(path, workers=threads).values, hash_ids


def encode_tiktoken(path: str, ranks: str, threads: int) -> Work:
    import os

    import tiktoken
    from tiktoken.load import load_tiktoken_bpe

    name = os.path.basename(ranks).split(".")[0]
    encoding = tiktoken.Encoding(
        name, pat_str=TIKTOKEN_PATTERNS[name], mergeable_ranks=load_tiktoken_bpe(ranks), special_tokens={}
    )
    texts = cut_in_parts(path)
    return lambda: encoding.encode_ordinary_batch(texts, num_threads=threads), hash_rows


def encode_gigatoken(path: str, ranks: str, threads: int) -> Work:
    import gigatoken

    tok = gigatoken.Tokenizer.from_tiktoken(ranks)
    if threads == 1:
        with open(path, "rb") as file:
            data = file.read()
        return lambda: tok.encode(data), hash_ids
    return lambda: tok.encode_files(path), lambda rows: hash_ids(rows[0])


def encode_tokie(path: str, ranks: str, threads: int) -> Work:
    import os

    os.environ["RAYON_NUM_THREADS"] = str(threads)
    import tokie

    tok = tokie.Tokenizer.from_json(_huggingface_file(ranks))
    texts = cut_in_parts(path)
    return lambda: tok.encode_batch_flat(texts, add_special_tokens=False), lambda result: hash_ids(result[0])


def encode_tokenizers(path: str, ranks: str, threads: int) -> Work:
    import os

    os.environ["RAYON_NUM_THREADS"] = str(threads)
    import tokenizers

    tok = tokenizers.Tokenizer.from_file(_huggingface_file(ranks))
    texts = cut_in_parts(path)

    def work() -> Any:
        return [row.ids for row in tok.encode_batch_fast(texts, add_special_tokens=False)]

    return work, hash_rows


def _huggingface_file(ranks: str) -> str:
    """GPT-2 as a tokenizer.json, whose ids are those of r50k; there is none for other rank files."""
    from pathlib import Path

    if "r50k" not in ranks:
        raise LookupError("no tokenizer.json of this vocabulary")
    return str(Path(ranks).parent.parent / "huggingface/gpt2_old_format.json")


# The fasttok run whose result a library's must equal, where it is not the one that is timed.
REFERENCES: dict[str, dict[str, Callable[..., Work]]] = {
    "train": {
        "gigabpe": train_as_tokenizers,
        "gigatoken": train_as_gigatoken,
        "tokenizers": train_as_tokenizers,
    },
    "encode": {},
}
TASKS: dict[str, dict[str, Callable[..., Work]]] = {
    "train": {
        "fasttok": train_fasttok,
        "gigabpe": train_gigabpe,
        "gigatoken": train_gigatoken,
        "rustbpe": train_rustbpe,
        "tokenizers": train_tokenizers,
    },
    "encode": {
        "fasttok": encode_fasttok,
        "gigatoken": encode_gigatoken,
        "tokie": encode_tokie,
        "tiktoken": encode_tiktoken,
        "tokenizers": encode_tokenizers,
    },
}
