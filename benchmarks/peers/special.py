"""Encode short texts with special tokens allowed: one string per call, to lists of int.

`within` is the number of special tokens in each text. If it is 0, allowing them changes no id, so that
results with and without special tokens are compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.peers.common import (
    N_TEXTS,
    Work,
    call_in_turn,
    hash_counts,
    hash_rows,
    strings,
    tiktoken_encoding,
)


def names(n_tokens: int) -> list[str]:
    """Return the texts of special tokens, which begin alike, as those of most models do."""
    return [f"<|special_{i}|>" for i in range(n_tokens)]


def calls(
    path: str, n_tokens: int, n_characters: int, within: int, n_calls: int, one: Callable[[str], list[int]]
) -> Work:
    """Return the work of `n_calls` calls; the ids of the last 1,000 strings are compared."""
    tokens = names(n_tokens)[-within:] if within else []
    texts = [
        "".join([token + text for token in tokens]) or text for text in strings(path, N_TEXTS, n_characters)
    ]
    return lambda: call_in_turn(one, texts, n_calls), hash_rows


def load_fasttok(ranks: str, n_tokens: int) -> Any:
    import fasttok as ft

    tok = ft.load(ranks)
    ids = {name: len(tok.model.pieces) + i for i, name in enumerate(names(n_tokens))}
    return ft.Tokenizer(tok.model, tok.pretokenizer, ids)


def load_tiktoken(ranks: str, n_tokens: int) -> Any:
    import tiktoken

    encoding = tiktoken_encoding(ranks)
    first = encoding.n_vocab
    return tiktoken.Encoding(
        "special",
        pat_str=encoding._pat_str,
        mergeable_ranks=encoding._mergeable_ranks,
        special_tokens={name: first + i for i, name in enumerate(names(n_tokens))},
    )


def all_fasttok(path: str, ranks: str, n_tokens: int, n_characters: int, within: int, n_calls: int) -> Work:
    tok = load_fasttok(ranks, n_tokens)
    return calls(
        path, n_tokens, n_characters, within, n_calls, lambda t: tok.encode(t, special="all", as_list=True)
    )


def none_fasttok(path: str, ranks: str, n_tokens: int, n_characters: int, within: int, n_calls: int) -> Work:
    tok = load_fasttok(ranks, n_tokens)
    return calls(path, n_tokens, n_characters, within, n_calls, lambda t: tok.encode(t, as_list=True))


def set_fasttok(path: str, ranks: str, n_tokens: int, n_characters: int, within: int, n_calls: int) -> Work:
    tok, last = load_fasttok(ranks, n_tokens), names(n_tokens)[-3:]
    return calls(
        path, n_tokens, n_characters, within, n_calls, lambda t: tok.encode(t, special={*last}, as_list=True)
    )


def count_fasttok(path: str, ranks: str, n_tokens: int, n_characters: int, within: int, n_calls: int) -> Work:
    tok = load_fasttok(ranks, n_tokens)
    work, _ = calls(path, n_tokens, n_characters, within, n_calls, lambda t: tok.count(t, special="all"))
    return work, hash_counts


def counted_fasttok(
    path: str, ranks: str, n_tokens: int, n_characters: int, within: int, n_calls: int
) -> Work:
    work, _ = all_fasttok(path, ranks, n_tokens, n_characters, within, n_calls)
    return work, lambda rows: hash_counts(list(map(len, rows)))


def all_tiktoken(path: str, ranks: str, n_tokens: int, n_characters: int, within: int, n_calls: int) -> Work:
    encoding = load_tiktoken(ranks, n_tokens)
    return calls(
        path, n_tokens, n_characters, within, n_calls, lambda t: encoding.encode(t, allowed_special="all")
    )


def none_tiktoken(path: str, ranks: str, n_tokens: int, n_characters: int, within: int, n_calls: int) -> Work:
    return calls(
        path, n_tokens, n_characters, within, n_calls, load_tiktoken(ranks, n_tokens).encode_ordinary
    )


TASK = {
    "fasttok": all_fasttok,
    "fasttok, none": none_fasttok,
    "fasttok, a set": set_fasttok,
    "fasttok, count": count_fasttok,
    "tiktoken": all_tiktoken,
    "tiktoken, none": none_tiktoken,
}
REFERENCES = {"fasttok, count": counted_fasttok}
