"""Layout of a token store on disk: names of files, and `Description`, the content of ``store.json``."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from fasttok.core.checks import checked_integer, checked_size, checked_word, describe
from fasttok.core.errors import TokenStoreError

DESCRIPTION = "store.json"
OFFSETS = "offsets.bin"
PROGRESS = "progress.json"  # of an unfinished store
UNFINISHED = ".partial"  # added to the name of the folder until the store is complete
FORMAT = "fasttok token store"
VERSION = 1
SHARD_UNIT = 1 << 16  # ids; a shard of two-byte ids is then a whole number of pages on every system
SHARD_SIZE = 1 << 28
MOST_IDS = 1 << 32  # largest size of a vocabulary
OFFSET_DTYPE = np.dtype("<i8")
_DTYPES: dict[str, np.dtype[Any]] = {"uint16": np.dtype("<u2"), "uint32": np.dtype("<u4")}


def dtype_of(vocab_size: int) -> np.dtype[Any]:
    """Return the type of stored ids: uint16 if all ids of the vocabulary fit, else uint32."""
    return _DTYPES["uint16" if vocab_size <= 1 << 16 else "uint32"]


def shard_name(i: int) -> str:
    """Return the name of the file of a shard.

    Examples
    --------
    >>> shard_name(12)
    'ids-00012.bin'
    """
    return f"ids-{i:05d}.bin"


class FileInfo(NamedTuple):
    """Size and hash of a file of a store."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Description:
    """Description of a store, as in its file ``store.json``.

    Parameters
    ----------
    vocab_size : int
        Size of the vocabulary: all ids are below it.
    n_ids, n_documents : int
        Number of ids and documents.
    shard_size : int
        Number of ids per shard; the last one may have fewer.
    source_bytes : int, optional
        Number of bytes of the text in UTF-8.
    separator_id : int, optional
        Id after each document.
    tokenizer_fingerprint, corpus_fingerprint : str, optional
        Fingerprints of the tokenizer and of the text.
    encoding : dict of str to object, optional
        Other options of `Tokenizer.encode_corpus`; None if the ids were not written by it.
    files : dict of str to FileInfo
        Size and hash of each file, by name.
    """

    vocab_size: int
    n_ids: int
    n_documents: int
    shard_size: int
    source_bytes: int | None
    separator_id: int | None
    tokenizer_fingerprint: str | None
    corpus_fingerprint: str | None
    encoding: dict[str, Any] | None
    files: dict[str, FileInfo]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the ids."""
        return dtype_of(self.vocab_size)

    @property
    def n_shards(self) -> int:
        """Number of files of ids; a store without ids has one empty file."""
        return max(1, -(-self.n_ids // self.shard_size))

    @property
    def sizes(self) -> dict[str, int]:
        """Size that each file must have, in bytes, by name: the shards in order, then the offsets."""
        last = self.n_shards - 1
        sizes = {shard_name(i): self.shard_size * self.dtype.itemsize for i in range(last)}
        sizes[shard_name(last)] = (self.n_ids - last * self.shard_size) * self.dtype.itemsize
        return {**sizes, OFFSETS: (self.n_documents + 1) * OFFSET_DTYPE.itemsize}

    def to_json(self) -> bytes:
        """Return the content of the file ``store.json``."""
        fields = asdict(self) | {"files": {name: info._asdict() for name, info in self.files.items()}}
        head = {"format": FORMAT, "version": VERSION, "dtype": self.dtype.name}
        return (json.dumps(head | fields, indent=2, ensure_ascii=False) + "\n").encode()


def read_description(folder: str) -> Description:
    """Read and check the description of a store, and check the size of each of its files.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    TokenStoreError
        If it is not a complete store, or a file is damaged, missing or of the wrong size.
    """
    path = os.path.join(folder, DESCRIPTION)
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (FileNotFoundError, NotADirectoryError):
        raise _missing(folder) from None
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise TokenStoreError(f"damaged: not JSON ({error})", path) from None
    description = _parse(fields, path)
    for name, size in description.sizes.items():
        _check_size(os.path.join(folder, name), size)
    return description


def _missing(folder: str) -> Exception:
    """Return the error for a folder without a description."""
    name = folder.rstrip(os.sep)
    advice = "continue the run that wrote it, or delete the folder"
    if os.path.exists(os.path.join(folder, PROGRESS)):
        return TokenStoreError(f"the store is not complete; {advice}", folder)
    if os.path.isdir(folder):
        return TokenStoreError(f"not a token store: the folder has no file {DESCRIPTION}", folder)
    if os.path.exists(folder):
        return TokenStoreError("not a token store: it is a file, and a store is a folder", folder)
    if os.path.isdir(name + UNFINISHED):
        return TokenStoreError(f"the store is not complete; {advice}", name + UNFINISHED)
    return FileNotFoundError(2, os.strerror(2), folder)


def _check_size(path: str, size: int) -> None:
    try:
        found = os.stat(path).st_size
    except FileNotFoundError:
        raise TokenStoreError(
            "the file is missing; copy the folder again, or write the store again", path
        ) from None
    if found != size:
        how = "truncated" if found < size else "too long"
        raise TokenStoreError(
            f"{how}: the file has {found:,} bytes instead of {size:,}; copy it again, or write the store "
            "again",
            path,
        )


def _parse(fields: Any, path: str) -> Description:
    """Return the description with these fields, all of which are checked."""

    def get(name: str) -> Any:
        if name not in fields:
            raise TokenStoreError("the field is missing", path, name)
        return fields[name]

    def size(name: str, least: int) -> int:
        try:
            return checked_size("it", get(name), least)
        except (TypeError, ValueError) as error:
            raise TokenStoreError(str(error), path, name) from None

    def optional(name: str, kind: type) -> Any:
        value = get(name)
        if value is not None and (type(value) is not kind or value == ""):
            raise TokenStoreError(f"it must be null or {kind.__name__}, not {describe(value)}", path, name)
        return value

    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise TokenStoreError(f'not a token store: its "format" is not {FORMAT!r}', path)
    if get("version") != VERSION:
        raise TokenStoreError(
            f"version {describe(fields['version'])} is not supported, only {VERSION}; update fasttok",
            path,
            "version",
        )
    vocab_size = size("vocab_size", 1)
    expected = dtype_of(vocab_size).name if vocab_size <= MOST_IDS else None
    if expected is None:
        raise TokenStoreError(f"it must be at most 2^32, not {describe(vocab_size)}", path, "vocab_size")
    if get("dtype") != expected:
        raise TokenStoreError(
            f"it must be {expected!r} for a vocab_size of {vocab_size:,}, not {describe(fields['dtype'])}",
            path,
            "dtype",
        )
    shard_size = size("shard_size", SHARD_UNIT)
    if shard_size % SHARD_UNIT:
        raise TokenStoreError(
            f"it must be a multiple of {SHARD_UNIT:,}, not {shard_size:,}", path, "shard_size"
        )
    source_bytes, separator_id = optional("source_bytes", int), optional("separator_id", int)
    if source_bytes is not None and source_bytes < 0:
        raise TokenStoreError(f"it must not be negative, but is {source_bytes}", path, "source_bytes")
    if separator_id is not None and not 0 <= separator_id < vocab_size:
        raise TokenStoreError(
            f"it must be an id below {vocab_size:,}, not {describe(separator_id)}", path, "separator_id"
        )
    description = Description(
        vocab_size,
        size("n_ids", 0),
        size("n_documents", 0),
        shard_size,
        source_bytes,
        separator_id,
        optional("tokenizer_fingerprint", str),
        optional("corpus_fingerprint", str),
        optional("encoding", dict),
        {},
    )
    if description.n_shards > 100_000:
        raise TokenStoreError(f"{description.n_ids:,} ids are too many", path, "n_ids")
    files = get("files")
    for name, n_bytes in description.sizes.items():
        info = files.get(name) if isinstance(files, dict) else None
        place = f"files, {name}"
        if not isinstance(info, dict) or not isinstance(info.get("sha256"), str):
            raise TokenStoreError("it must have the bytes and sha256 of the file", path, place)
        if info.get("bytes") != n_bytes:
            raise TokenStoreError(
                f"{describe(info.get('bytes'))} bytes do not agree with the numbers of ids and documents, "
                f"which need {n_bytes:,}",
                path,
                place,
            )
        description.files[name] = FileInfo(n_bytes, info["sha256"])
    return description


def checked_vocab_size(value: Any) -> int:
    """Return the value as an ``int`` from 1 to 2^32.

    Raises
    ------
    TypeError, ValueError
        If it is not.
    """
    size = checked_integer("vocab_size", value)
    if not 1 <= size <= MOST_IDS:
        raise ValueError(f"vocab_size must be from 1 to 2^32, not {describe(size)}")
    return size


def checked_shard_size(value: Any) -> int:
    """Return the value as an ``int``, if it is a positive multiple of 65,536.

    Raises
    ------
    TypeError, ValueError
        If it is not.
    """
    size = checked_size("shard_size", value, SHARD_UNIT)
    if size % SHARD_UNIT:
        raise ValueError(f"shard_size must be a multiple of {SHARD_UNIT:,}, not {describe(value)}")
    return size


def checked_separator_id(value: Any, vocab_size: int) -> int | None:
    """Return the value as an ``int`` below the size of the vocabulary, or None.

    Raises
    ------
    TypeError, IndexError
        If it is not.
    """
    if value is None:
        return None
    separator_id = checked_integer("separator_id", value, "an id or None")
    if not 0 <= separator_id < vocab_size:
        raise IndexError(
            f"separator_id {describe(separator_id)} is not an id of a vocabulary of {vocab_size:,} ids"
        )
    return separator_id


def checked_fingerprint(name: str, value: Any) -> str | None:
    """Return the value if it is None or a ``str`` that is not empty.

    Raises
    ------
    TypeError, ValueError
        If it is not.
    """
    return None if value is None else checked_word(name, value)
