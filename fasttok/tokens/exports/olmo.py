"""OLMo and dolma: raw ids in a file named .npy, and a table with the place of each document in .csv.gz."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from itertools import chain, pairwise
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_choice
from fasttok.core.errors import TokenStoreError
from fasttok.tokens.exports.base import (
    BLOCK,
    Ids,
    Part,
    TokenFormat,
    TokenSource,
    blocks,
    checked_mask,
    id_type,
    open_ids,
    split_at_offsets,
    split_at_separators,
    write_blocks,
)
from fasttok.tokens.exports.output import open_files, remove_suffix

ROWS = 1 << 16  # rows of the table that are made at a time


def export(store: TokenSource, path: str, *, label_mask: Any = None) -> tuple[str, ...]:
    """Write the ids as dolma's tokenizer does.

    Parameters
    ----------
    store : TokenStore
        The ids.
    path : str
        The .npy file, which has no header. The places of documents are written next to it, to .csv.gz.
    label_mask : array of bool, shape (n_ids,), optional
        Whether each id contributes to the loss, for a file whose name ends in "_label_mask.npy".
    """
    mask = None if label_mask is None else checked_mask("label_mask", label_mask, len(store.ids))
    prefix = remove_suffix(path, ".npy")
    paths = [path, f"{prefix}.csv.gz", *([f"{prefix}_label_mask.npy"] if mask is not None else [])]
    with open_files(store, paths) as files:
        write_blocks(files[0], blocks(store, id_type(store.vocab_size)))
        _write_table(files[1], store.offsets)
        if mask is not None:
            write_blocks(files[2], (mask[i : i + BLOCK] for i in range(0, len(mask), BLOCK)))
    return tuple(paths)


def _write_table(file: BinaryIO, offsets: NDArray[np.int64]) -> None:
    """Write the start and end of each document, as lines of a compressed file that has no date in it."""
    with gzip.GzipFile("", "wb", 6, file, mtime=0) as table:
        for i in range(0, len(offsets) - 1, ROWS):
            ends = offsets[i : i + ROWS + 1].tolist()
            table.write("".join(f"{start},{end}\n" for start, end in pairwise(ends)).encode())


def read(paths: list[str], expected: Ids, *, dtype: str | None = None) -> Iterator[Part]:
    """Read files of raw ids.

    The documents are those of the .csv.gz file if it exists, else they end at separators.
    """
    kind = id_type(expected.vocab_size)
    if dtype is not None:
        kind = np.dtype(checked_choice("dtype", dtype, "uint8", "uint16", "uint32", "uint64")).newbyteorder(
            "<"
        )
    parts = []
    for path in paths:
        ids = open_ids(path, kind)
        table = f"{remove_suffix(path, '.npy')}.csv.gz"
        if os.path.exists(table):
            parts.append(split_at_offsets(ids, _read_table(table, len(ids)), expected.vocab_size, path))
        else:
            parts.append(split_at_separators([(path, ids)], expected))
    return chain.from_iterable(parts)


def _read_table(path: str, n_ids: int) -> NDArray[np.int64]:
    """Return the ends of the documents, after a check that they follow each other."""
    places: list[tuple[int, int]] = []
    line = 0
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            for line, row in enumerate(file, 1):  # noqa: B007  for the message
                start, end, *_ = row.split(",")
                places.append((int(start), int(end)))
    except (ValueError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise TokenStoreError(
            f"line {line + 1} does not begin with the start and end of a document ({error})", path
        ) from None
    table = np.array(places, np.int64).reshape(-1, 2)
    starts, ends = table[:, 0], table[:, 1]
    if len(ends) and (starts[0] or (starts[1:] != ends[:-1]).any() or (starts > ends).any()):
        raise TokenStoreError("the documents do not follow each other", path)
    last = int(ends[-1]) if len(ends) else 0
    if last != n_ids:
        raise TokenStoreError(
            f"the documents end at {last:,}, but the file of ids has {n_ids:,}; for ids of another type pass "
            "dtype=",
            path,
        )
    return np.ascontiguousarray(ends)


FORMAT = TokenFormat("olmo", "OLMo and dolma: raw uint16 or uint32, .csv.gz", export, read, "*.npy")
