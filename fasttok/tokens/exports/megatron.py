"""Megatron-LM: ids in a .bin file, and an .idx file with the length and place of each sequence."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from itertools import chain
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import TokenStoreError
from fasttok.tokens.exports.base import (
    BLOCK,
    INT32_IDS,
    Ids,
    Part,
    TokenFormat,
    TokenSource,
    blocks,
    check_vocabulary,
    open_ids,
    read_exactly,
    split_at_offsets,
    write_blocks,
)
from fasttok.tokens.exports.output import open_files, remove_suffix

MAGIC = b"MMIDIDX\0\0"
HEADER = struct.Struct("<9sQBQQ")  # magic, version, type of ids, number of sequences, of document marks
UINT16_VOCABULARY = 65_500  # Megatron uses uint16 for vocabularies that are smaller
TYPES = {1: "<u1", 2: "<i1", 3: "<i2", 4: "<i4", 5: "<i8", 6: "<f8", 7: "<f4", 8: "<u2"}


def export(store: TokenSource, path: str) -> tuple[str, ...]:
    """Write the ids as Megatron-LM's preprocessing does: one sequence per document.

    Parameters
    ----------
    store : TokenStore
        The ids.
    path : str
        Prefix of the two files, with or without ".bin" or ".idx".
    """
    check_vocabulary(store, INT32_IDS, "Megatron's int32", 'use another format, such as "olmo"')
    code = 8 if store.vocab_size < UINT16_VOCABULARY else 4
    lengths = np.diff(store.offsets)
    if len(lengths) and lengths.max() >= INT32_IDS:
        raise TokenStoreError(
            f"document {int(lengths.argmax())} has {int(lengths.max()):,} ids, but Megatron's lengths are "
            "int32",
            store.path,
        )
    prefix = remove_suffix(path, ".bin", ".idx")
    paths = (f"{prefix}.bin", f"{prefix}.idx")
    with open_files(store, paths) as (ids, index):
        write_blocks(ids, blocks(store, TYPES[code]))
        _write_index(index, code, store.offsets)
    return paths


def _write_index(file: BinaryIO, code: int, offsets: NDArray[np.int64]) -> None:
    """Write the .idx file of documents with one sequence each, without copies of whole arrays."""
    n, itemsize = len(offsets) - 1, np.dtype(TYPES[code]).itemsize
    file.write(HEADER.pack(MAGIC, 1, code, n, n + 1))
    steps = range(0, n, BLOCK)
    write_blocks(file, (np.diff(offsets[i : i + BLOCK + 1]).astype("<i4") for i in steps))
    write_blocks(file, ((offsets[:n][i : i + BLOCK] * itemsize).astype("<i8") for i in steps))
    write_blocks(file, (np.arange(i, min(i + BLOCK, n + 1), dtype="<i8") for i in range(0, n + 1, BLOCK)))


def read(paths: list[str], expected: Ids) -> Iterator[Part]:
    """Read pairs of files; each document becomes a document, whatever the number of its sequences."""
    opened = [(f"{prefix}.bin", *_open(prefix)) for prefix in dict.fromkeys(map(_prefix, paths))]
    return chain.from_iterable(
        split_at_offsets(ids, ends, expected.vocab_size, path) for path, ids, ends in opened
    )


def _prefix(path: str) -> str:
    return remove_suffix(path, ".bin", ".idx")


def _open(prefix: str) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the ids and the ends of the documents, after a check that the two files agree."""
    path = f"{prefix}.idx"
    with open(path, "rb") as file:
        magic, version, code, n, m = HEADER.unpack(read_exactly(file, HEADER.size, path, "header"))
    if magic != MAGIC or version != 1 or code not in TYPES:
        raise TokenStoreError("not an index of Megatron-LM, version 1", path)
    if TYPES[code][1] == "f":
        raise TokenStoreError(f"the ids have the type {TYPES[code]}, which is not an integer", path)
    size, start = os.path.getsize(path), HEADER.size
    needed = start + 12 * n + 8 * m
    if size not in (needed, needed + n) or m < 1:  # with or without modes
        raise TokenStoreError(
            f"the file has {size:,} bytes, but {n:,} sequences and {m:,} document marks need {needed:,}: it "
            "is cut off or damaged",
            path,
        )
    index = np.memmap(path, np.uint8, "r")
    lengths = index[start : start + 4 * n].view("<i4")
    pointers = index[start + 4 * n : start + 12 * n].view("<i8")
    marks = index[start + 12 * n : needed].view("<i8")
    ids = open_ids(f"{prefix}.bin", TYPES[code])
    offsets = np.zeros(n + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    if n and (lengths.min() < 0 or (pointers != offsets[:-1] * ids.itemsize).any()):
        raise TokenStoreError("the sequences do not follow each other in the .bin file", path)
    if offsets[-1] != len(ids):
        raise TokenStoreError(
            f"the sequences have {int(offsets[-1]):,} ids, but the .bin file has {len(ids):,}: one of the "
            "files is cut off or belongs to another",
            path,
        )
    if marks[0] != 0 or marks[-1] != n or (np.diff(marks) < 0).any():
        raise TokenStoreError(f"the document marks do not ascend from 0 to {n:,}", path)
    return ids, offsets[marks[1:]]


FORMAT = TokenFormat("megatron", "Megatron-LM: .bin of uint16 or int32, and .idx", export, read, "*.idx")
