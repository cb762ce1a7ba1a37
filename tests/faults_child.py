"""Functions that tests run in a separate process: ``python -m tests.faults_child FUNCTION ARGUMENT...``.

A function raises an exception if fasttok does not handle the fault.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import fasttok as ft
from fasttok.text.normalizers.charsmap import CharsMapNormalizer
from fasttok.text.rows import Rows
from tests import hostile

# Phases of work. Each function takes a folder and returns two functions: one that works for several seconds,
# and one that does a short piece of the same work and returns its result for comparison.


def repeated(folder, n):
    """Return a corpus of `n` times the text, in documents of 1 MiB."""
    text, size = (folder / "text.txt").read_bytes(), 1 << 20
    return ft.Corpus.from_texts(text[i : i + size] for _ in range(n) for i in range(0, len(text), size))


def counting(folder):
    def count(corpus):
        return ft.count_pretokens(corpus, workers=2).fingerprint()

    return lambda: count(repeated(folder, 25)), lambda: count(ft.Corpus.from_files(folder / "short.txt"))


def counting_by_expression(folder):
    def count(text):
        return ft.count_pretokens(ft.Corpus.from_texts([text]), "(?s:.)", workers=2).fingerprint()

    text = (folder / "text.txt").read_bytes()
    return lambda: count(text), lambda: count(text[:100_000])


def rewriting(folder):
    normalizer = CharsMapNormalizer.from_rules({"a" * 255 + "b": "c"})  # so every byte takes 255 steps

    def rewrite(n):
        return normalizer.rewrite(Rows.of(ft.Ragged.from_bytes([b"a" * n]))).documents.values.tobytes()

    return lambda: rewrite(10_000_000), lambda: rewrite(100_000)


def composing(folder):
    def compose(n):
        marks = "\u0301\u0323\u05b0\u0345" * (n // 4)  # one segment of marks that must be reordered
        rows = [*["e\u0301" * (n // 9)] * 9, marks]
        return (
            ft.get_normalizer("nfc")
            .rewrite(Rows.of(ft.Ragged.from_bytes([row.encode() for row in rows])))
            .documents.to_bytes()
        )

    return lambda: compose(30_000_000), lambda: compose(10_000)


def training(folder):
    def train(counts, vocab_size):
        return ft.train(counts, vocab_size=vocab_size).merges.tolist()

    counts, common = ft.PretokenCounts.load(folder / "all.npz"), folder / "counts.npz"
    return lambda: train(counts, 200_000), lambda: train(ft.PretokenCounts.load(common), 1000)


def training_unigram(folder):
    def train(counts, shrinking_factor):
        options = {"vocab_size": 1000, "shrinking_factor": shrinking_factor}
        return ft.train(counts, model="unigram", workers=2, **options).model.to_dict()

    counts, common = ft.PretokenCounts.load(folder / "all.npz"), folder / "counts.npz"
    return lambda: train(counts, 0.99), lambda: train(ft.PretokenCounts.load(common), 0.5)


def training_wordpiece(folder):
    def train(counts, vocab_size, method):
        return ft.WordPieceTrainer(vocab_size, method=method).train(counts, workers=2).model.to_dict()

    counts, common = ft.PretokenCounts.load(folder / "all.npz"), folder / "counts.npz"

    def train_all(counts, vocab_size):
        return [train(counts, vocab_size, method) for method in ("likelihood", "greedy")]

    return lambda: train_all(counts, 200_000), lambda: train_all(ft.PretokenCounts.load(common), 1000)


def encoding(folder):
    tok = ft.load(folder / "tok.json")

    def encode(corpus):
        return tok.encode_files(corpus, workers=2).values.tobytes()

    return lambda: encode(repeated(folder, 20)), lambda: encode(folder / "short.txt")


def encoding_with_dropout(folder):
    tok = ft.Tokenizer(ft.load(folder / "tok.json").model, ft.get_pretokenizer("none"))
    text = (folder / "text.txt").read_bytes()  # one pretoken

    def encode(texts):
        return tok.encode_batch(texts, workers=2, sampling=ft.Dropout(0.5, seed=1)).values.tobytes()

    return lambda: encode([text] * 4), lambda: encode([text[:50_000]])


def segmenting(folder):
    model = ft.UnigramModel(["a" * n for n in range(1, 400)], [-1.0] * 399, compat="sentencepiece")
    tok = ft.Tokenizer(model, ft.get_pretokenizer("none"))

    def segment(n):
        lattice = model.lattice("a" * (n // 400))
        best, sampled = (tok.encode("a" * n, sampling=sample) for sample in (None, ft.Sampling(0.1, seed=1)))
        return best.tobytes(), sampled.tobytes(), lattice.entropy(), lattice.nbest(2)

    return lambda: segment(4_000_000), lambda: segment(20_000)


def encoding_characters(folder):
    tok = ft.Tokenizer(ft.CharacterModel([b"\xfe", b"\xff"]), ft.get_pretokenizer("none"))
    text = b"\xff\xfe" * 50_000_000  # one pretoken; every byte is a character

    return lambda: tok.encode(text), lambda: tok.encode(text[:100_000]).tobytes()


def decoding(folder):
    tok = ft.load(folder / "tok.json")
    ids = tok.encode_files(folder / "text.txt").values
    rows = ft.Ragged(ids, np.append(np.arange(0, len(ids), 3), len(ids)))
    return lambda: [tok.decode_batch(rows) for _ in range(10)], lambda: tok.decode_batch(rows[:50_000])


def saving(folder):
    tok, counts = ft.load(folder / "tok.json"), ft.PretokenCounts.load(folder / "counts.npz")
    target = Path(folder / "saved")
    target.mkdir()

    def save(n):
        for _ in range(n):
            tok.save(target / "tok.json")
            tok.save(target / "tok.tiktoken", format="tiktoken")
            counts.save(target / "counts.npz")

    def check():
        assert {path.name for path in target.iterdir()} <= {"tok.json", "tok.tiktoken", "counts.npz"}
        for name in ("tok.json", "counts.npz"):  # complete, whenever the interrupt came
            assert (
                not (target / name).exists() or (target / name).read_bytes() == (folder / name).read_bytes()
            )
        save(1)
        return sorted((path.name, path.stat().st_size) for path in target.iterdir())

    return lambda: save(60), check


def loading(folder):
    def load(n):
        for _ in range(n):
            tok = ft.load(folder / "tok.json")
            counts = ft.PretokenCounts.load(folder / "counts.npz")
        return tok.encode("the word", as_list=True), counts.fingerprint()

    return lambda: load(60), lambda: load(1)


PHASES = (
    counting,
    counting_by_expression,
    rewriting,
    composing,
    training,
    training_unigram,
    training_wordpiece,
    encoding,
    encoding_with_dropout,
    segmenting,
    encoding_characters,
    decoding,
    saving,
    loading,
)


def wait_for_threads() -> None:
    """Wait until no thread of a pool is alive: one that was starting when Ctrl-C came ends on its own."""
    last = time.monotonic() + 1
    while any(thread.is_alive() and thread.name.startswith("ThreadPool") for thread in threading.enumerate()):
        assert time.monotonic() < last
        time.sleep(0.001)


def interrupt(name: str, folder: str) -> None:
    """For every line of input, start the phase and wait for SIGINT; print the state and the time."""
    phase, piece = {function.__name__: function for function in PHASES}[name](Path(folder))
    expected = piece()
    for _ in sys.stdin:
        state = "during the work"
        try:
            print("begun", flush=True)
            phase()
            state = "after the work"
            signal.pause()
        except KeyboardInterrupt:
            received = time.monotonic()
        wait_for_threads()
        assert piece() == expected
        print(json.dumps([state, received]), flush=True)


def kill_saves(folder: str) -> None:
    """Kill a process while it overwrites a file, 50 times; the file must be one of the two versions."""
    path = Path(folder) / "tok.json"
    versions = [
        ft.train(ft.PretokenCounts.from_dict({"low": n, "lower": 5 - n}), vocab_size=258 + n) for n in (1, 2)
    ]
    whole = []
    for tok in versions:
        tok.save(path)
        whole.append(path.read_bytes())
    rng = random.Random(43)
    for _ in range(50):
        child = os.fork()
        if child == 0:
            while True:
                for tok in versions:
                    tok.save(path)
        time.sleep(rng.uniform(0.001, 0.03))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert path.read_bytes() in whole
        ft.load(path)
    temporary = [p.name for p in path.parent.iterdir() if p != path]
    assert 0 < len(temporary) <= 50  # some processes were killed during a save
    assert all(name.startswith(".tok.json.") for name in temporary)
    versions[0].save(path)  # the temporary files do not prevent another save
    assert path.read_bytes() == whole[0]
    path.unlink()
    with pytest.raises(FileNotFoundError):  # and they are not read as texts
        ft.Corpus.from_files(folder)


def fork_in_use() -> None:
    """Fork while threads encode and count; encoding and counting must work in the child too."""
    tok = ft.train(ft.Corpus.from_texts(hostile.texts(100, seed=44)), vocab_size=300)
    texts = hostile.texts(300, seed=45)
    ids, fingerprint = tok.encode_batch(texts), _count(texts)
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            assert tok.encode_batch(texts, workers=2) == ids
            assert _count(texts) == fingerprint

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        child = os.fork()
        if child == 0:
            same = tok.encode_batch(texts, workers=2) == ids and _count(texts) == fingerprint
            os._exit(0 if same and tok.decode_batch(ids) == texts else 1)
        assert os.waitpid(child, 0)[1] == 0
    done.set()
    for thread in threads:
        thread.join()


def _count(texts: list[str]) -> str:
    return ft.count_pretokens(ft.Corpus.from_texts(texts), workers=2, batch_bytes=2000).fingerprint()


def fill_disk(folder: str) -> None:
    """Save with a limit on the size of files: every save raises an error and keeps the old file."""
    counts = ft.PretokenCounts.from_dict({f"word{i}": i + 1 for i in range(2000)})
    tok = ft.train(counts, vocab_size=400)
    path = Path(folder) / "file"
    path.write_bytes(b"old")
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
    for save in (tok.save, partial(tok.save, format="tiktoken"), counts.save):
        with pytest.raises(OSError, match="File too large") as caught:
            save(path)
        assert caught.value.filename == str(path)
        assert path.read_bytes() == b"old"
        assert os.listdir(folder) == ["file"]


def fill_disk_in_a_comparison(specification: str, folder: str) -> None:
    """Compare with increasing limits on the size of files, which must fail, then without a limit."""
    n_cells = []
    for limit in (1000, 25_000, 50_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        with pytest.raises(OSError, match="File too large"):
            ft.compare(specification, folder)
        n_cells.append(len(list(Path(folder, "cells").glob("*.json"))))
        with pytest.raises(ft.ExperimentError, match="has not finished"):
            ft.Results.load(folder)
    assert 0 == n_cells[0] < n_cells[-1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    ft.compare(specification, folder)


def run_out_of_memory() -> None:
    """Limit the memory: work raises MemoryError, and succeeds when the limit is lifted."""
    tok = ft.train(ft.Corpus.from_texts(["the cat and the hat"]), vocab_size=262)
    text = b"the cat" * 3_000_000
    corpus = ft.Corpus.from_texts([text])
    expected = tok.encode(text[:700])
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    for free in (1 << 20, 10 << 20, 30 << 20):
        resource.setrlimit(resource.RLIMIT_AS, (used + free, resource.RLIM_INFINITY))
        for work in (
            lambda: tok.encode(text),
            lambda: ft.count_pretokens(corpus, "none", workers=1),
            lambda: ft.train(corpus, vocab_size=300, pretokenizer="none", workers=1),
        ):
            with pytest.raises(MemoryError):
                work()
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert (tok.encode(text[:700]) == expected).all()
    whole = ft.Tokenizer(tok.model, ft.get_pretokenizer("none"))
    # Enough memory for the ids, but not for the merges of a long pretoken.
    resource.setrlimit(resource.RLIMIT_AS, (used + 12 * len(text), resource.RLIM_INFINITY))
    with pytest.raises(MemoryError, match="cannot encode a pretoken"):
        whole.encode(text, sampling=ft.Dropout(0.5, seed=1))
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert whole.decode_bytes(whole.encode(text, sampling=ft.Dropout(0.5, seed=1))) == text
    assert tok.decode_bytes(tok.encode(text)) == text
    assert ft.count_pretokens(corpus, "none").to_dict() == {text: 1}


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
