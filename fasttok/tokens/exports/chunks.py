"""Chunks of litdata and MDS: a count, the place of each sample as uint32, then the samples."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import describe
from fasttok.core.errors import TokenStoreError

LARGEST = (1 << 32) - 1  # bytes of a chunk, whose places are uint32
INDEX = "index.json"


def plan_chunks(sizes: NDArray[np.int64], limit: int) -> Iterator[tuple[int, int]]:
    """Yield the first and the last sample plus 1 of each chunk.

    Parameters
    ----------
    sizes : ndarray of int64
        Bytes of each sample.
    limit : int
        Largest number of bytes of the samples of a chunk. A larger sample is a chunk of its own.
    """
    ends = np.cumsum(sizes)
    start = done = 0
    while start < len(sizes):
        stop = max(int(np.searchsorted(ends, done + limit, "right")), start + 1)
        yield start, stop
        start, done = stop, int(ends[stop - 1])


def make_places(sizes: NDArray[np.int64], config: bytes, path: str, first: int) -> bytes:
    """Return the header of a chunk: number of samples, places, and what follows them.

    Parameters
    ----------
    sizes : ndarray of int64
        Bytes of each sample of the chunk.
    config : bytes
        Bytes between the places and the samples.
    path : str
        The store, for the message.
    first : int
        Index of the first sample, for the message.

    Raises
    ------
    TokenStoreError
        If the chunk would be too large for its places.
    """
    n = len(sizes)
    places = np.zeros(n + 1, np.int64)
    np.cumsum(sizes, out=places[1:])
    places += 4 + 4 * (n + 1) + len(config)
    if places[-1] > LARGEST:
        raise TokenStoreError(
            f"document {first} is too large: a file of this format holds at most {LARGEST:,} bytes", path
        )
    return n.to_bytes(4, "little") + places.astype("<u4").tobytes() + config


def read_places(path: str, n_bytes: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the bytes of a chunk, memory-mapped, and the places of its samples.

    Parameters
    ----------
    path : str
        The chunk.
    n_bytes : int
        Size of the file according to the index.

    Raises
    ------
    TokenStoreError
        If the file has another size, or its places are not in it.
    """
    size = os.path.getsize(path)
    if size != n_bytes or size < 8:
        raise TokenStoreError(
            f"the file has {size:,} bytes, but the index says {n_bytes:,}: it is cut off or damaged", path
        )
    data = np.memmap(path, np.uint8, "r")
    n = int(data[:4].view("<u4")[0])
    if 8 + 4 * n > size:
        raise TokenStoreError(f"the file cannot hold the places of {n:,} samples: it is damaged", path)
    places = data[4 : 8 + 4 * n].view("<u4").astype(np.int64)
    if places[0] < 8 + 4 * n or places[-1] > size or (np.diff(places) < 0).any():
        raise TokenStoreError(
            "the places of the samples are outside the file or decrease: it is damaged", path
        )
    return data, places


def read_index(folder: str) -> tuple[str, dict[str, Any]]:
    """Return the path and contents of the index of a folder.

    Raises
    ------
    TokenStoreError
        If it is not a JSON object.
    OSError
        If it cannot be read.
    """
    path = os.path.join(folder, INDEX)
    try:
        with open(path, encoding="utf-8") as file:
            index = json.load(file)
    except (ValueError, RecursionError) as error:
        raise TokenStoreError(f"the index is not JSON: {error}", path) from None
    if not isinstance(index, dict):
        raise TokenStoreError(f"the index must be a JSON object, not {describe(index)}", path)
    return path, index


def get_field(entry: Any, name: str, kind: type, path: str) -> Any:
    """Return a field of an index.

    Raises
    ------
    TokenStoreError
        If it is missing or has another type.
    """
    value = entry.get(name) if isinstance(entry, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TokenStoreError(
            f"the index needs {name!r} of type {kind.__name__}, not {describe(value)}", path
        )
    return value


def get_file(folder: str, name: str, path: str) -> str:
    """Return the path of a file that an index names, which must be in the folder itself.

    Raises
    ------
    TokenStoreError
        If the name has a folder in it.
    """
    if os.path.basename(name) != name or name in ("", ".", ".."):
        raise TokenStoreError(f"the index names a file outside its folder: {describe(name)}", path)
    return os.path.join(folder, name)
