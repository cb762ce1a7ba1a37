"""Shards of a fixed number of ids, as llm.c and build-nanogpt name them: the first is for validation."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, BinaryIO

from fasttok.core.checks import checked_choice, checked_size, checked_word, describe
from fasttok.tokens.exports.base import TokenSource
from fasttok.tokens.exports.output import create, open_folder


def write_shards(
    store: TokenSource,
    path: str,
    shard_size: int,
    prefix: str,
    suffix: str,
    write: Callable[[BinaryIO, int, int], None],
) -> tuple[str, ...]:
    """Write a folder of shards.

    Parameters
    ----------
    store : TokenStore
        The ids.
    path : str
        New folder.
    shard_size : int
        Number of ids per shard; the last may have fewer.
    prefix, suffix : str
        Beginning and end of the names: "PREFIX_val_000000SUFFIX", then "PREFIX_train_000001SUFFIX" and so on.
    write : callable
        Function of a file and two positions that writes the ids between them.

    Returns
    -------
    tuple of str
        Paths of the shards.
    """
    size = checked_size("shard_size", shard_size, 1)
    checked_prefix(prefix)
    names = []
    with open_folder(store, path) as folder:
        for start in range(0, len(store.ids), size):
            split = "train" if start else "val"
            names.append(f"{prefix}_{split}_{start // size:06d}{suffix}")
            with create(os.path.join(folder, names[-1])) as file:
                write(file, start, min(start + size, len(store.ids)))
    return tuple(os.path.join(path, name) for name in names)


def checked_prefix(value: Any) -> str:
    """Return the value of an argument `prefix`, the beginning of file names.

    Raises
    ------
    TypeError, ValueError
        If it is not a ``str``, is empty or has a folder in it.
    """
    if os.path.basename(checked_word("prefix", value)) != value or "\0" in value:
        raise ValueError(f"prefix must be the beginning of file names, not {describe(value)}")
    return str(value)


def checked_order(value: Any) -> str:
    """Return the value of an argument `separator` if it is "first" or "last".

    Raises
    ------
    ValueError
        If it is not.
    """
    return checked_choice("separator", value, "first", "last")
