"""Readers of plain, compressed and JSON Lines files; errors name the file."""

from __future__ import annotations

import errno
import glob
import gzip
import json
import lzma
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import CorpusError
from fasttok.corpus.documents import split_stream

COMPRESSIONS = (".gz", ".xz", ".zst")  # suffixes of compressed files
KINDS = (".txt", ".jsonl", ".parquet")  # suffixes of the files that are read from a folder
# First bytes of file formats that are not text, with a description for the error message.
MAGIC = {
    b"\x1f\x8b": "gzip data (the name should end in .gz)",
    b"\xfd7zXZ\0": "xz data (the name should end in .xz)",
    b"\x28\xb5\x2f\xfd": "Zstandard data (the name should end in .zst)",
    b"BZh": "bzip2 data, which is not supported",
    b"PK\x03\x04": "a zip archive (to open counts use PretokenCounts.load)",
    b"PAR1": "a Parquet file (the name should end in .parquet)",
}
PathLike = str | os.PathLike[str]


def find_files(paths: PathLike | Iterable[PathLike]) -> list[str]:
    """Expand files, globs and folders to a list of files, sorted within each glob and folder.

    A folder is expanded to all ``.txt``, ``.jsonl``, ``.ndjson`` and ``.parquet`` files in it and its
    subfolders, including compressed files. A file given by name may have any suffix.

    Raises
    ------
    TypeError, ValueError
        If `paths` is None, or there are no paths.
    FileNotFoundError
        If a path does not exist, or a glob or folder has no matching file.
    """
    found: list[str] = []
    if paths is None:
        raise TypeError("paths must be a path or an iterable of paths, not None")
    for path in [paths] if isinstance(paths, (str, os.PathLike)) else paths:
        name = os.fspath(path)
        if os.path.isdir(name):
            files = [str(p) for p in Path(name).rglob("*") if suffix_of(str(p)) in KINDS and p.is_file()]
            reason = "the folder contains no .txt, .jsonl or .parquet file (pass a glob for other files)"
        elif os.path.exists(name):
            files, reason = [name], ""
        elif glob.has_magic(name):
            files = [p for p in glob.glob(name, recursive=True) if os.path.isfile(p)]
            reason = "no file matches the glob"
        else:
            files, reason = [], os.strerror(errno.ENOENT)
        if not files:
            raise FileNotFoundError(errno.ENOENT, reason, name)
        found.extend(sorted(files))
    if not found:
        raise ValueError("no paths were given")
    return found


def suffix_of(path: str) -> str:
    """Return the suffix of a file without the suffix of its compression; ``.jsonl`` also for ``.ndjson``."""
    base, suffix = os.path.splitext(path.lower())
    if suffix in COMPRESSIONS:
        suffix = os.path.splitext(base)[1]
    return ".jsonl" if suffix == ".ndjson" else suffix


def is_compressed(path: str) -> bool:
    """Return whether a file may contain more text than it has bytes."""
    return os.path.splitext(path.lower())[1] in (*COMPRESSIONS, ".parquet")


def read_chunks(path: str, size: int, margin: int = 0) -> Iterator[NDArray[np.uint8]]:
    """Yield the decompressed bytes of a file, in new arrays with at most `size` of these bytes each.

    The first `margin` bytes of each array are additional and uninitialized; the caller may put text there.

    Raises
    ------
    CorpusError
        If compressed data is damaged or truncated, or the file is of a format that is not text.
    """
    with open_binary(path) as file:
        is_first = True
        while True:
            chunk = np.empty(margin + size, np.uint8)
            filled = _fill(file, chunk[margin:], path)
            if is_first:
                _check_is_text(chunk[margin : margin + filled], path)
                is_first = False
            if filled:
                yield chunk[: margin + filled]
            if filled < size:
                return


def _check_is_text(start: NDArray[np.uint8], path: str) -> None:
    head = start[: max(map(len, MAGIC))].tobytes()
    for magic, kind in MAGIC.items():
        if head.startswith(magic):
            raise CorpusError(f"not text but {kind}", path)


def _fill(file: BinaryIO, chunk: NDArray[np.uint8], path: str) -> int:
    view, filled = memoryview(chunk.data), 0
    try:
        while filled < len(chunk) and (n := file.readinto(view[filled:])):  # type: ignore[attr-defined]
            filled += n
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
        raise CorpusError(f"damaged or truncated compressed file ({error})", path) from error
    return filled


def open_binary(path: str) -> BinaryIO:
    """Open a file for reading, decompressing it if its suffix says so."""
    suffix = os.path.splitext(path.lower())[1]
    if suffix == ".gz":
        return cast(BinaryIO, gzip.open(path))
    if suffix == ".xz":
        return cast(BinaryIO, lzma.open(path))
    if suffix == ".zst":
        return cast(BinaryIO, _ZstdFile(path))
    return open(path, "rb", buffering=0)


class _ZstdFile:
    """Reader of a Zstandard file of any number of frames; an incomplete last frame raises ``EOFError``."""

    def __init__(self, path: str) -> None:
        import zstandard

        self._file = open(path, "rb")  # noqa: SIM115  (closed in __exit__)
        self._path = path
        self._error = zstandard.ZstdError
        self._new_frame = zstandard.ZstdDecompressor().decompressobj
        self._frame = self._new_frame()
        self._started = False
        self._data = memoryview(b"")

    def __enter__(self) -> _ZstdFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def readinto(self, view: memoryview) -> int:
        while not self._data:
            if self._frame.eof:
                compressed, self._frame, self._started = (
                    self._frame.unused_data,
                    self._new_frame(),
                    False,
                )
            else:
                compressed = b""
            compressed = compressed or self._file.read(1 << 16)
            if not compressed:
                if self._started:
                    raise EOFError("the last frame is incomplete")
                return 0
            self._started = True
            try:
                self._data = memoryview(self._frame.decompress(compressed))
            except self._error as error:
                raise CorpusError(f"damaged or truncated compressed file ({error})", self._path) from error
        n = min(len(view), len(self._data))
        view[:n] = self._data[:n]
        self._data = self._data[n:]
        return n


def read_records(path: str, field: str) -> Iterator[tuple[int, str]]:
    """Yield the line number and the text field of every record of a ``.jsonl`` file.

    Blank lines are skipped.

    Raises
    ------
    CorpusError
        If a line is not JSON or not an object, or its field is missing or not a string.
    """
    chunks = (chunk.tobytes() for chunk in read_chunks(path, 1 << 20))
    for number, line in enumerate(split_stream(chunks, re.compile(b"\n"), keep_empty=True), 1):
        if not line.strip():
            continue
        try:
            record: Any = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CorpusError(f"not a line of JSON ({error})", path, number) from None
        if not isinstance(record, dict):
            raise CorpusError(f"a line must be a JSON object, not {type(record).__name__}", path, number)
        if field not in record:
            names = ", ".join(map(repr, record)) or "none"
            raise CorpusError(f"no field {field!r} (the fields are: {names})", path, number)
        text = record[field]
        if not isinstance(text, str):
            raise CorpusError(f"field {field!r} must be a string, not {type(text).__name__}", path, number)
        yield number, text
