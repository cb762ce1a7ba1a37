"""Write a token store: shards, offsets and description, in a folder that is renamed when it is complete."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_items, checked_size, describe
from fasttok.core.ids import as_ids
from fasttok.core.ragged import Ragged
from fasttok.core.saving import check_writable
from fasttok.tokens.layout import (
    DESCRIPTION,
    OFFSET_DTYPE,
    OFFSETS,
    UNFINISHED,
    Description,
    FileInfo,
    checked_fingerprint,
    checked_separator_id,
    checked_shard_size,
    checked_vocab_size,
    dtype_of,
    shard_name,
)

CHUNK = 1 << 20  # ids that are written at once


def checked_new_store(name: str) -> str:
    """Return the path of a new store without slashes at its end.

    Raises
    ------
    FileExistsError
        If it exists.
    OSError
        If it cannot be written.
    """
    folder = name.rstrip(os.sep) or name
    if os.path.lexists(folder):
        raise FileExistsError(errno.EEXIST, "cannot write a token store: it exists; delete it first", name)
    check_writable(folder + UNFINISHED, folder=True)
    return folder


class HashedFile:
    """File that is written from its start to its end, and hashed.

    Parameters
    ----------
    path : str
        The file, which is replaced.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: BinaryIO = open(path, "wb", buffering=0)  # noqa: SIM115
        self._digest = hashlib.sha256()
        self.n_bytes = 0

    def write(self, array: NDArray[Any]) -> None:
        """Append the bytes of a contiguous array."""
        data = array.data.cast("B") if len(array) else memoryview(b"")
        self._digest.update(data)
        self.n_bytes += len(data)
        try:
            while len(data):
                data = data[self._file.write(data) :]
        except OSError as error:
            error.filename = self._path
            raise

    def finish(self) -> FileInfo:
        """Flush the file to the disk and close it; return its size and hash."""
        try:
            os.fsync(self._file.fileno())
            self._file.close()
        except OSError as error:
            error.filename = self._path
            raise
        return FileInfo(self.n_bytes, self._digest.hexdigest())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class StoreWriter:
    """Writer of a new store; a context manager that deletes what it has written if the block fails.

    Parameters
    ----------
    folder : str
        Folder of the new store, as returned by `checked_new_store`.
    vocab_size, shard_size, separator_id, tokenizer_fingerprint
        As in `TokenStore.from_arrays`; they have been checked.
    """

    def __init__(
        self,
        folder: str,
        *,
        vocab_size: int,
        shard_size: int,
        separator_id: int | None = None,
        tokenizer_fingerprint: str | None = None,
    ) -> None:
        self._folder = folder
        self._partial = folder + UNFINISHED
        self._vocab_size, self._shard_size = vocab_size, shard_size
        self._separator_id, self._tokenizer = separator_id, tokenizer_fingerprint
        self._dtype = dtype_of(vocab_size)
        self._files: dict[str, FileInfo] = {}  # shards that are complete
        self.n_ids = 0
        self.n_documents = 0

    def __enter__(self) -> StoreWriter:
        os.makedirs(self._partial, exist_ok=True)
        self._shard = HashedFile(os.path.join(self._partial, shard_name(0)))
        self._offsets = HashedFile(os.path.join(self._partial, OFFSETS))
        self._offsets.write(np.zeros(1, OFFSET_DTYPE))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shard.close()
        self._offsets.close()
        if kind is not None:
            shutil.rmtree(self._partial)

    def append(self, values: NDArray[Any], ends: NDArray[np.int64]) -> None:
        """Append ids, and the places in `values` after which documents end.

        Parameters
        ----------
        values : ndarray of int, shape (n,)
            Ids.
        ends : ndarray of int64, shape (k,)
            Number of ids in `values` before the end of each document that ends in them, ascending.

        Raises
        ------
        IndexError
            If an id is not in the vocabulary.
        """
        for start in range(0, len(values), CHUNK):
            part = values[start : start + CHUNK]
            if part.min() < 0 or part.max() >= self._vocab_size:
                i = int(np.argmax((part < 0) | (part >= self._vocab_size))) + start
                document = self.n_documents + int(np.searchsorted(ends, i, "right"))
                raise IndexError(
                    f"id {values[i]} at position {self.n_ids + i:,}, in document {document:,}, is not in the "
                    f"vocabulary of {self._vocab_size:,} ids"
                )
        for start in range(0, len(values), CHUNK):
            self._write(np.ascontiguousarray(values[start : start + CHUNK], self._dtype))
        for start in range(0, len(ends), CHUNK):
            # The ids have been counted.
            self._offsets.write(
                (ends[start : start + CHUNK] + (self.n_ids - len(values))).astype(OFFSET_DTYPE)
            )
        self.n_documents += len(ends)

    def _write(self, values: NDArray[Any]) -> None:
        while len(values):
            room = self._shard_size - self._shard.n_bytes // self._dtype.itemsize
            if room == 0:
                self._end_shard()
                self._shard = HashedFile(os.path.join(self._partial, shard_name(len(self._files))))
                continue
            self._shard.write(values[:room])
            self.n_ids += len(values[:room])
            values = values[room:]

    def _end_shard(self) -> None:
        self._files[shard_name(len(self._files))] = self._shard.finish()

    def finish(self, *, source_bytes: int | None = None, corpus_fingerprint: str | None = None) -> None:
        """Complete the store: write its description and rename the folder."""
        self._end_shard()
        self._files[OFFSETS] = self._offsets.finish()
        description = Description(
            self._vocab_size,
            self.n_ids,
            self.n_documents,
            self._shard_size,
            source_bytes,
            self._separator_id,
            self._tokenizer,
            corpus_fingerprint,
            self._files,
        )
        path = os.path.join(self._partial, DESCRIPTION)
        with open(path, "wb") as file:
            file.write(description.to_json())
            file.flush()
            os.fsync(file.fileno())
        os.rename(self._partial, self._folder)


