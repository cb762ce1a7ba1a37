"""Encode strings of 50 characters, to measure the cost of a call.

A kind of call encodes one string to a list of int, to an array or to a count; one string to a list with
special tokens allowed; several strings to lists; or one string to a list, from eight Python threads. Each
library uses its default number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from benchmarks.peers import special
from benchmarks.peers.common import (
    Work,
    call_in_turn,
    hash_counts,
    hash_rows,
    huggingface_file,
    strings,
    tiktoken_encoding,
)

# Kinds of calls, and the number of strings of a call.
KINDS = {
    "to a list": 1,
    "to an array": 1,
    "to a count": 1,
    "special tokens": 1,
    "8 threads": 1,
    "8 strings": 8,
    "1,000 strings": 1000,
}
N_THREADS = 8
N_SPECIAL = 5  # number of special tokens of the vocabulary, for calls that allow them
One = Callable[[str], Any]
Many = Callable[[list[str]], list[list[int]]]


def calls(path: str, kind: str, n_calls: int, one: One, many: Many) -> Work:
    """Return the work of `n_calls` calls; the results of the last 1,000 strings are compared."""
    texts, size = strings(path), KINDS[kind]
    if kind == "8 threads":
        pool = ThreadPoolExecutor(N_THREADS)

        def encode_all(n: int) -> Any:
            return call_in_turn(one, texts, n)

        def in_threads() -> Any:
            return list(pool.map(encode_all, [n_calls // N_THREADS] * N_THREADS))[-1]

        return in_threads, hash_rows
    if size == 1:
        compare = hash_counts if kind == "to a count" else hash_rows
        return lambda: call_in_turn(one, texts, n_calls), compare
    batches = [texts[i : i + size] for i in range(0, len(texts), size)]

    def work() -> Any:
        return call_in_turn(many, batches, n_calls)

    return work, lambda results: hash_rows([row for rows in results for row in rows])


def small_fasttok(path: str, ranks: str, kind: str, n_calls: int) -> Work:
    import fasttok as ft

    tok = special.load_fasttok(ranks, N_SPECIAL) if kind == "special tokens" else ft.load(ranks)
    # No `partial` with named arguments, which takes longer to call.
    one: One = {
        "to an array": tok.encode,
        "to a count": tok.count,
        "special tokens": lambda text: tok.encode(text, special="all", as_list=True),
    }.get(kind, lambda text: tok.encode(text, as_list=True))
    return calls(path, kind, n_calls, one, lambda texts: tok.encode_batch(texts, as_list=True))


def small_tiktoken(path: str, ranks: str, kind: str, n_calls: int) -> Work:
    load = (
        partial(special.load_tiktoken, n_tokens=N_SPECIAL) if kind == "special tokens" else tiktoken_encoding
    )
    encoding = load(ranks)
    one = {
        "to an array": encoding.encode_to_numpy,
        "to a count": lambda text: len(encoding.encode_ordinary(text)),
        "special tokens": lambda text: encoding.encode(text, allowed_special="all"),
    }.get(kind, encoding.encode_ordinary)
    return calls(path, kind, n_calls, one, encoding.encode_ordinary_batch)


def small_gigatoken(path: str, ranks: str, kind: str, n_calls: int) -> Work:
    import gigatoken

    tok = gigatoken.Tokenizer.from_tiktoken(ranks)
    one = tok.encode if kind == "to an array" else lambda text: tok.encode(text).tolist()
    return calls(path, kind, n_calls, one, tok.encode_batch_list)


def small_tokie(path: str, ranks: str, kind: str, n_calls: int) -> Work:
    import tokie

    tok = tokie.Tokenizer.from_json(huggingface_file(ranks))
    to_list = lambda text: tok.encode(text, add_special_tokens=False).ids  # noqa: E731
    one = tok.count_tokens if kind == "to a count" else to_list
    return calls(
        path,
        kind,
        n_calls,
        one,
        lambda texts: [row.ids for row in tok.encode_batch(texts, add_special_tokens=False)],
    )


def small_kitoken(path: str, ranks: str, kind: str, n_calls: int) -> Work:
    from kitoken import Kitoken

    tok = Kitoken.from_tiktoken_file(ranks)
    return calls(path, kind, n_calls, tok.encode, tok.encode_all)


def small_tokenizers(path: str, ranks: str, kind: str, n_calls: int) -> Work:
    import tokenizers

    tok = tokenizers.Tokenizer.from_file(huggingface_file(ranks))
    many = getattr(tok, "encode_batch_fast", tok.encode_batch)  # 1.0 has only encode_batch
    return calls(
        path,
        kind,
        n_calls,
        lambda text: tok.encode(text, add_special_tokens=False).ids,
        lambda texts: [row.ids for row in many(texts, add_special_tokens=False)],
    )


TASK = {
    "fasttok": small_fasttok,
    "gigatoken": small_gigatoken,
    "tiktoken": small_tiktoken,
    "tokie": small_tokie,
    "kitoken": small_kitoken,
    "tokenizers": small_tokenizers,
    "tokenizers-pre": small_tokenizers,
}
# Libraries that have each kind of call; all have the others.
_ONLY = {
    "to an array": ("fasttok", "gigatoken", "tiktoken"),
    "to a count": ("fasttok", "tiktoken", "tokie"),
    "special tokens": ("fasttok", "tiktoken"),
}


def libraries_for(kind: str) -> tuple[str, ...]:
    """Return the names of the libraries that have a kind of call."""
    return _ONLY.get(kind, tuple(TASK))
