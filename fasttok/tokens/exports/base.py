"""Parts shared by the formats of token files: blocks of ids, checks of ranges and of damage, options."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fasttok.core.checks import describe, suggest
from fasttok.core.errors import TokenStoreError

BLOCK = 1 << 20  # ids that are copied at a time; limits the memory
UINT16_IDS = 1 << 16  # number of ids that uint16 holds
INT32_IDS = 1 << 31

# Function of two positions that returns the ids between them.
ReadIds = Callable[[int, int], NDArray[Any]]


class TokenSource(Protocol):
    """Attributes of a token store that exports use."""

    @property
    def path(self) -> str: ...
    @property
    def ids(self) -> NDArray[Any]: ...
    @property
    def offsets(self) -> NDArray[np.int64]: ...
    @property
    def vocab_size(self) -> int: ...
    @property
    def separator_id(self) -> int | None: ...


@dataclass(frozen=True)
class Part:
    """Ids that follow each other in a file, and the ends of documents among them.

    Attributes
    ----------
    ids : ndarray of int, shape (n,)
        Ids of any integer type.
    ends : ndarray of int64, shape (k,)
        Positions after the last id of each document that ends in this part, from 0 to n, ascending.
    """

    ids: NDArray[Any]
    ends: NDArray[np.int64]


@dataclass(frozen=True)
class TokenFormat:
    """File format of ids that another project reads or writes.

    Attributes
    ----------
    name : str
        Name of the format in arguments.
    description : str
        The layout in a few words, for tables and messages.
    export : callable
        Function of a token store, a path and keyword options that writes the files and returns their paths.
    read : callable
        Function of a list of paths, an `Ids` and keyword options that checks the headers of the files and
        returns an iterator of `Part`.
    pattern : str or None
        Pattern of the names of files in a folder, each of which can be read by itself, such as "*.bin"; None
        if the format itself is a folder.
    """

    name: str
    description: str
    export: Callable[..., tuple[str, ...]]
    read: Callable[..., Iterator[Part]]
    pattern: str | None = None


@dataclass(frozen=True)
class Ids:
    """Properties of ids that files do not hold, given by the caller of an import.

    Attributes
    ----------
    vocab_size : int
        Number of ids of the vocabulary.
    separator_id : int or None
        Id that ends each document, or None.
    """

    vocab_size: int
    separator_id: int | None = None


# Options


def option_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of the keyword-only parameters of a function."""
    parameters = inspect.signature(function).parameters.values()
    return tuple(one.name for one in parameters if one.kind is one.KEYWORD_ONLY)


def check_options(format: TokenFormat, function: Callable[..., Any], options: Iterable[str]) -> None:
    """Check the names of keyword options.

    Raises
    ------
    TypeError
        If `function`, which exports or reads the format, does not have one of the options.
    """
    known = option_names(function)
    for name in options:
        if name not in known:
            takes = f"takes the options {', '.join(known)}" if known else "takes no options"
            raise TypeError(f"format {format.name!r} {takes}, but was given {name}{suggest(name, known)}")


# Checks


def check_vocabulary(store: TokenSource, limit: int, holder: str, advice: str) -> None:
    """Check that every id of the vocabulary is below `limit`.

    Raises
    ------
    TokenStoreError
        If the vocabulary is larger; the message says what cannot hold it, and ends in `advice`.
    """
    if store.vocab_size > limit:
        raise TokenStoreError(
            f"{holder} cannot hold a vocabulary of {store.vocab_size:,} ids, only of {limit:,}; {advice}",
            store.path,
        )


def check_separators(store: TokenSource, separator: int) -> None:
    """Check that every document ends with the separator.

    Raises
    ------
    TokenStoreError
        If a document does not.
    """
    offsets = store.offsets
    for start in range(0, len(offsets) - 1, BLOCK):
        starts, ends = (
            offsets[start : start + BLOCK][: len(offsets) - 1 - start],
            offsets[start + 1 :][:BLOCK],
        )
        last = store.ids[np.maximum(ends - 1, 0)] if len(store.ids) else np.empty(0, np.uint32)
        bad = (starts == ends) | (last != separator) if len(last) else starts == ends
        if bad.any():
            raise TokenStoreError(
                f"document {start + int(bad.argmax())} does not end with the separator {separator}",
                store.path,
            )


