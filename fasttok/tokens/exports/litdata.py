"""litdata: a folder of chunks whose items are documents, for its ``TokensLoader``."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_choice, checked_size, describe
from fasttok.core.errors import TokenStoreError
from fasttok.tokens.exports.base import (
    INT32_IDS,
    UINT16_IDS,
    Ids,
    Part,
    TokenFormat,
    TokenSource,
    blocks,
    check_vocabulary,
    split_at_offsets,
)
from fasttok.tokens.exports.chunks import (
    INDEX,
    get_field,
    get_file,
    make_places,
    plan_chunks,
    read_index,
    read_places,
)
from fasttok.tokens.exports.output import create, open_folder

# Numbers of the types in the index: those of torch for tensors, those of NumPy for arrays.
TENSORS = {11: "<u1", 12: "<i1", 13: "<i2", 14: "<i2", 15: "<i4", 16: "<i4", 17: "<i8", 18: "<i8", 20: "<u2"}
ARRAYS = {0: "<i1", 1: "<i2", 2: "<i4", 3: "<i8", 4: "<u1", 5: "<u2", 6: "<u4", 7: "<u8"}
WRITTEN = {"uint16": 20, "int32": 16, "int64": 18}
LEAF = '[1, {"type": null, "context": null, "children_spec": []}]'  # structure of an item: one tensor


def export(
    store: TokenSource, path: str, *, dtype: str | None = None, chunk_bytes: int = 1 << 26
) -> tuple[str, ...]:
    """Write the ids as litdata's ``optimize`` does for functions that yield the tensor of a document.

    Parameters
    ----------
    store : TokenStore
        The ids.
    path : str
        New folder.
    dtype : {"uint16", "int32", "int64"}, optional
        Type of the tensors; default: uint16 if the vocabulary fits, else int32.
    chunk_bytes : int
        Largest size of the documents in a file, in bytes. A larger document is in a file of its own.
        ``TokensLoader`` does not read the ids after the last whole block of a file.
    """
    name = ("uint16" if store.vocab_size <= UINT16_IDS else "int32") if dtype is None else dtype
    code = WRITTEN[checked_choice("dtype", name, *WRITTEN)]
    limits = {"uint16": UINT16_IDS, "int32": INT32_IDS, "int64": 1 << 63}
    check_vocabulary(store, limits[name], f"the type {name}", 'pass dtype="int64"')
    kind = np.dtype(TENSORS[code])
    limit = checked_size("chunk_bytes", chunk_bytes, 1)
    lengths = np.diff(store.offsets)
    chunks: list[dict[str, Any]] = []
    digest = hashlib.sha256()
    with open_folder(store, path) as folder:
        for i, (start, stop) in enumerate(plan_chunks(lengths * kind.itemsize, limit)):
            file_name = f"chunk-0-{i}.bin"
            head = make_places(lengths[start:stop] * kind.itemsize, b"", store.path, start)
            first, last = int(store.offsets[start]), int(store.offsets[stop])
            with create(os.path.join(folder, file_name)) as file:
                file.write(head)
                for ids in blocks(store, kind, first, last):
                    file.write(ids.data)
                    digest.update(ids.data)
                digest.update(head)
                size = file.tell()
            chunks.append(
                {"chunk_bytes": size, "chunk_size": stop - start, "dim": last - first, "filename": file_name}
            )
        config = {
            "chunk_bytes": limit,
            "chunk_size": None,
            "compression": None,
            "compression_batch_size": None,
            "compression_level": None,
            "data_format": [f"no_header_tensor:{code}"],
            "data_spec": LEAF,
            "encryption": None,
            "ipc_compression": None,
            "item_loader": "TokensLoader",
            "types": "tensor",
        }
        # litdata writes the time, by which it recognizes that data has changed; a hash does this as well.
        index = {"chunks": chunks, "config": config, "updated_at": digest.hexdigest()[:16]}
        with create(os.path.join(folder, INDEX)) as file:
            file.write(json.dumps(index, sort_keys=True).encode())
    return tuple(os.path.join(path, name) for name in (*(one["filename"] for one in chunks), INDEX))


def read(paths: list[str], expected: Ids) -> Iterator[Part]:
    """Read folders of chunks without compression, whose items are ids."""
    return chain.from_iterable(
        split_at_offsets(*_open_chunk(folder, chunk, kind, path), expected.vocab_size, path)
        for folder, chunk, kind, path in list(chain.from_iterable(map(_open, paths)))
    )


def _open(folder: str) -> Iterator[tuple[str, dict[str, Any], np.dtype[Any], str]]:
    """Yield the folder, index entry, type of ids and path of each chunk."""
    path, index = read_index(folder)
    config = get_field(index, "config", dict, path)
    for name in ("compression", "encryption"):
        if config.get(name) is not None:
            raise TokenStoreError(
                f"the chunks have {name} {describe(config[name])}, which is not supported", path
            )
    formats = get_field(config, "data_format", list, path)
    head, _, code = str(formats[0]).partition(":") if len(formats) == 1 else ("", "", "")
    types = {"no_header_tensor": TENSORS, "no_header_numpy": ARRAYS}.get(head, {})
    if not code.isdecimal() or int(code) not in types:
        raise TokenStoreError(f"the items are not ids, but have the format {describe(formats)}", path)
    for chunk in get_field(index, "chunks", list, path):
        file = get_file(folder, get_field(chunk, "filename", str, path), path)
        yield folder, chunk, np.dtype(types[int(code)]), file


def _open_chunk(
    folder: str, chunk: dict[str, Any], kind: np.dtype[Any], path: str
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the ids of a chunk and the ends of its items."""
    data, places = read_places(path, get_field(chunk, "chunk_bytes", int, os.path.join(folder, INDEX)))
    if (np.diff(places) % kind.itemsize).any():
        raise TokenStoreError(f"the items are not whole ids of type {kind}", path)
    return data[places[0] : places[-1]].view(kind), (places[1:] - places[0]) // kind.itemsize


FORMAT = TokenFormat("litdata", "litdata: folder of chunks for TokensLoader", export, read)
