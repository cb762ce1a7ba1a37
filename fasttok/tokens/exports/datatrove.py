"""datatrove: ids in .ds, ends of documents in .ds.index, a loss mask in .ds.loss, counts in .ds.metadata."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_choice, checked_word, describe
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
    write_blocks,
)
from fasttok.tokens.exports.output import open_files

PREFIXES = "kMGTPEZYRQ"


def export(
    store: TokenSource, path: str, *, tokenizer_name: str = "Unknown Tokenizer", loss: Any = None
) -> tuple[str, ...]:
    """Write the ids as datatrove's tokenization step does.

    Parameters
    ----------
    store : TokenStore
        The ids.
    path : str
        The .ds file; the names of the others are made of its name.
    tokenizer_name : str
        Name of the tokenizer in the .ds.metadata file.
    loss : array of bool, shape (n_ids,), optional
        Whether each id contributes to the loss, for the .ds.loss file.
    """
    name = checked_word("tokenizer_name", tokenizer_name)
    if "\n" in name or "|" in name:
        raise ValueError(f"tokenizer_name must not contain '|' or a line break, but is {describe(name)}")
    dtype = id_type(store.vocab_size)
    mask = None if loss is None else checked_mask("loss", loss, len(store.ids))
    paths = [path, f"{path}.index", f"{path}.metadata", *([f"{path}.loss"] if mask is not None else [])]
    with open_files(store, paths) as files:
        write_blocks(files[0], blocks(store, dtype))
        ends = store.offsets[1:]
        write_blocks(files[1], (ends[i : i + BLOCK].astype("<u8") for i in range(0, len(ends), BLOCK)))
        n_ids = len(store.ids)
        files[2].write(f"{name}|{dtype.itemsize}\n{n_ids}\n{format_count(n_ids)}".encode())
        if mask is not None:
            write_blocks(files[3], (mask[i : i + BLOCK].astype(np.bool_) for i in range(0, n_ids, BLOCK)))
    return tuple(paths)


def format_count(count: int) -> str:
    """Return a count with three digits and a prefix for people, such as "12.3 MT" for 12,345,678 tokens."""
    digits = len(str(count)) - 1
    for power in (digits, digits + 1):  # the next one if rounding carries, as in 999,600
        places = max(0, 2 - power % 3)
        value = count / 10 ** (power // 3 * 3)
        if power > digits or round(value, places) < 10 ** (power % 3 + 1):
            break
    prefix = PREFIXES[power // 3 - 1] if power >= 3 else ""
    return f"{value:.{places}f} {prefix}T"


def read(paths: list[str], expected: Ids, *, token_size: int | None = None) -> Iterator[Part]:
    """Read .ds files with their .ds.index files. Loss masks are not read."""
    if token_size is not None:
        checked_choice("token_size", str(token_size), "2", "4")
    opened = [(path, *_open(path, token_size)) for path in paths]
    return chain.from_iterable(
        split_at_offsets(ids, ends, expected.vocab_size, path) for path, ids, ends in opened
    )


def _open(path: str, token_size: int | None) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the ids and the ends of the documents. The number of ids gives their size."""
    ends = open_ids(f"{path}.index", "<u8")
    n_ids, n_bytes = int(ends[-1]) if len(ends) else 0, os.path.getsize(path)
    size = token_size or (4 if n_bytes == 4 * n_ids else 2)
    if n_bytes != size * n_ids:
        raise TokenStoreError(
            f"the file has {n_bytes:,} bytes, but its index says {n_ids:,} ids, which need {2 * n_ids:,} or "
            f"{4 * n_ids:,}: one of the files is cut off or belongs to another",
            path,
        )
    if len(ends) and (n_ids > 1 << 62 or (ends[1:] < ends[:-1]).any()):
        raise TokenStoreError("the ends of documents decrease", f"{path}.index")
    return open_ids(path, f"<u{size}"), ends.astype(np.int64)


FORMAT = TokenFormat(
    "datatrove", "datatrove: .ds of uint16 or uint32, .ds.index, .ds.metadata", export, read, "*.ds"
)
