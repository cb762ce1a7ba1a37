"""Load a tokenizer file with many added tokens, and encode a text with them on one thread.

The file is written before the measurement. The results that are compared are the ids of a short text for the
step *load*, and all ids for the step *encode*.
"""

from __future__ import annotations

import random
from typing import Any

from benchmarks.peers.common import Work, hash_ids, huggingface_file, read_text, use_threads
from benchmarks.texts import SCRATCH

LETTERS = "abcdefghijklmnopqrstuvwxyz"
N_COMPARED = 100_000  # number of characters of the short text


def tokens(n: int) -> list[str]:
    """Return `n` random strings of 6 to 12 letters; a few of them occur inside English words."""
    rng = random.Random(1)  # noqa: S311 (must be reproducible)
    found: dict[str, None] = {}
    while len(found) < n:
        found["".join(rng.choices(LETTERS, k=rng.randint(6, 12)))] = None
    return list(found)


def added_fasttok(path: str, ranks: str, n_tokens: int, step: str) -> Work:
    import fasttok as ft

    file = SCRATCH / f"added-{n_tokens}.fasttok.json"
    ft.load(ranks).add_tokens(tokens(n_tokens)).save(file)
    text = read_text(path)
    if step == "load":
        return lambda: ft.load(file), lambda tok: hash_ids(tok.encode(text[:N_COMPARED]))
    tok = ft.load(file)
    return lambda: tok.encode(text), hash_ids


def added_tokenizers(path: str, ranks: str, n_tokens: int, step: str) -> Work:
    use_threads(1)
    from tokenizers import AddedToken, Tokenizer

    file = str(SCRATCH / f"added-{n_tokens}.tokenizer.json")
    made = Tokenizer.from_file(huggingface_file(ranks))
    made.add_tokens([AddedToken(text, normalized=False) for text in tokens(n_tokens)])
    made.save(file)
    text = read_text(path)

    def encode(tok: Any, text: str) -> list[int]:
        ids: list[int] = tok.encode(text, add_special_tokens=False).ids
        return ids

    if step == "load":
        return lambda: Tokenizer.from_file(file), lambda tok: hash_ids(encode(tok, text[:N_COMPARED]))
    tok = Tokenizer.from_file(file)
    return lambda: encode(tok, text), hash_ids


TASK = {"fasttok": added_fasttok, "tokenizers": added_tokenizers}
