"""Learn from the ids of a text: an n-gram language model, and counts of neighbours for word vectors.

The lines of the text are encoded to a token store before the time starts. Its ids are on disk.
"""

from __future__ import annotations

import tempfile
from typing import Any

from benchmarks.peers.common import Work


def _make_store(path: str, ranks: str) -> tuple[Any, Any, Any]:
    """Return a tokenizer, the store of a text, and its folder, which must be kept."""
    import fasttok as ft

    folder = tempfile.TemporaryDirectory()
    tok = ft.load(ranks)
    store = tok.encode_corpus(ft.Corpus.from_files(path, document="line"), f"{folder.name}/a.tokens")
    return tok, store, folder


def fit_ngrams(path: str, ranks: str, order: int) -> Work:
    import fasttok as ft

    _, store, folder = _make_store(path, ranks)

    def work(folder: Any = folder) -> str:
        return repr(ft.lm.NGram(order).fit(store))

    return work, str


def count_neighbours(path: str, ranks: str, window: int) -> Work:
    import fasttok as ft

    tok, store, folder = _make_store(path, ranks)

    def work(folder: Any = folder) -> str:
        return repr(ft.vectors.cooccurrence(store, tok, window))

    return work, str


NGRAMS = {"fasttok": fit_ngrams}
NEIGHBOURS = {"fasttok": count_neighbours}