def checked_block(ids: NDArray[Any], vocab_size: int, path: str, start: int) -> NDArray[Any]:
    """Return ids if all are in the vocabulary.

    Parameters
    ----------
    ids : ndarray of int
        The ids.
    vocab_size : int
        Number of ids of the vocabulary.
    path : str
        File that holds the ids, for the message.
    start : int
        Position of the first of these ids in the file, in ids.

    Raises
    ------
    TokenStoreError
        If an id is negative or not below `vocab_size`.
    """
    if len(ids) and (int(ids.max()) >= vocab_size or int(ids.min()) < 0):
        bad = int(np.argmax((ids >= vocab_size) | (ids < 0)))
        raise TokenStoreError(
            f"the id {int(ids[bad])} at position {start + bad:,} is not in the vocabulary of {vocab_size:,} "
            "ids; give the vocab_size of the tokenizer that made the ids",
            path,
        )
    return ids


def checked_count(path: str, n_bytes: int, itemsize: int) -> int:
    """Return the number of ids in `n_bytes` bytes of a file.

    Raises
    ------
    TokenStoreError
        If the bytes are not whole ids.
    """
    if n_bytes % itemsize:
        raise TokenStoreError(
            f"{n_bytes:,} bytes of ids are not a multiple of {itemsize}, the size of an id: the file is cut "
            "off or has another type of ids",
            path,
        )
    return n_bytes // itemsize


# Writing


def stored_order(store: TokenSource) -> ReadIds:
    """Return a function that reads ids in the order of the store."""
    ids = store.ids
    return lambda start, stop: ids[start:stop]


def separators_first(store: TokenSource, separator: int) -> ReadIds:
    """Return a function that reads ids as if each document began with the separator that it ends with.

    Then all ids are one position later, apart from the last separator, which is the first id.
    """
    ids = store.ids
    first = np.array([separator], ids.dtype)

    def read(start: int, stop: int) -> NDArray[Any]:
        return ids[start - 1 : stop - 1] if start else np.concatenate((first, ids[: stop - 1]))[:stop]

    return read


def ordered_ids(store: TokenSource, order: str) -> ReadIds:
    """Return a function that reads ids in an order of separators: "first" or "last" in each document.

    Raises
    ------
    TokenStoreError
        If the order is "first", and the documents of a store with a separator do not end with it.
    """
    if order == "last" or store.separator_id is None or not len(store.ids):
        return stored_order(store)
    check_separators(store, store.separator_id)
    return separators_first(store, store.separator_id)


def blocks(
    store: TokenSource, dtype: DTypeLike, start: int = 0, stop: int | None = None, read: ReadIds | None = None
) -> Iterator[NDArray[Any]]:
    """Yield the ids from `start` to `stop` in contiguous blocks of little-endian `dtype`.

    Raises
    ------
    TokenStoreError
        If an id is not in the vocabulary, which means that the store is damaged.
    """
    stop = len(store.ids) if stop is None else stop
    read = read or stored_order(store)
    kind = np.dtype(dtype).newbyteorder("<")
    for at in range(start, stop, BLOCK):
        ids = read(at, min(at + BLOCK, stop))
        yield np.ascontiguousarray(checked_block(ids, store.vocab_size, store.path, at), kind)


def write_blocks(file: BinaryIO, arrays: Iterable[NDArray[Any]]) -> None:
    """Write arrays to a file, one after the other."""
    for array in arrays:
        file.write(array.data)


def id_type(vocab_size: int) -> np.dtype[Any]:
    """Return the smallest of uint16 and uint32 that holds every id of a vocabulary."""
    return np.dtype("<u2" if vocab_size <= UINT16_IDS else "<u4")


# Reading


