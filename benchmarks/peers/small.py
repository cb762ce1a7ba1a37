"""Encode short texts, to measure the cost of a call: strings of 50 characters to lists of int.

Every call encodes `n_texts` strings; if that is 1, each call encodes the next string. Each library uses its
default number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import cycle, islice
from typing import Any

from benchmarks.peers.common import Work, hash_rows, huggingface_file, read_text, tiktoken_encoding

N_TEXTS = 1000  # number of distinct strings
One = Callable[[str], list[int]]
Many = Callable[[list[str]], list[list[int]]]


def strings(path: str, n: int = N_TEXTS, n_characters: int = 50) -> list[str]:
    """Return `n` strings of `n_characters` characters, evenly spread over a file."""
    text = read_text(path)
    step = len(text) // n
    return [text[i * step : i * step + n_characters] for i in range(n)]


def calls(path: str, n_texts: int, n_calls: int, one: One, many: Many) -> Work:
    """Return the work of `n_calls` calls; the ids of the last 1,000 strings are compared."""
    texts = strings(path)

    def work() -> Any:
        if n_texts == 1:
            return [one(text) for text in islice(cycle(texts), n_calls)][-N_TEXTS:]
        for _ in range(n_calls):
            rows = many(texts)
        return rows

    return work, hash_rows


def small_fasttok(path: str, ranks: str, n_texts: int, n_calls: int) -> Work:
    import fasttok as ft

    tok = ft.load(ranks)
    return calls(
        path,
        n_texts,
        n_calls,
        partial(tok.encode, as_list=True),
        partial(tok.encode_batch, as_list=True),
    )


def small_tiktoken(path: str, ranks: str, n_texts: int, n_calls: int) -> Work:
    encoding = tiktoken_encoding(ranks)
    return calls(path, n_texts, n_calls, encoding.encode_ordinary, encoding.encode_ordinary_batch)


def small_gigatoken(path: str, ranks: str, n_texts: int, n_calls: int) -> Work:
    import gigatoken

    tok = gigatoken.Tokenizer.from_tiktoken(ranks)
    return calls(path, n_texts, n_calls, lambda text: tok.encode(text).tolist(), tok.encode_batch_list)


def small_tokie(path: str, ranks: str, n_texts: int, n_calls: int) -> Work:
    import tokie

    tok = tokie.Tokenizer.from_json(huggingface_file(ranks))
    return calls(
        path,
        n_texts,
        n_calls,
        lambda text: tok.encode(text, add_special_tokens=False).ids,
        lambda texts: [row.ids for row in tok.encode_batch(texts, add_special_tokens=False)],
    )


def small_tokenizers(path: str, ranks: str, n_texts: int, n_calls: int) -> Work:
    import tokenizers

    tok = tokenizers.Tokenizer.from_file(huggingface_file(ranks))
    return calls(
        path,
        n_texts,
        n_calls,
        lambda text: tok.encode(text, add_special_tokens=False).ids,
        lambda texts: [row.ids for row in tok.encode_batch_fast(texts, add_special_tokens=False)],
    )


TASK = {
    "fasttok": small_fasttok,
    "gigatoken": small_gigatoken,
    "tokie": small_tokie,
    "tiktoken": small_tiktoken,
    "tokenizers": small_tokenizers,
}
