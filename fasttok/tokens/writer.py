"""Write the files of a token store: `StoreWriter` part by part, `write_arrays` from ids that exist."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_items, checked_size, describe
from fasttok.core.errors import TokenStoreError
from fasttok.core.ids import as_ids
from fasttok.core.parallel import BackgroundThread
from fasttok.core.ragged import Ragged
from fasttok.core.saving import atomic_write
from fasttok.tokens.checkpoint import UnfinishedFolder
from fasttok.tokens.layout import (
    DESCRIPTION,
    OFFSET_DTYPE,
    OFFSETS,
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
WAITING = (
    16  # calls that may wait for the thread that writes, each with at most a chunk or the ids of a batch
)
NO_ENDS = np.zeros(0, np.int64)


class Written(NamedTuple):
    """Files of a store that is being written, as far as they are complete.

    Attributes
    ----------
    n_ids, n_documents : int
        Number of ids and documents.
    files : dict of str to FileInfo
        Size and hash of each file, by name.
    """

    n_ids: int
    n_documents: int
    files: dict[str, FileInfo]


class HashedFile:
    """File that is written from its start to its end, and hashed.

    Parameters
    ----------
    path : str
        The file.
    written : FileInfo, optional
        Size and hash of what is kept of an existing file; by default it is replaced.

    Raises
    ------
    TokenStoreError
        If the existing file is not what `written` says.
    """

    def __init__(self, path: str, written: FileInfo | None = None) -> None:
        self._path = path
        self._digest = hashlib.sha256()
        self.n_bytes = 0
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        self._number = os.open(path, flags | (os.O_TRUNC if written is None else 0), 0o666)
        if written is not None:
            try:
                self._keep(written)
            except BaseException:
                self.close()
                raise

    def _keep(self, written: FileInfo) -> None:
        """Hash the start of the file, and truncate it."""
        while self.n_bytes < written.bytes:
            data = os.read(self._number, min(written.bytes - self.n_bytes, CHUNK))
            if not data:
                break
            self._digest.update(data)
            self.n_bytes += len(data)
        if self.info != written:
            raise TokenStoreError(
                "damaged: it is not what the unfinished run has written; delete the folder to start again",
                self._path,
            )
        os.ftruncate(self._number, self.n_bytes)

    @property
    def info(self) -> FileInfo:
        """Size and hash of what has been written."""
        return FileInfo(self.n_bytes, self._digest.hexdigest())

    def write(self, array: NDArray[Any]) -> None:
        """Append the bytes of a contiguous array."""
        data = array.data.cast("B") if len(array) else memoryview(b"")
        self._digest.update(data)
        self.n_bytes += len(data)
        try:
            while len(data):
                data = data[os.write(self._number, data) :]
        except OSError as error:
            error.filename = self._path
            raise

    def flush(self) -> None:
        """Write everything to the disk."""
        try:
            os.fsync(self._number)
        except OSError as error:
            error.filename = self._path
            raise

    def close(self) -> None:
        """Close the file."""
        if self._number >= 0:
            os.close(self._number)
            self._number = -1


class StoreFiles:
    """Files of the ids of a store, in shards, and of the ends of its documents.

    Parameters
    ----------
    path : str
        Folder to write, which exists.
    dtype : dtype
        Type of the ids in the files.
    shard_size : int
        As in `TokenStore.from_arrays`.
    written : Written
        Files that exist in part; others are replaced.

    Raises
    ------
    TokenStoreError
        If the existing files are not as `written` says.
    """

    def __init__(self, path: str, dtype: np.dtype[Any], shard_size: int, written: Written) -> None:
        self._path, self._dtype, self._shard_size = path, dtype, shard_size
        self._n_ids, self._n_documents, files = written
        # Shards that are complete. A full shard is the current one until there are more ids.
        n_complete = max(0, len(files) - 2)
        self._complete = {shard_name(i): files[shard_name(i)] for i in range(n_complete)}
        with ExitStack() as opened:
            self._shard = self._open(shard_name(n_complete), files)
            opened.callback(self._shard.close)
            self._offsets = self._open(OFFSETS, files)
            opened.callback(self._offsets.close)
            if not self._offsets.n_bytes:
                self._offsets.write(np.zeros(1, OFFSET_DTYPE))
            opened.pop_all()

    def _open(self, name: str, files: dict[str, FileInfo]) -> HashedFile:
        return HashedFile(os.path.join(self._path, name), files.get(name))

    def append(self, values: NDArray[Any], offsets: NDArray[np.int64]) -> None:
        """Append ids, which have the type of the store, and the places in the store where documents end."""
        while len(values):
            n_free = self._shard_size - self._shard.n_bytes // self._dtype.itemsize
            if not n_free:
                self._shard.flush()
                self._shard.close()
                self._complete[shard_name(len(self._complete))] = self._shard.info
                self._shard = self._open(shard_name(len(self._complete)), {})
                continue
            self._shard.write(values[:n_free])
            self._n_ids += len(values[:n_free])
            values = values[n_free:]
        self._offsets.write(offsets.astype(OFFSET_DTYPE))
        self._n_documents += len(offsets)

    def flush(self) -> Written:
        """Write everything to the disk, and return what is there."""
        self._shard.flush()
        self._offsets.flush()
        last = {shard_name(len(self._complete)): self._shard.info, OFFSETS: self._offsets.info}
        return Written(self._n_ids, self._n_documents, {**self._complete, **last})

    def close(self) -> None:
        """Close the files."""
        self._shard.close()
        self._offsets.close()


class StoreWriter:
    """Writer of the files of a store in an unfinished folder; a context manager that closes them.

    A thread hashes and writes the ids, so an error of the file system is raised by a later method.

    Parameters
    ----------
    path : str
        Folder to write, which exists.
    vocab_size, shard_size : int
        As in `TokenStore.from_arrays`; they have been checked.
    written : Written, optional
        Files that an earlier writer has written in part; by default, they are replaced.

    Attributes
    ----------
    n_ids, n_documents : int
        Number of ids and documents.

    Raises
    ------
    TokenStoreError
        If the existing files are not as `written` says.
    """

    def __init__(self, path: str, vocab_size: int, shard_size: int, written: Written | None = None) -> None:
        self._path, self._vocab_size, self._shard_size = path, vocab_size, shard_size
        self._dtype = dtype_of(vocab_size)
        written = written or Written(0, 0, {})
        self.n_ids, self.n_documents, _ = written
        self._files = StoreFiles(path, self._dtype, shard_size, written)
        self._thread = BackgroundThread(WAITING)

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.close()
        self._files.close()

    def append_new(self, values: NDArray[Any], ends: NDArray[np.int64]) -> None:
        """Append ids as `append` does, without checking or copying them.

        They are in the vocabulary and have the type of the store, and the array will not be changed.
        """
        self._thread.call(self._files.append, values, ends + self.n_ids)
        self.n_ids += len(values)
        self.n_documents += len(ends)

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
            If an id is not in the vocabulary. Nothing of `values` is written.
        """
        for start in range(0, len(values), CHUNK):
            part = values[start : start + CHUNK]
            if part.max() >= self._vocab_size or (part.dtype.kind == "i" and part.min() < 0):
                i = start + int(np.argmax((part < 0) | (part >= self._vocab_size)))
                document = self.n_documents + int(np.searchsorted(ends, i, "right"))
                raise IndexError(
                    f"id {values[i]} at position {self.n_ids + i:,}, in document {document:,}, is not in the "
                    f"vocabulary of {self._vocab_size:,} ids"
                )
        for start in range(0, len(values), CHUNK):
            # A copy, because it is written later.
            self.append_new(values[start : start + CHUNK].astype(self._dtype), NO_ENDS)
        self._thread.call(self._files.append, NO_ENDS, ends + (self.n_ids - len(values)))
        self.n_documents += len(ends)

    def checkpoint(self, save: Callable[[Written], None]) -> None:
        """Write everything to the disk, soon, and then call `save` with what is there."""
        self._thread.call(lambda: save(self._files.flush()))

    def finish(
        self,
        *,
        source_bytes: int | None,
        separator_id: int | None,
        tokenizer_fingerprint: str | None,
        corpus_fingerprint: str | None,
        encoding: dict[str, Any] | None = None,
    ) -> None:
        """Write everything to the disk, and the description of the store."""
        self._thread.wait()
        description = Description(
            vocab_size=self._vocab_size,
            n_ids=self.n_ids,
            n_documents=self.n_documents,
            shard_size=self._shard_size,
            source_bytes=source_bytes,
            separator_id=separator_id,
            tokenizer_fingerprint=tokenizer_fingerprint,
            corpus_fingerprint=corpus_fingerprint,
            encoding=encoding,
            files=self._files.flush().files,
        )
        with atomic_write(os.path.join(self._path, DESCRIPTION)) as file:
            file.write(description.to_json())


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
    shard_size = checked_shard_size(shard_size)
    parts = _checked_parts(ids, offsets)
    described: dict[str, Any] = {
        "separator_id": checked_separator_id(separator_id, vocab_size),
        "tokenizer_fingerprint": checked_fingerprint("tokenizer_fingerprint", tokenizer_fingerprint),
        "corpus_fingerprint": checked_fingerprint("corpus_fingerprint", corpus_fingerprint),
        "source_bytes": None if source_bytes is None else checked_size("source_bytes", source_bytes, 0),
    }
    write_parts(path, parts, vocab_size, shard_size, **described)