def open_ids(path: str, dtype: DTypeLike, start: int = 0) -> NDArray[Any]:
    """Return the ids of a file from byte `start` to its end, as a read-only memory-mapped array.

    Raises
    ------
    TokenStoreError
        If the rest of the file is not whole ids.
    OSError
        If the file cannot be read.
    """
    kind = np.dtype(dtype)
    n_ids = checked_count(path, max(os.path.getsize(path) - start, 0), kind.itemsize)
    if n_ids == 0:
        with open(path, "rb"):
            return np.empty(0, kind)
    return np.memmap(path, kind, "r", offset=start, shape=(n_ids,))


def read_exactly(file: BinaryIO, n_bytes: int, path: str, what: str) -> bytes:
    """Read `n_bytes` bytes of `what`.

    Raises
    ------
    TokenStoreError
        If the file ends before.
    """
    data = file.read(n_bytes)
    if len(data) < n_bytes:
        raise TokenStoreError(f"the file ends in the {what}: it is cut off or has another format", path)
    return data


def split_at_separators(
    arrays: Iterable[tuple[str, NDArray[Any]]], expected: Ids, order: str = "last"
) -> Iterator[Part]:
    """Yield the parts of ids whose documents end at separators, or that are one document without them.

    Parameters
    ----------
    arrays : iterable of (str, ndarray)
        Path and ids of each file. Documents may continue in the next file.
    expected : Ids
        The separator and the size of the vocabulary.
    order : str
        "last" if the documents end with separators, "first" if they begin with them. The documents of the
        result end with them.

    Yields
    ------
    Part
        Ids, and the ends of documents. Ids after the last separator are a document of their own.

    Raises
    ------
    TokenStoreError
        If an id is not in the vocabulary, or the first id is not the separator although documents should
        begin with it.
    """
    separator = expected.separator_id
    is_first = order == "first" and separator is not None
    is_begun = is_open = False  # whether there are ids; whether the last of them belong to an open document
    for path, array in arrays:
        for start in range(0, len(array), BLOCK):
            block = checked_block(array[start : start + BLOCK], expected.vocab_size, path, start)
            if is_first and not is_begun:
                if block[0] != separator:
                    raise TokenStoreError(
                        f"the first id is {int(block[0])}, not the separator {separator}; if the separators "
                        'are at the end of documents, pass separator="last"',
                        path,
                    )
                block = block[1:]
            is_begun = True
            ends = np.flatnonzero(block == separator) + 1 if separator is not None else np.empty(0, np.int64)
            is_open = is_first or not len(ends) or bool(ends[-1] < len(block))
            yield Part(block, ends)
    if is_first and is_open:
        yield Part(np.array([separator], np.int64), np.array([1]))
    elif is_open:
        yield Part(np.empty(0, np.int64), np.array([0]))


def split_at_offsets(
    ids: NDArray[Any], ends: NDArray[np.int64], vocab_size: int, path: str
) -> Iterator[Part]:
    """Yield the parts of ids whose documents end at known positions.

    Raises
    ------
    TokenStoreError
        If an id is not in the vocabulary.
    """
    done = 0
    for start in range(0, max(len(ids), 1), BLOCK):
        stop = min(start + BLOCK, len(ids))
        limit = len(ends) if stop == len(ids) else int(np.searchsorted(ends, stop, "right"))
        block = checked_block(ids[start:stop], vocab_size, path, start)
        yield Part(block, np.asarray(ends[done:limit], np.int64) - start)
        done = limit


def shard_key(name: str) -> tuple[list[int], str]:
    """Return the key that sorts the names of shards by the numbers in them.

    It sorts "name_val_000000.bin" before "name_train_000001.bin".
    """
    return [int(number) for number in re.findall(r"[0-9]+", name)], name


def checked_mask(name: str, value: Any, n_ids: int) -> NDArray[np.bool_]:
    """Return a loss mask.

    Raises
    ------
    TypeError, ValueError
        If it is not an array of bool with one value per id.
    """
    if not isinstance(value, np.ndarray) or value.dtype != np.bool_ or value.ndim != 1:
        raise TypeError(f"{name} must be an array of bool, not {describe(value)}")
    if len(value) != n_ids:
        raise ValueError(f"{name} must have one value per id: {n_ids:,}, not {len(value):,}")
    return np.ascontiguousarray(value)
