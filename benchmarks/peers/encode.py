"""Encode the text of a file to ids, as uint32 if the library supports it.

fasttok and gigatoken take the bytes of the file on one thread and its path on several threads. The other
libraries take strings.
"""

from __future__ import annotations

from typing import Any

from benchmarks.peers.common import (
    Work,
    cut_in_parts,
    hash_ids,
    hash_rows,
    huggingface_file,
    read_bytes,
    tiktoken_encoding,
    use_threads,
)


def encode_fasttok(path: str, ranks: str, threads: int) -> Work:
    import fasttok as ft

    tok = ft.load(ranks)
    if threads == 1:
        data = read_bytes(path)
        return lambda: tok.encode(data), hash_ids
    return lambda: tok.encode_files(path, workers=threads).values, hash_ids


def encode_tiktoken(path: str, ranks: str, threads: int) -> Work:
    encoding = tiktoken_encoding(ranks)
    texts = cut_in_parts(path)
    return lambda: encoding.encode_ordinary_batch(texts, num_threads=threads), hash_rows


def encode_gigatoken(path: str, ranks: str, threads: int) -> Work:
    import gigatoken

    tok = gigatoken.Tokenizer.from_tiktoken(ranks)
    if threads == 1:
        data = read_bytes(path)
        return lambda: tok.encode(data), hash_ids
    return lambda: tok.encode_files(path), lambda rows: hash_ids(rows[0])


def encode_tokie(path: str, ranks: str, threads: int) -> Work:
    use_threads(threads)
    import tokie

    tok = tokie.Tokenizer.from_json(huggingface_file(ranks))
    texts = cut_in_parts(path)
    return lambda: tok.encode_batch_flat(texts, add_special_tokens=False), lambda result: hash_ids(result[0])


def encode_tokenizers(path: str, ranks: str, threads: int) -> Work:
    use_threads(threads)
    import tokenizers

    tok = tokenizers.Tokenizer.from_file(huggingface_file(ranks))
    texts = cut_in_parts(path)

    def work() -> Any:
        return [row.ids for row in tok.encode_batch_fast(texts, add_special_tokens=False)]

    return work, hash_rows


TASK = {
    "fasttok": encode_fasttok,
    "gigatoken": encode_gigatoken,
    "tokie": encode_tokie,
    "tiktoken": encode_tiktoken,
    "tokenizers": encode_tokenizers,
}
