"""Encode strings to ids with offsets, one string per call, on one thread.

``fasttok, ids only`` encodes the same strings without offsets. Only the ids are compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.peers.common import N_TEXTS, Work, call_in_turn, hash_rows, huggingface_file, strings
from benchmarks.peers.unigram import load_in_fasttok
from benchmarks.peers.wordpiece import tokenizer_json


def calls(path: str, n_characters: int, n_calls: int, one: Callable[[str], Any]) -> Work:
    """Return the work of `n_calls` calls; the results of the last 1,000 calls are compared."""
    texts = strings(path, min(n_calls, N_TEXTS), n_characters)
    return lambda: call_in_turn(one, texts, n_calls), hash_rows


def load(vocabulary: str) -> Any:
    """Load a sentencepiece model, a BERT vocabulary or a rank file with fasttok."""
    import fasttok as ft

    if vocabulary.endswith(".model"):
        return load_in_fasttok(vocabulary)
    return ft.load(vocabulary, lowercase=True) if vocabulary.endswith(".txt") else ft.load(vocabulary)


def offsets_fasttok(path: str, vocabulary: str, n_characters: int, n_calls: int) -> Work:
    tok = load(vocabulary)
    return calls(path, n_characters, n_calls, lambda text: tok.encode_with_offsets(text).ids)


def ids_fasttok(path: str, vocabulary: str, n_characters: int, n_calls: int) -> Work:
    return calls(path, n_characters, n_calls, load(vocabulary).encode)


def offsets_tokenizers(path: str, vocabulary: str, n_characters: int, n_calls: int) -> Work:
    import tokenizers

    if vocabulary.endswith(".model"):
        raise LookupError(f"no tokenizer.json for {vocabulary}")
    file_of = tokenizer_json if vocabulary.endswith(".txt") else huggingface_file
    tok = tokenizers.Tokenizer.from_file(file_of(vocabulary))
    tok.no_padding()
    tok.no_truncation()

    def one(text: str) -> list[int]:
        encoding = tok.encode(text, add_special_tokens=False)
        _ = encoding.offsets
        ids: list[int] = encoding.ids
        return ids

    return calls(path, n_characters, n_calls, one)


TASK = {
    "fasttok": offsets_fasttok,
    "fasttok, ids only": ids_fasttok,
    "tokenizers": offsets_tokenizers,
}
