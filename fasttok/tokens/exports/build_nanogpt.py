"""build-nanogpt: a folder of .npy files of uint16 ids, 100 million each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import TokenStoreError
from fasttok.tokens.exports.base import (
    UINT16_IDS,
    Ids,
    Part,
    TokenFormat,
    TokenSource,
    blocks,
    check_vocabulary,
    ordered_ids,
    split_at_separators,
    write_blocks,
)
from fasttok.tokens.exports.shards import checked_order, write_shards


def export(
    store: TokenSource,
    path: str,
    *,
    separator: str = "first",
    shard_size: int = 10**8,
    prefix: str = "edufineweb",
) -> tuple[str, ...]:
    """Write the ids as build-nanogpt's script does.

    Parameters
    ----------
    store : TokenStore
        The ids.
    path : str
        New folder.
    separator : {"first", "last"}
        Place of the separator in each document. The script puts it first.
    shard_size : int
        Number of ids per file; the last may have fewer.
    prefix : str
        Beginning of the names of the files.
    """
    check_vocabulary(
        store,
        UINT16_IDS,
        "build-nanogpt's uint16",
        'use another format, such as "llmc" with uint32, or "olmo"',
    )
    read = ordered_ids(store, checked_order(separator))

    def write(file: BinaryIO, start: int, stop: int) -> None:
        header = {"descr": "<u2", "fortran_order": False, "shape": (stop - start,)}
        np.lib.format.write_array_header_1_0(file, header)
        write_blocks(file, blocks(store, "<u2", start, stop, read))

    return write_shards(store, path, shard_size, prefix, ".npy", write)


def read(paths: list[str], expected: Ids, *, separator: str = "first") -> Iterator[Part]:
    """Read .npy files of ids of any integer type."""
    order = checked_order(separator)
    return split_at_separators([(path, _open(path)) for path in paths], expected, order)


def _open(path: str) -> NDArray[Any]:
    try:
        ids: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise TokenStoreError(
            f'not an .npy file of NumPy ({error}); for raw ids named .npy, use format="olmo"', path
        ) from None
    if not isinstance(ids, np.ndarray) or ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise TokenStoreError("the file does not hold one row of integers", path)
    return ids


FORMAT = TokenFormat("build-nanogpt", "build-nanogpt: .npy files of uint16 ids", export, read, "*.npy")
