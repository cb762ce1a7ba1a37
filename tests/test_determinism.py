"""Results do not depend on the number of workers, the chunk size, the hash seed or the processor."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np

from tests import hostile
from tests.conftest import ROOT

CODE = """
import hashlib, sys, fasttok as ft
workers, batch_bytes, path, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
corpus = ft.Corpus.from_files(path, format="text")  # contains NUL
counts = ft.count_pretokens(corpus, workers=workers, batch_bytes=batch_bytes)
counts.save(out + ".npz")
tok = ft.train(counts, vocab_size=700, special_tokens=["<s>", "<t>"])
tok.save(out + ".json")
unigram = ft.train(counts, model="unigram", vocab_size=900, workers=workers, byte_fallback=True)
unigram.save(out + ".unigram")
characters = ft.train(counts, model="character", min_frequency=2, unk="<unk>", workers=workers)
characters.save(out + ".characters")
words = ft.train(counts, model="word", vocab_size=900, byte_fallback=True, workers=workers)
words.save(out + ".words")
units = [model.encode_files(corpus, workers=workers) for model in (characters, words)]
for method in ("frequency", "likelihood", "greedy"):
    wordpiece = ft.train(counts, model="wordpiece", vocab_size=900, method=method, workers=workers)
    wordpiece.save(f"{out}.{method}")
    units.append(wordpiece.encode_files(corpus, workers=workers))
ids = tok.encode_files(corpus, workers=workers)
segmented = unigram.encode_files(corpus, workers=workers)
sampled = unigram.encode_files(corpus, workers=workers, sampling=ft.Sampling(alpha=0.3, seed=5))
dropped = tok.encode_files(corpus, workers=workers, sampling=ft.Dropout(0.1, seed=5))
for rows in (ids, dropped, segmented, sampled, *units):
    print(counts.fingerprint(), hashlib.sha256(rows.values.tobytes() + rows.offsets.tobytes()).hexdigest())
"""


def test_first_training_logs_that_it_compiles(tmp_path):
    code = "import fasttok as ft; ft.train(ft.PretokenCounts.from_dict({'ab': 2}), vocab_size=257)"
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    logged = [
        subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True).stderr
        for _ in range(2)
    ]
    assert b"for this machine (some seconds, first use only)" in logged[0]
    assert logged[1] == b""


def test_workers_chunks_hash_seeds_and_processors(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(
        (ROOT / "pyproject.toml").read_bytes() * 5 + " ".join(hostile.texts(4000, seed=33)).encode()
    )
    # Optional instructions of the processor; NumPy's results without them could differ in the last bits.
    extensions = " ".join(np.show_config(mode="dicts")["SIMD Extensions"]["found"])
    outcomes = set()
    for workers, batch_bytes, seed, without in [
        *((1, 1 << 22, 0, ""), (2, 1 << 14, 1, ""), (7, 1000, 2, ""), (2, 77, 3, "")),
        (2, 1 << 22, 4, extensions),
    ]:
        out = tmp_path / f"out-{seed}"
        command = [sys.executable, "-c", CODE, str(workers), str(batch_bytes), str(path), str(out)]
        printed = subprocess.run(
            command,
            env={**os.environ, "PYTHONHASHSEED": str(seed), "NPY_DISABLE_CPU_FEATURES": without},
            check=True,
            capture_output=True,
        ).stdout
        suffixes = (
            ".npz",
            ".json",
            ".unigram",
            ".characters",
            ".words",
            ".frequency",
            ".likelihood",
            ".greedy",
        )
        files = [out.with_suffix(suffix).read_bytes() for suffix in suffixes]
        outcomes.add((printed, *(hashlib.sha256(data).hexdigest() for data in files)))
    assert len(outcomes) == 1
