"""llm.c: a header of 256 int32, then uint16 ids (GPT-2) or uint32 ids (Llama 3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_choice
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
    open_ids,
    ordered_ids,
    read_exactly,
    split_at_separators,
    write_blocks,
)
from fasttok.tokens.exports.output import open_files
from fasttok.tokens.exports.shards import checked_order, checked_prefix, write_shards

HEADER = 256 * 4  # bytes
# Magic number, version and type of ids of each variant.
VARIANTS = {"gpt-2": (20240520, 1, "<u2"), "llama-3": (20240801, 7, "<u4")}
LARGEST = INT32_IDS - 1  # ids in a file, whose number is an int32


def export(
    store: TokenSource,
    path: str,
    *,
    variant: str | None = None,
    separator: str = "first",
    shard_size: int | None = None,
    prefix: str = "fineweb",
) -> tuple[str, ...]:
    """Write the ids as llm.c's scripts do.

    Parameters
    ----------
    store : TokenStore
        The ids.
    path : str
        File; with `shard_size` a new folder.
    variant : {"gpt-2", "llama-3"}, optional
        Kind of header and ids; default: "gpt-2" if the vocabulary fits uint16, else "llama-3".
    separator : {"first", "last"}
        Place of the separator in each document. llm.c's scripts put it first.
    shard_size : int, optional
        Number of ids per file, for a folder of files.
    prefix : str
        Beginning of the names of the files in the folder.
    """
    small = store.vocab_size <= UINT16_IDS
    name = ("gpt-2" if small else "llama-3") if variant is None else variant
    magic, version, dtype = VARIANTS[checked_choice("variant", name, *VARIANTS)]
    if dtype == "<u2":
        check_vocabulary(store, UINT16_IDS, "the variant gpt-2, of uint16,", 'pass variant="llama-3"')
    checked_prefix(prefix)
    read = ordered_ids(store, checked_order(separator))
    n_ids = len(store.ids)
    largest = n_ids if shard_size is None else shard_size
    if isinstance(largest, int) and largest > LARGEST:
        raise TokenStoreError(
            f"a file of llm.c holds at most {LARGEST:,} ids, not {largest:,}; pass shard_size=10**8 to write "
            "a folder of files",
            store.path,
        )

    def write(file: BinaryIO, start: int, stop: int) -> None:
        header = np.zeros(256, "<i4")
        header[:3] = magic, version, stop - start
        file.write(header.data)
        write_blocks(file, blocks(store, dtype, start, stop, read))

    if shard_size is not None:
        return write_shards(store, path, shard_size, prefix, ".bin", write)
    with open_files(store, [path]) as [file]:
        write(file, 0, n_ids)
    return (path,)


def read(paths: list[str], expected: Ids, *, separator: str = "first") -> Iterator[Part]:
    """Read files of llm.c; the header says which variant they are."""
    order = checked_order(separator)
    return split_at_separators([(path, _open(path)) for path in paths], expected, order)


def _open(path: str) -> NDArray[Any]:
    """Return the ids of a file after a check of its header."""
    with open(path, "rb") as file:
        header = np.frombuffer(read_exactly(file, HEADER, path, "header of 256 int32"), "<i4")
    for magic, version, dtype in VARIANTS.values():
        if header[0] == magic:
            if header[1] != version:
                raise TokenStoreError(f"the header has version {header[1]}, but llm.c writes {version}", path)
            ids = open_ids(path, dtype, HEADER)
            if len(ids) != header[2]:
                raise TokenStoreError(
                    f"the header says {header[2]:,} ids, but the file has {len(ids):,}: it is cut off or "
                    "damaged",
                    path,
                )
            return ids
    known = " or ".join(f"{magic} ({name})" for name, (magic, _, _) in VARIANTS.items())
    raise TokenStoreError(f"not a file of llm.c: it begins with the number {header[0]}, not {known}", path)


FORMAT = TokenFormat(
    "llmc", "llm.c: header of 256 int32, then uint16 (GPT-2) or uint32 (Llama 3)", export, read, "*.bin"
)
