"""Read stored ids in batches of windows, in a shuffled order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from benchmarks.peers.common import Work


def read_fasttok(path: str, batch_size: int, context: int, kind: str) -> Work:
    import fasttok as ft

    ids = np.memmap(path, np.uint16, "r")
    return lambda: _add_ends(ft.tokens.TokenBatches(ids, batch_size, context, seed=7, dtype=kind)), str


def read_torch(path: str, batch_size: int, context: int, kind: str) -> Work:
    """Read tensors, which are of int64."""
    import fasttok as ft

    dataset = ft.tokens.BatchDataset(np.memmap(path, np.uint16, "r"), batch_size, context, seed=7)
    return lambda: _add_ends(dataset), str


def read_numpy(path: str, batch_size: int, context: int, kind: str) -> Work:
    """Slice a memory map and stack the rows, as scripts do; the order is computed before."""
    from fasttok.tokens.order import shuffled

    ids = np.memmap(path, np.uint16, "r")
    n = (len(ids) - 1) // context
    order = [*map(int, shuffled(n, np.arange(n), seed=7) * context)]

    def batches() -> Iterable[tuple[Any, Any]]:
        for i in range(0, n - batch_size + 1, batch_size):
            starts = order[i : i + batch_size]
            x = np.stack([ids[start : start + context].astype(kind) for start in starts])
            y = np.stack([ids[start + 1 : start + context + 1].astype(kind) for start in starts])
            yield x, y

    return lambda: _add_ends(batches()), str


def _add_ends(batches: Iterable[tuple[Any, Any]]) -> int:
    """Return the sum of the first ids and the last targets of all batches."""
    return sum(int(x[0, 0]) + int(y[-1, -1]) for x, y in batches)


TASK = {
    "fasttok": read_fasttok,
    "fasttok, torch": read_torch,
    "NumPy": read_numpy,
}
