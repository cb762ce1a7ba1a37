"""Decode the ids of a whole file to bytes. The ids are an array or a list, as the library returns them."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.common import Work, hash_bytes, huggingface_file, tiktoken_encoding


def ids_of(path: str, ranks: str) -> Any:
    """Return the ids of a file."""
    import fasttok as ft

    return ft.load(ranks).encode_files(path).values


def decode_fasttok(path: str, ranks: str) -> Work:
    import fasttok as ft

    tok, ids = ft.load(ranks), ids_of(path, ranks)
    return lambda: tok.decode_bytes(ids), hash_bytes


def decode_tiktoken(path: str, ranks: str) -> Work:
    encoding, ids = tiktoken_encoding(ranks), ids_of(path, ranks).tolist()
    return lambda: encoding.decode_bytes(ids), hash_bytes


def decode_gigatoken(path: str, ranks: str) -> Work:
    import gigatoken

    tok, ids = gigatoken.Tokenizer.from_tiktoken(ranks), ids_of(path, ranks)
    return lambda: tok.decode(ids), hash_bytes


def decode_tokie(path: str, ranks: str) -> Work:
    import tokie

    tok, ids = tokie.Tokenizer.from_json(huggingface_file(ranks)), ids_of(path, ranks).tolist()
    return lambda: tok.decode_bytes(ids), hash_bytes


TASK = {
    "fasttok": decode_fasttok,
    "gigatoken": decode_gigatoken,
    "tokie": decode_tokie,
    "tiktoken": decode_tiktoken,
}
