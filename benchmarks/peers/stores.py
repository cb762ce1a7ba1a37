"""Encode text to a token store, compared with encoding alone; open a large store."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.common import Work

DOCUMENT = 1 << 20  # bytes of a document of a text that is repeated


def _repeated(path: str, times: int) -> Callable[[], Iterator[bytes]]:
    """Return a function that yields a text several times, in documents, without keeping it in memory."""

    def read() -> Iterator[bytes]:
        for _ in range(times):
            with open(path, "rb") as file:
                while document := file.read(DOCUMENT):
                    yield document

    return read


def _make(path: str, ranks: str, times: int) -> tuple[Any, Any]:
    import fasttok as ft

    corpus = ft.Corpus.from_files(path)
    if times > 1:
        corpus = ft.Corpus.from_texts(_repeated(path, times))
    return ft.load(ranks), corpus


def encode_to_store(path: str, ranks: str, times: int) -> Work:
    tok, corpus = _make(path, ranks, times)
    parent = tempfile.TemporaryDirectory()  # deleted at the end of the process
    numbers = count()

    def work(parent: Any = parent) -> int:
        n: int = tok.encode_corpus(corpus, f"{parent.name}/{next(numbers)}.tokens").n_ids
        return n

    return work, str


def encode_alone(path: str, ranks: str, times: int) -> Work:
    tok, corpus = _make(path, ranks, times)
    return lambda: sum(len(part.ids.values) for part in tok.encode_stream(corpus)), str


def open_store(path: str, n_ids: int) -> Work:
    """Open a sparse store of `n_ids` ids, of which the first file is `path`, and read one id per shard."""
    import fasttok as ft

    parent = tempfile.TemporaryDirectory()  # deleted at the end of the process
    folder = Path(parent.name) / "sparse.tokens"
    ft.TokenStore.from_arrays(folder, np.fromfile(path, np.uint8), vocab_size=256)
    description = json.loads((folder / "store.json").read_text()) | {"n_ids": n_ids}
    size = description["shard_size"]
    for i in range(-(-n_ids // size)):
        n_bytes = 2 * min(size, n_ids - i * size)
        description["files"][f"ids-{i:05d}.bin"] = {"bytes": n_bytes, "sha256": ""}
        with open(folder / f"ids-{i:05d}.bin", "ab") as file:
            file.truncate(n_bytes)
    np.array([0, n_ids]).tofile(folder / "offsets.bin")
    (folder / "store.json").write_text(json.dumps(description))

    def work(parent: Any = parent) -> int:
        store = ft.TokenStore.open(folder)
        return int(store.ids[::size].sum()) + len(store.document(0))

    return work, str


TASK = {"fasttok": encode_to_store, "fasttok, encoding alone": encode_alone}
OPEN = {"fasttok": open_store}
