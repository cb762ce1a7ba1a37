"""Functions that tests of token stores run in a new process: ``python -m tests.store_child FUNCTION ...``.

A function raises an exception if a store is not what it should be.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

import fasttok as ft
from fasttok.tokenizer import encode, stored
from tests import hostile

SHARD = 1 << 16


def make() -> tuple[ft.Tokenizer, list[str]]:
    """Return a tokenizer and documents of about 1 MB, of which some are empty and one is long."""
    texts = [text for text in hostile.texts(400, seed=61) if text.isprintable()]
    documents = [(texts[i % len(texts)] + " ") * (i % 91) for i in range(1500)]
    documents[1000] = "a long document " * 20_000
    tok = ft.Tokenizer(ft.ByteModel(), "gpt2", {"<|end|>": 256})  # which needs no compilation
    return tok, documents


def store(tok: ft.Tokenizer, documents: list[str], path: Path, workers: int = 2) -> ft.TokenStore:
    corpus = ft.Corpus.from_texts(documents)
    return tok.encode_corpus(corpus, path, separator="<|end|>", workers=workers, shard_size=SHARD)


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


def kill_writers(folder: str, n: str) -> None:
    """Kill a process that writes a store at `n` random instants, and let another one go on each time."""
    stored.CHECKPOINT_BYTES = 1 << 18
    tok, documents = make()
    start = time.monotonic()
    store(tok, documents, Path(folder, "whole"))
    seconds = time.monotonic() - start
    expected, path, rng = contents(Path(folder, "whole")), Path(folder, "killed"), random.Random(62)
    n_killed, n_continued = 0, 0
    while n_killed < int(n) or not n_continued:
        child = os.fork()
        if child == 0:
            store(tok, documents, path)
            os._exit(0)
        time.sleep(rng.uniform(0, seconds))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if path.exists():  # complete, whether or not the process was killed
            assert contents(path) == expected
            shutil.rmtree(path)
        else:
            assert os.WIFSIGNALED(status), status
            n_continued += Path(folder, "killed.partial/progress.json").exists()
        n_killed += os.WIFSIGNALED(status)
    store(tok, documents, path, workers=1)
    assert contents(path) == expected
    assert sorted(os.listdir(folder)) == ["killed", "whole"]


def fill_disk(folder: str) -> None:
    """Limit the size of files: the run fails, keeps its checkpoint, and goes on when there is space."""
    stored.CHECKPOINT_BYTES = 1 << 18
    tok, documents = make()
    path = Path(folder, "full")
    whole = store(tok, documents, Path(folder, "whole"))
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    with pytest.raises(OSError, match="File too large") as caught:
        store(tok, documents, path)
    assert str(caught.value.filename).startswith(f"{path}.partial")
    assert os.listdir(folder) == ["whole"]  # there was no checkpoint
    # No shard fits, but some documents do.
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * SHARD - 1000, resource.RLIM_INFINITY))
    stored.CHECKPOINT_BYTES, encode.BATCH_BYTES = 1 << 14, 1 << 14
    with pytest.raises(OSError, match="File too large; the same call goes on when the file can be written"):
        store(tok, documents, path)
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    with pytest.raises(ft.TokenStoreError, match="the store is not complete"):
        ft.TokenStore.open(path)
    store(tok, documents, path)
    assert contents(path) == contents(Path(whole.path))
    assert sorted(os.listdir(folder)) == ["full", "whole"]


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
