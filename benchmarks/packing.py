"""Time to pack a million documents into rows, and to read the rows; space used, and ids cropped."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import fasttok as ft

METHODS = ("best_fit", "concatenate", "bos_best_fit")
N_READ = 8192  # rows that are read at once


def make_documents(n: int) -> ft.Ragged:
    """Return documents of log-normal lengths, as those of web pages: 840 ids on average, most below 400."""
    lengths = np.minimum(np.random.default_rng(7).lognormal(6, 1.2, n).astype(np.int64) + 1, 100_000)
    offsets = np.append(0, np.cumsum(lengths))
    return ft.Ragged(np.zeros(offsets[-1], np.uint32), offsets)


def measure(documents: ft.Ragged, method: str, context: int, repeats: int) -> dict[str, Any]:
    """Return the times of packing, the MB/s of reading shuffled rows, and the properties of the packing."""
    bos_id = 1 if method == "bos_best_fit" else None
    seconds, reading = [], []
    for _ in range(repeats):
        start = time.perf_counter()
        packed = ft.tokens.pack(documents, context, method, bos_id=bos_id)
        seconds.append(time.perf_counter() - start)
        rows = np.random.default_rng(7).permutation(len(packed))[:N_READ]
        start = time.perf_counter()
        batch = packed.take(rows)
        reading.append(time.perf_counter() - start)
    return {
        "warm_s": seconds,
        "read_mb_per_s": batch.x.nbytes / min(reading) / 1e6,
        "used": packed.utilization,
        "cropped": packed.cropped,
        "cut": packed.n_cut / len(documents),
    }
