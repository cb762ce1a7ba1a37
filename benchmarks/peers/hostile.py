"""Train on and encode texts that are one pretoken of many megabytes.

Only fasttok is measured, because the other libraries hang or run out of memory.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peers.common import Work, hash_ids, hash_pieces

MILLION = 1_000_000
TEXTS: dict[str, Callable[[], bytes]] = {
    "`a` × 10,000,000": lambda: b"a" * 10 * MILLION,
    "space × 10,000,000": lambda: b" " * 10 * MILLION,
    "space × 10,000,000 and `x`": lambda: b" " * 10 * MILLION + b"x",
    "`ab` × 5,000,000": lambda: b"ab" * 5 * MILLION,
    "100,000,000 random letters": lambda: (
        np.random.default_rng(0).integers(ord("a"), ord("z") + 1, 100 * MILLION, np.uint8).tobytes()
    ),
}
VOCAB_SIZE = 1000


def train_hostile(name: str) -> Work:
    import fasttok as ft

    corpus = ft.Corpus.from_texts([TEXTS[name]()])

    def work() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some of the texts have too few pairs for this vocabulary size
            return ft.train(corpus, pretokenizer="gpt2", vocab_size=VOCAB_SIZE)

    return work, lambda tok: hash_pieces(tok.model.pieces.to_bytes())


def encode_hostile(name: str, model: str) -> Work:
    import fasttok as ft

    tok, text = ft.load(model), TEXTS[name]()

    def compare(ids: Any) -> str:
        if tok.decode_bytes(ids) != text:
            raise SystemExit(f"{name}: decoding the ids does not give the text")
        return hash_ids(ids)

    return lambda: tok.encode(text), compare
