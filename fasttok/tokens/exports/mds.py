"""MDS, the format of MosaicML's streaming library: a folder of shards with one sample per document."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import chain, pairwise
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_choice, checked_size, checked_word, describe
from fasttok.core.errors import TokenStoreError
from fasttok.tokens.exports.base import (
    BLOCK,
    INT32_IDS,
    UINT16_IDS,
    Ids,
    Part,
    TokenFormat,
    TokenSource,
    blocks,
    check_vocabulary,
    checked_block,
    write_blocks,
)
from fasttok.tokens.exports.chunks import (
    INDEX,
    LARGEST,
    get_field,
    get_file,
    make_places,
    plan_chunks,
    read_index,
    read_places,
)
from fasttok.tokens.exports.output import create, open_folder

LIMITS = {"uint16": UINT16_IDS, "int32": INT32_IDS, "uint32": 1 << 32, "int64": 1 << 63}
# Types of values by their number in samples, and types of lengths by their code.
VALUES = {8: "<u1", 9: "<i1", 16: "<u2", 17: "<i2", 32: "<u4", 33: "<i4", 64: "<u8", 65: "<i8"}
NAMES = {f"{'u' if kind[1] == 'u' else ''}int{8 * int(kind[2])}": kind for kind in VALUES.values()}
LENGTHS = ("<u1", "<u2", "<u4", "<u8")


def export(
    store: TokenSource,
    path: str,
    *,
    dtype: str | None = None,
    column: str = "tokens",
    size_limit: int = 1 << 26,
) -> tuple[str, ...]:
    """Write the ids as ``MDSWriter`` does for samples of one array.

    Parameters
    ----------
    store : TokenStore
        The ids. MDS cannot hold empty documents.
    path : str
        New folder.
    dtype : {"uint16", "int32", "uint32", "int64"}, optional
        Type of the arrays; default: uint16 if the vocabulary fits, else int32.
    column : str
        Name of the column.
    size_limit : int
        Largest size of a shard in bytes, below 2^32. A larger document is in a shard of its own.
    """
    name = ("uint16" if store.vocab_size <= UINT16_IDS else "int32") if dtype is None else dtype
    kind = np.dtype(checked_choice("dtype", name, *LIMITS)).newbyteorder("<")
    check_vocabulary(store, LIMITS[name], f"the type {name}", 'pass dtype="int64"')
    lengths = np.diff(store.offsets)
    if (lengths == 0).any():
        raise TokenStoreError(
            f"document {int(lengths.argmin())} is empty, and MDS cannot hold empty arrays; make the store "
            "with separator=, so that every document has an id",
            store.path,
        )
    limit = checked_size("size_limit", size_limit, 1)
    if limit > LARGEST:
        raise ValueError(f"size_limit must be below 2^32, not {limit:,}")
    codes = np.searchsorted([1 << 8, 1 << 16, 1 << 32], lengths, "right")
    # Length of the data, kind of array, number of ids, ids.
    sizes = 4 + 1 + (1 << codes) + lengths * kind.itemsize
    config = {
        "column_encodings": [f"ndarray:{name}"],
        "column_names": [checked_word("column", column)],
        "column_sizes": [None],
        "compression": None,
        "format": "mds",
        "hashes": [],
        "size_limit": limit,
        "version": 2,
    }
    text = json.dumps(config, sort_keys=True).encode()
    shards: list[dict[str, Any]] = []
    with open_folder(store, path) as folder:
        # Each sample also takes 4 bytes for its place; the first place and the count take 8.
        for i, (start, stop) in enumerate(plan_chunks(sizes + 4, limit - 8 - len(text))):
            file_name = f"shard.{i:05d}.mds"
            with create(os.path.join(folder, file_name)) as file:
                file.write(make_places(sizes[start:stop], text, store.path, start))
                for document in range(start, stop):
                    _write_sample(file, store, document, int(codes[document]), kind)
                size = file.tell()
            raw = {"basename": file_name, "bytes": size, "hashes": {}}
            shards.append({**config, "raw_data": raw, "samples": stop - start, "zip_data": None})
        with create(os.path.join(folder, INDEX)) as file:
            file.write(json.dumps({"shards": shards, "version": 2}, sort_keys=True).encode())
    return tuple(
        os.path.join(path, name) for name in (*(one["raw_data"]["basename"] for one in shards), INDEX)
    )


def _write_sample(file: BinaryIO, store: TokenSource, document: int, code: int, kind: np.dtype[Any]) -> None:
    start, stop = int(store.offsets[document]), int(store.offsets[document + 1])
    shape = (stop - start).to_bytes(1 << code, "little")
    size = 1 + len(shape) + (stop - start) * kind.itemsize
    file.write(size.to_bytes(4, "little") + bytes([1 << 2 | code]) + shape)
    write_blocks(file, blocks(store, kind, start, stop))


def read(paths: list[str], expected: Ids, *, column: str = "tokens", dtype: str = "int64") -> Iterator[Part]:
    """Read folders of shards; the column has arrays, or bytes, which are ids of type `dtype`."""
    checked_word("column", column)
    checked_choice("dtype", dtype, *NAMES)
    shards = list(chain.from_iterable(_open(path, column) for path in paths))
    return chain.from_iterable(
        _read_shard(path, shard, i, dtype, expected.vocab_size) for path, shard, i in shards
    )


def _open(folder: str, column: str) -> Iterator[tuple[str, dict[str, Any], int]]:
    """Yield the path, index entry and number of the column of each shard."""
    path, index = read_index(folder)
    for shard in get_field(index, "shards", list, path):
        if get_field(shard, "format", str, path) != "mds" or shard.get("version") != 2:
            raise TokenStoreError("the index is not that of MDS, version 2", path)
        if shard.get("compression") is not None:
            raise TokenStoreError(
                f"the shards have the compression {describe(shard['compression'])}; write them without", path
            )
        names = get_field(shard, "column_names", list, path)
        encodings = get_field(shard, "column_encodings", list, path)
        sizes = get_field(shard, "column_sizes", list, path)
        if not len(names) == len(encodings) == len(sizes):
            raise TokenStoreError("the names, encodings and sizes of columns have different lengths", path)
        if column not in names:
            raise TokenStoreError(
                f"no column {column!r} (the columns are: {', '.join(map(repr, names))}); pass column=", path
            )
        raw = get_field(shard, "raw_data", dict, path)
        yield get_file(folder, get_field(raw, "basename", str, path), path), shard, names.index(column)


def _read_shard(path: str, shard: dict[str, Any], column: int, dtype: str, vocab_size: int) -> Iterator[Part]:
    """Yield parts of whole samples."""
    data, places = read_places(path, get_field(shard["raw_data"], "bytes", int, path))
    sizes = shard["column_sizes"]
    variable = [i for i, size in enumerate(sizes) if size is None]
    decode = _decoder(str(shard["column_encodings"][column]), dtype, path)
    rows: list[NDArray[Any]] = []
    n = at = 0
    for sample, (start, stop) in enumerate(pairwise(places.tolist())):
        body = start + 4 * len(variable)
        if body > stop:
            raise TokenStoreError(f"sample {sample} is too short: the file is damaged", path)
        lengths = dict(zip(variable, data[start:body].view("<u4").tolist(), strict=True))
        ends = np.cumsum([0, *(lengths.get(i, size) for i, size in enumerate(sizes))]) + body
        if ends[-1] != stop:
            raise TokenStoreError(f"the columns of sample {sample} do not fill it: the file is damaged", path)
        rows.append(decode(data[ends[column] : ends[column + 1]], sample))
        n += len(rows[-1])
        if n >= BLOCK:
            yield _join(rows, vocab_size, path, at)
            rows, n, at = [], 0, at + n
    if rows:
        yield _join(rows, vocab_size, path, at)


def _join(rows: list[NDArray[Any]], vocab_size: int, path: str, start: int) -> Part:
    ids = checked_block(np.concatenate(rows), vocab_size, path, start)
    return Part(ids, np.cumsum([len(row) for row in rows], dtype=np.int64))


def _decoder(encoding: str, dtype: str, path: str) -> Any:
    """Return the function that decodes the bytes of a sample, by the encoding of the column."""
    kind, _, rest = encoding.partition(":")
    given, _, shape = rest.partition(":")
    if kind not in ("ndarray", "bytes") or (given and given not in NAMES):
        raise TokenStoreError(
            f"the column has the encoding {encoding!r}, not an array of integers or bytes", path
        )

    def decode(data: NDArray[np.uint8], sample: int) -> NDArray[Any]:
        at, values = 0, NAMES[given or dtype]
        try:
            if kind == "ndarray" and not given:
                at, values = 1, VALUES[int(data[0])]
            if kind == "ndarray" and not shape:
                n_axes, code = divmod(int(data[at]), 4)
                if n_axes != 1:
                    raise TokenStoreError(f"sample {sample} is an array of {n_axes} axes, not of one", path)
                at += 1 + (1 << code)
            return data[at:].view(values)
        except (IndexError, KeyError, ValueError) as error:
            if isinstance(error, TokenStoreError):
                raise
            raise TokenStoreError(
                f"sample {sample} is not an array of ids: the file is damaged", path
            ) from None

    return decode


FORMAT = TokenFormat("mds", "MDS of MosaicML: folder of shards", export, read)