def write_arrays(
    path: str,
    ids: Any,
    offsets: Any,
    *,
    vocab_size: Any,
    separator_id: Any,
    tokenizer_fingerprint: Any,
    corpus_fingerprint: Any,
    source_bytes: Any,
    shard_size: Any,
) -> None:
    """Check the arguments of `TokenStore.from_arrays` and write the store."""
    vocab_size = checked_vocab_size(vocab_size)
    parts = _checked_parts(ids, offsets)
    options = {
        "vocab_size": vocab_size,
        "shard_size": checked_shard_size(shard_size),
        "separator_id": checked_separator_id(separator_id, vocab_size),
        "tokenizer_fingerprint": checked_fingerprint("tokenizer_fingerprint", tokenizer_fingerprint),
    }
    corpus_fingerprint = checked_fingerprint("corpus_fingerprint", corpus_fingerprint)
    if source_bytes is not None:
        source_bytes = checked_size("source_bytes", source_bytes, 0)
    with StoreWriter(checked_new_store(path), **options) as writer:
        for values, ends in parts:
            writer.append(values, ends)
        writer.finish(source_bytes=source_bytes, corpus_fingerprint=corpus_fingerprint)


def _checked_parts(ids: Any, offsets: Any) -> Iterator[tuple[NDArray[Any], NDArray[np.int64]]]:
    """Return an iterator of ids and ends of documents; see `StoreWriter.append`."""
    is_flat = isinstance(ids, np.ndarray) and ids.ndim == 1 and ids.dtype.kind in "iu"
    if isinstance(ids, Ragged):
        if offsets is not None:
            raise TypeError("offsets must be None if ids is a Ragged, which has offsets")
        ids, offsets, is_flat = ids.values, ids.offsets, True
        if ids.dtype.kind not in "iu":
            raise TypeError(f"ids must be integers, not {ids.dtype}")
    if is_flat:
        if offsets is None:
            offsets = np.array([0, len(ids)], np.int64)
        if not isinstance(offsets, np.ndarray):
            raise TypeError(f"offsets must be an ndarray of int64 or None, not {describe(offsets)}")
        try:
            rows = Ragged(ids, offsets)
        except ValueError as error:
            raise ValueError(f"offsets are not valid: {error}") from None
        return iter([(rows.values, rows.offsets[1:])])
    if offsets is not None:
        raise TypeError("offsets must be None unless ids is a flat array of integers")
    return _parts_of_rows(checked_items("ids", ids, "rows of integers") if not _is_matrix(ids) else ids)


def _is_matrix(ids: Any) -> bool:
    return isinstance(ids, np.ndarray) and ids.ndim == 2 and ids.dtype.kind in "iu"


def _parts_of_rows(rows: Iterable[Any]) -> Iterator[tuple[NDArray[Any], NDArray[np.int64]]]:
    """Yield the ids and ends of documents of about `CHUNK` ids together."""
    waiting: list[NDArray[Any]] = []
    n = 0
    for i, row in enumerate(rows):
        array = as_ids(row, f"row {i} of ids")
        waiting.append(array)
        n += len(array) + 1
        if n >= CHUNK:
            yield _join(waiting)
            waiting, n = [], 0
    if waiting:
        yield _join(waiting)


def _join(rows: list[NDArray[Any]]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    return np.concatenate(rows), np.cumsum([len(row) for row in rows], dtype=np.int64)
