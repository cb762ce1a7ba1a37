"""Slow and obvious versions of the windows, orders and batches of stored ids; nothing of fasttok is used."""

from __future__ import annotations

GOLDEN = 0x9E3779B97F4A7C15
WORD = 1 << 64


def hash_number(x: int) -> int:
    """Return the first number of SplitMix64 for an initial state."""
    x = (x + GOLDEN) % WORD
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % WORD
    return x ^ (x >> 31)


def shuffled(n: int, position: int, seed: int, epoch: int) -> int:
    """Return the number at a position of the shuffled ``range(n)``, as the documentation defines it."""
    width = next(w for w in range(4, 65) if 4**w >= n)
    key = hash_number(hash_number(seed) ^ epoch)
    keys = [hash_number((key + r * GOLDEN) % WORD) for r in range(6)]
    number = position
    while True:
        left, right = divmod(number, 2**width)
        for round_key in keys:
            left, right = right, left ^ hash_number(right ^ round_key) % 2**width
        number = left * 2**width + right
        if number < n:
            return number


def windows(ids: list[int], context: int, stride: int, keep_last: bool) -> list[tuple[list[int], list[int]]]:
    """Return the windows of one text, each with its targets."""
    found = []
    start, covered = 0, 0
    while start + 1 < len(ids):
        x, y = ids[start : start + context], ids[start + 1 : start + context + 1]
        x = x[: len(y)]
        if len(y) == context or (keep_last and covered < len(ids) - 1):
            found.append((x, y))
            covered = start + len(y)
        start += stride
    return found


def windows_of_documents(
    ids: list[int], offsets: list[int], context: int, stride: int, keep_last: bool, within: bool
) -> list[tuple[list[int], list[int]]]:
    """Return the windows of a store, across or within documents."""
    if not within:
        return windows(ids, context, stride, keep_last)
    found = []
    for i in range(len(offsets) - 1):
        found += windows(ids[offsets[i] : offsets[i + 1]], context, stride, keep_last)
    return found


def batches(order: list[int], size: int, rank: int, world_size: int, drop_last: bool) -> list[list[int]]:
    """Return the numbers of the windows in the batches of one process."""
    found = []
    step = size * world_size
    for begin in range(0, len(order), step):
        part = order[begin : begin + step]
        if len(part) == step:
            found.append(part[rank * size : (rank + 1) * size])
        elif not drop_last:
            low, high = len(part) * rank // world_size, len(part) * (rank + 1) // world_size
            found.append(part[low:high])
    return found


def documents_of(offsets: list[int]) -> list[int]:
    """Return the document of each id."""
    return [d for d in range(len(offsets) - 1) for _ in range(offsets[d], offsets[d + 1])]


def position_ids(offsets: list[int], starts: list[int], lengths: list[int], width: int) -> list[list[int]]:
    """Return the positions of the ids of each row, which begin anew at each document and at the padding."""
    documents = documents_of(offsets)
    rows = []
    for start, length in zip(starts, lengths, strict=True):
        labels = [*documents[start : start + length], *[-1] * (width - length)]
        row: list[int] = []
        for j, label in enumerate(labels):
            row.append(row[-1] + 1 if j and labels[j - 1] == label else 0)
        rows.append(row)
    return rows


def cu_seqlens(rows: list[list[int]]) -> list[int]:
    """Return the places at which positions are 0, and the number of all positions."""
    flat = [position for row in rows for position in row]
    return [i for i, position in enumerate(flat) if position == 0] + [len(flat)]


def loss_mask(offsets: list[int], starts: list[int], lengths: list[int], width: int) -> list[list[bool]]:
    """Return whether each target is an id of the same document as the id before it."""
    documents = documents_of(offsets)
    return [
        [j < length and documents[start + j] == documents[start + j + 1] for j in range(width)]
        for start, length in zip(starts, lengths, strict=True)
    ]