def write_parts(
    path: str,
    parts: Iterable[tuple[NDArray[Any], NDArray[np.int64]]],
    vocab_size: int,
    shard_size: int,
    **described: Any,
) -> None:
    """Write a new store of parts, which are arguments of `StoreWriter.append`; nothing is left if this fails.

    Parameters
    ----------
    path : str
        Folder to write, which must not exist.
    parts : iterable of (ndarray of int, ndarray of int64)
        Ids, and the ends of documents in them.
    vocab_size, shard_size : int
        As in `TokenStore.from_arrays`; they have been checked.
    **described
        Arguments of `StoreWriter.finish`.
    """
    with UnfinishedFolder(path) as folder:
        checkpoint, complete = folder.read_checkpoint(), folder.read_complete()
        if (checkpoint and checkpoint.n_documents) or (complete and complete.encoding is not None):
            raise TokenStoreError(
                "an unfinished run of encode_corpus; call it again to finish it, or delete the folder",
                folder.path,
            )
        folder.clear()
        try:
            with StoreWriter(folder.path, vocab_size, shard_size) as writer:
                for values, ends in parts:
                    writer.append(values, ends)
                writer.finish(**described)
            folder.complete()
        except BaseException:
            folder.delete()
            raise


def _checked_parts(ids: Any, offsets: Any) -> Iterator[tuple[NDArray[Any], NDArray[np.int64]]]:
    """Return an iterator of ids and ends of documents; see `StoreWriter.append`."""
    is_flat = isinstance(ids, np.ndarray) and ids.ndim == 1 and ids.dtype.kind in "iu"
    if isinstance(ids, Ragged):
        if offsets is not None:
            raise TypeError("offsets must be None if ids is a Ragged, which has offsets")
        first, last = ids.offsets[0], ids.offsets[-1]
        ids, offsets, is_flat = ids.values[first:last], ids.offsets - first, True
        if ids.dtype.kind not in "iu":
            raise TypeError(f"ids must be integers, not {ids.dtype}")
    if is_flat:
        if offsets is None:
            offsets = np.array([0, len(ids)], np.int64)
        if not isinstance(offsets, np.ndarray):
            raise TypeError(f"offsets must be an ndarray of int64 or None, not {describe(offsets)}")
        try:
            Ragged(ids, offsets)
        except ValueError as error:
            raise ValueError(f"offsets are not valid: {error}") from None
        if offsets[0] != 0 or offsets[-1] != len(ids):
            raise ValueError(
                f"offsets must begin with 0 and end with the number of ids, {len(ids):,}, not with "
                f"{offsets[0]:,} and {offsets[-1]:,}"
            )
        return iter([(ids, offsets[1:])])
    if offsets is not None:
        raise TypeError("offsets must be None unless ids is a flat array of integers")
    is_matrix = isinstance(ids, np.ndarray) and ids.ndim == 2 and ids.dtype.kind in "iu"
    return _parts_of_rows(ids if is_matrix else checked_items("ids", ids, "rows of integers"))


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
