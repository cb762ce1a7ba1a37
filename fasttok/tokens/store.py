"""`TokenStore`: ids of a corpus on disk, read through a memory map."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as StateMapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fasttok.core._gather import are_offsets
from fasttok.core.checks import checked_integer, checked_path, describe, describe_type
from fasttok.core.errors import TokenStoreError
from fasttok.core.ragged import Ragged
from fasttok.tokens._mapping import Mapping
from fasttok.tokens.batches import TokenBatches
from fasttok.tokens.layout import (
    DESCRIPTION,
    OFFSET_DTYPE,
    OFFSETS,
    SHARD_SIZE,
    FileInfo,
    read_description,
    shard_name,
)
from fasttok.tokens.windows import TokenWindows
from fasttok.tokens.writer import write_arrays

CHUNK = 1 << 22  # bytes that are checked at once


class TokenStore:
    """Ids of a corpus in a folder on disk, with the boundaries of its documents.

    A store is read through a memory map: opening one of any size takes milliseconds, and only those ids are
    read from disk that are used. Write a store with `Tokenizer.encode_corpus`, or with `from_arrays` from
    ids that exist. The files of an open store must not be changed.

    Parameters
    ----------
    path : str or os.PathLike
        Folder of the store.
    tokenizer : Tokenizer, optional
        Tokenizer that has encoded the store; it is an error if it is another one.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    TokenStoreError
        If the folder is not a complete store, a file is missing or has the wrong size, or the store was
        encoded by another tokenizer. The contents of the files are checked by `verify` only.

    Notes
    -----
    Pickling a store keeps its path only, so processes that load data share one copy in memory.

    Examples
    --------
    >>> import tempfile
    >>> import fasttok as ft
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = ft.TokenStore.from_arrays(f"{folder}/a.tokens", [[1, 2, 3], [4, 5]], vocab_size=6)
    ...     store = ft.TokenStore.open(f"{folder}/a.tokens")
    ...     store.ids, store.document(1)
    (array([1, 2, 3, 4, 5], dtype=uint16), array([4, 5], dtype=uint16))
    """

    def __init__(self, path: str | os.PathLike[str], tokenizer: Any = None) -> None:
        self._path = checked_path("path", path)
        if tokenizer is not None:
            _check_is_tokenizer(tokenizer)
        self._description = read_description(self._path)
        if tokenizer is not None:
            self._check_tokenizer(tokenizer)

    @classmethod
    def open(cls, path: str | os.PathLike[str], tokenizer: Any = None) -> TokenStore:
        """Open a store; the same as ``TokenStore(path, tokenizer)``. O(number of files).

        Raises
        ------
        FileNotFoundError, TokenStoreError
            As in `TokenStore`.
        """
        return cls(path, tokenizer)

    @classmethod
    def from_arrays(
        cls,
        path: str | os.PathLike[str],
        ids: Ragged | NDArray[Any] | Iterable[Sequence[int] | NDArray[Any]],
        offsets: NDArray[np.int64] | None = None,
        *,
        vocab_size: int,
        separator_id: int | None = None,
        tokenizer_fingerprint: str | None = None,
        corpus_fingerprint: str | None = None,
        source_bytes: int | None = None,
        shard_size: int = SHARD_SIZE,
    ) -> TokenStore:
        """Write ids to a new store, and open it. O(number of ids); iterables are not kept in memory.

        Parameters
        ----------
        path : str or os.PathLike
            Folder to write, which must not exist.
        ids : Ragged, ndarray of int, or iterable of rows of int
            One row per document, or a flat array of the ids of all documents.
        offsets : ndarray of int64, shape (n_documents + 1,), optional
            Start of each document in a flat array of ids, followed by the end of the last one. By default,
            a flat array is one document.
        vocab_size : int
            Size of the vocabulary, at most 2^32; all ids must be below it. Ids are stored in two bytes if it
            is at most 65,536, else in four.
        separator_id : int, optional
            Id at the end of each document, if there is one. It is recorded, not added.
        tokenizer_fingerprint, corpus_fingerprint : str, optional
            Fingerprints of the tokenizer and of the corpus.
        source_bytes : int, optional
            Number of bytes of the text in UTF-8.
        shard_size : int, default 2^28
            Number of ids per file, a multiple of 65,536.

        Returns
        -------
        TokenStore
            The new store.

        Raises
        ------
        FileExistsError
            If `path` exists.
        IndexError
            If an id is not in the vocabulary.
        TypeError, ValueError
            If another argument is not valid.
        OSError
            If the store cannot be written. Nothing is left of it.

        Examples
        --------
        >>> import tempfile
        >>> import numpy as np
        >>> import fasttok as ft
        >>> ids, offsets = np.array([5, 6, 0, 7, 0]), np.array([0, 3, 5])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ft.TokenStore.from_arrays(f"{folder}/a.tokens", ids, offsets, vocab_size=8, separator_id=0)
        ...     # doctest: +ELLIPSIS
        TokenStore('...a.tokens': 5 ids, uint16, vocabulary of 8, 2 documents)
        """
        folder = checked_path("path", path)
        write_arrays(
            folder,
            ids,
            offsets,
            vocab_size=vocab_size,
            separator_id=separator_id,
            tokenizer_fingerprint=tokenizer_fingerprint,
            corpus_fingerprint=corpus_fingerprint,
            source_bytes=source_bytes,
            shard_size=shard_size,
        )
        return cls(folder)

    # Ids

    @cached_property
    def ids(self) -> NDArray[Any]:
        """All ids: read-only, memory-mapped ndarray of uint16 or uint32, shape (n_ids,).

        Accessing it takes O(number of shards).
        """
        names = [shard_name(i) for i in range(self._description.n_shards)]
        return self._map(names, self._description.dtype)

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """Start of each document in `ids`, followed by `n_ids`: read-only int64, shape (n_documents + 1,).

        Each document includes its separator. The first access checks all offsets: O(n_documents).
        """
        offsets = self._map([OFFSETS], OFFSET_DTYPE)
        _check_offsets(offsets, self.n_ids, os.path.join(self._path, OFFSETS))
        return offsets

    def document(self, i: int) -> NDArray[Any]:
        """Return the ids of document `i`, with its separator, as a view of `ids`.

        A negative `i` counts from the end, as in lists.

        Raises
        ------
        TypeError
            If `i` is not an integer.
        IndexError
            If there is no such document.
        """
        number = checked_integer("i", i)
        if not -self.n_documents <= number < self.n_documents:
            raise IndexError(
                f"i: there is no document {describe(number)}: the store has {self.n_documents:,}"
            )
        first = number % self.n_documents
        return self.ids[self.offsets[first] : self.offsets[first + 1]]

    def __len__(self) -> int:
        """Return the number of documents."""
        return self.n_documents

    def _map(self, names: list[str], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return the contents of files as one read-only array."""
        sizes = self._description.sizes
        paths = [os.path.join(self._path, name) for name in names if sizes[name]]
        if not paths:
            empty = np.empty(0, dtype)
            empty.flags.writeable = False
            return empty
        if os.name == "nt":
            if len(paths) > 1:
                raise TokenStoreError(
                    f"{len(paths)} shards cannot be read as one array on Windows; write the store with "
                    "a larger shard_size",
                    self._path,
                )
            return np.memmap(paths[0], dtype, "r")
        mapping = Mapping(paths, [sizes[name] for name in names if sizes[name]])
        return np.frombuffer(memoryview(mapping), dtype)

    # Description

    @property
    def path(self) -> str:
        """Folder of the store, as it was given."""
        return self._path

    @property
    def n_ids(self) -> int:
        """Number of ids, separators included."""
        return self._description.n_ids

    @property
    def n_documents(self) -> int:
        """Number of documents."""
        return self._description.n_documents

    @property
    def vocab_size(self) -> int:
        """Size of the vocabulary: all ids are below it."""
        return self._description.vocab_size

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of `ids`: uint16 if `vocab_size` is at most 65,536, else uint32."""
        return self._description.dtype

    @property
    def separator_id(self) -> int | None:
        """Id at the end of each document; None if there is none."""
        return self._description.separator_id

    @property
    def source_bytes(self) -> int | None:
        """Number of bytes of the encoded text in UTF-8; None if unknown."""
        return self._description.source_bytes

    @property
    def bytes_per_token(self) -> float | None:
        """Bytes of text per id, separators included; None if the text is unknown or there are no ids."""
        if self.source_bytes is None or not self.n_ids:
            return None
        return self.source_bytes / self.n_ids

    @property
    def tokenizer_fingerprint(self) -> str | None:
        """Fingerprint of the tokenizer (`Tokenizer.fingerprint`); None if unknown."""
        return self._description.tokenizer_fingerprint

    @property
    def corpus_fingerprint(self) -> str | None:
        """Fingerprint of the text (`Corpus.fingerprint`); None if unknown."""
        return self._description.corpus_fingerprint

    @property
    def files(self) -> dict[str, FileInfo]:
        """Size in bytes and SHA-256 of each file of ids and offsets, by name."""
        return dict(self._description.files)

    # Windows and batches

    def windows(
        self,
        context: int,
        stride: int | None = None,
        *,
        within_documents: bool = False,
        keep_last: bool = False,
    ) -> TokenWindows:
        """Return the windows of the ids, each with its targets: the ids one place later.

        Parameters
        ----------
        context : int
            Number of ids per window.
        stride : int, optional
            Step from the start of one window to the start of the next; default: `context`.
        within_documents : bool
            Whether a window, its last target included, must be in one document.
        keep_last : bool
            Whether to keep a last window of fewer than `context` ids.

        Returns
        -------
        TokenWindows
            Sequence of pairs ``(x, y)`` of views.

        Raises
        ------
        TypeError, ValueError, TokenStoreError
            As in `fasttok.tokens.TokenWindows`, which has all details.

        Examples
        --------
        >>> import tempfile
        >>> import fasttok as ft
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = ft.TokenStore.from_arrays(f"{folder}/a.tokens", [[5, 6, 7, 8], [9, 5]], vocab_size=10)
        ...     windows = store.windows(context=3, stride=2)
        ...     len(windows), windows[1]
        (2, (array([7, 8, 9], dtype=uint16), array([8, 9, 5], dtype=uint16)))
        """
        return TokenWindows(self, context, stride, within_documents=within_documents, keep_last=keep_last)

    def batches(
        self,
        batch_size: int,
        context: int,
        stride: int | None = None,
        *,
        seed: int | None = None,
        epoch: int | None = None,
        start: int | StateMapping[str, Any] = 0,
        rank: int = 0,
        world_size: int = 1,
        drop_last: bool = True,
        within_documents: bool = False,
        keep_last: bool = False,
        dtype: DTypeLike | None = None,
        pad_id: int = 0,
    ) -> TokenBatches:
        """Return an iterator over the batches of one epoch.

        Parameters
        ----------
        batch_size : int
            Number of windows per batch, in each process.
        context : int
            Number of ids per window.
        stride : int, optional
            Step from the start of one window to the start of the next; default: `context`.
        seed : int, optional
            Seed of the order of the windows, from 0 to 2^64 - 1. Default: not shuffled.
        epoch : int, optional
            Number of the epoch, which changes the order. Default: that of the state in `start`, or else 0.
        start : int or mapping
            Number of batches to skip, or the ``state`` of earlier batches, after which these continue.
        rank, world_size : int
            Number of this process, from 0, and number of all processes, which share the windows.
        drop_last : bool
            Whether to drop the last batch, if it is not full in all processes.
        within_documents, keep_last : bool
            As in `windows`.
        dtype : dtype, optional
            Type of the ids: uint16, uint32, int32, or int64 as torch needs it. Default: that of the store.
        pad_id : int
            Padding of the windows that `keep_last` keeps.

        Returns
        -------
        TokenBatches
            Iterator over pairs ``(x, y)`` of new arrays of shape (batch_size, context). Its `state` continues
            the epoch later.

        Raises
        ------
        TypeError, ValueError, TokenStoreError
            As in `fasttok.tokens.TokenBatches`, which has all details.

        Examples
        --------
        >>> import tempfile
        >>> import fasttok as ft
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = ft.TokenStore.from_arrays(f"{folder}/a.tokens", [range(20)], vocab_size=20)
        ...     for x, y in store.batches(batch_size=2, context=4):
        ...         print(x.tolist(), y.tolist())
        [[0, 1, 2, 3], [4, 5, 6, 7]] [[1, 2, 3, 4], [5, 6, 7, 8]]
        [[8, 9, 10, 11], [12, 13, 14, 15]] [[9, 10, 11, 12], [13, 14, 15, 16]]
        """
        return TokenBatches(
            self,
            batch_size,
            context,
            stride,
            seed=seed,
            epoch=epoch,
            start=start,
            rank=rank,
            world_size=world_size,
            drop_last=drop_last,
            within_documents=within_documents,
            keep_last=keep_last,
            dtype=dtype,
            pad_id=pad_id,
        )

    def export(self, path: str | os.PathLike[str], format: str, **options: Any) -> tuple[str, ...]:
        """Write the ids to files that another project reads.

        Files appear when they are complete. It takes O(number of ids) and little memory.

        Parameters
        ----------
        path : str or os.PathLike
            File to write, or new folder for formats of several files of ids; for "megatron" the prefix of the
            two files.
        format : {"nanogpt", "build-nanogpt", "llmc", "megatron", "datatrove", "olmo", "litdata", "mds", \
"parquet", "arrow"}
            Format of the files; see "Token files" in the reference for their layouts.
        **options
            Options of the format, also listed there, such as ``held_out=0.0005, seed=2357`` for "nanogpt".

        Returns
        -------
        tuple of str
            Paths of the files.

        Raises
        ------
        TokenStoreError
            If the format cannot hold the vocabulary or the documents, or the store is damaged.
        FileExistsError
            If a folder exists and is not empty. Files that exist are replaced.
        TypeError, ValueError
            If the format or an option is not valid, or the path is in the folder of the store.
        OSError
            If the files cannot be written. Nothing is left of them.

        Examples
        --------
        >>> import tempfile
        >>> import numpy as np
        >>> import fasttok as ft
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = ft.TokenStore.from_arrays(f"{folder}/a.tokens", [[5, 6, 0], [7, 0]], vocab_size=8)
        ...     [path] = store.export(f"{folder}/train.bin", format="nanogpt")
        ...     np.fromfile(path, np.uint16)
        array([5, 6, 0, 7, 0], dtype=uint16)
        """
        from fasttok.tokens.exports.registry import export_store

        return export_store(self, path, format, **options)

    def verify(self) -> None:
        """Check the contents of all files: hashes, offsets, and that all ids are in the vocabulary.

        It reads all files once, in O(1) memory.

        Raises
        ------
        TokenStoreError
            If a file is damaged; the error names the file and, if it is known, the place.

        Examples
        --------
        >>> import tempfile
        >>> import fasttok as ft
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = ft.TokenStore.from_arrays(f"{folder}/a.tokens", [[1, 2], [3]], vocab_size=4)
        ...     store.verify()
        """
        description = read_description(self._path)
        if description != self._description:
            raise TokenStoreError("changed since the store was opened", os.path.join(self._path, DESCRIPTION))
        for name, info in description.files.items():
            path = os.path.join(self._path, name)
            if name == OFFSETS:
                _check_offsets(self._map([OFFSETS], OFFSET_DTYPE), self.n_ids, path)
                digest = _hash_file(path)
            else:
                digest = _hash_file(path, description.dtype, self.vocab_size)
            if digest != info.sha256:
                raise TokenStoreError(
                    f"damaged: its SHA-256 is {digest}, not {info.sha256}; copy it again, or write the store "
                    "again",
                    path,
                )

    def _check_tokenizer(self, tokenizer: Any) -> None:
        if self.tokenizer_fingerprint is None:
            raise TokenStoreError(
                "the store does not record its tokenizer, so it cannot be compared; open it without "
                "tokenizer=",
                self._path,
            )
        fingerprint = tokenizer.fingerprint()
        if fingerprint != self.tokenizer_fingerprint:
            raise TokenStoreError(
                f"encoded by another tokenizer: its fingerprint is {self.tokenizer_fingerprint}, that of "
                f"tokenizer= is {fingerprint}",
                self._path,
            )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (os.path.abspath(self._path),)

    def __repr__(self) -> str:
        n, unit = self.n_documents, "document" if self.n_documents == 1 else "documents"
        return (
            f"{type(self).__name__}({self._path!r}: {self.n_ids:,} ids, {self.dtype.name}, vocabulary of "
            f"{self.vocab_size:,}, {n:,} {unit})"
        )


def _check_is_tokenizer(value: Any) -> None:
    is_class = isinstance(value, type)
    if is_class or not all(hasattr(value, name) for name in ("fingerprint", "vocab_size", "encode")):
        raise TypeError(f"tokenizer must be a Tokenizer or None, not {describe_type(value)}")


def _check_offsets(offsets: NDArray[np.int64], n_ids: int, path: str) -> None:
    """Raise an error that names the first wrong offset, if there is one."""
    if offsets[0] == 0 and offsets[-1] == n_ids and are_offsets(offsets, n_ids):
        return
    if offsets[0] != 0:
        raise TokenStoreError(f"damaged: it must be 0, not {offsets[0]:,}", path, "offset 0")
    for start in range(0, len(offsets) - 1, CHUNK):
        part = offsets[start : start + CHUNK + 1]
        bad = np.flatnonzero((part[1:] < part[:-1]) | (part[1:] > n_ids))
        if len(bad):
            i = int(bad[0])
            raise TokenStoreError(
                f"damaged: it is {part[i + 1]:,}, but must be from {part[i]:,} to {n_ids:,}",
                path,
                f"offset {start + i + 1:,}",
            )
    raise TokenStoreError(
        f"damaged: it must be the number of ids, {n_ids:,}, not {offsets[-1]:,}",
        path,
        f"offset {len(offsets) - 1:,}",
    )


def _hash_file(path: str, dtype: np.dtype[Any] | None = None, vocab_size: int = 0) -> str:
    """Return the SHA-256 of a file; check its ids if a `dtype` is given."""
    digest, position = hashlib.sha256(), 0
    buffer = bytearray(CHUNK)
    with open(path, "rb", buffering=0) as file:
        while n := file.readinto(buffer):
            data = memoryview(buffer)[:n]
            digest.update(data)
            if dtype is not None:
                ids = np.frombuffer(data[: n - n % dtype.itemsize], dtype)
                if len(ids) and ids.max() >= vocab_size:
                    i = int(np.argmax(ids >= vocab_size))
                    raise TokenStoreError(
                        f"damaged: id {ids[i]:,} is not in the vocabulary of {vocab_size:,} ids",
                        path,
                        f"byte {position + i * dtype.itemsize:,}",
                    )
            position += n
    return digest.hexdigest()
