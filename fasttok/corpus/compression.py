"""Decompression of files: gzip, xz, bzip2, Zstandard and LZ4, recognized by content."""

from __future__ import annotations

import bz2
import lzma
import os
import re
import zlib
from collections.abc import Callable
from typing import Any, Protocol

from fasttok.core.errors import CorpusError

COMPRESSIONS = (".gz", ".xz", ".zst", ".bz2", ".lz4")  # suffixes of compressed files
_NAMES = dict(zip(COMPRESSIONS, ("gzip", "xz", "Zstandard", "bzip2", "LZ4"), strict=True))
# First bytes of the data of each compression. Those of gzip, xz, Zstandard and LZ4 do not occur in text.
_BEGINS = {
    "gzip": re.compile(rb"\x1f\x8b\x08[\x00-\x1f]"),
    "xz": re.compile(rb"\xfd7zXZ\0"),
    "bzip2": re.compile(rb"BZh[1-9](1AY&SY|\x17\x72\x45\x38\x50\x90)"),
    # The second is that of a skippable frame, with which parallel compressors begin.
    "Zstandard": re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", re.DOTALL),
    "LZ4": re.compile(rb"\x04\x22\x4d\x18[\x40-\x7f]"),
}
LONGEST_BEGIN = 10
# First bytes of each of them, for a source that has no more yet.
FIRST_BYTES = (
    b"\x1f\x8b\x08",
    b"\xfd7zXZ",
    b"BZh",
    b"\x28\xb5\x2f\xfd",
    *(bytes([first]) + b"\x2a\x4d\x18" for first in range(0x50, 0x60)),
    b"\x04\x22\x4d\x18",
)
_MOST_WINDOW = 1 << 31  # bytes of history that Zstandard may need; its own default refuses more than 128 MiB
_LEAST_READ, _MOST_READ = 1 << 10, 1 << 16  # compressed bytes read at a time
_TARGET = 1 << 20  # bytes of text to decompress at a time
_ADVICE = "copy or download it again"


class Reader(Protocol):
    """Source of bytes."""

    def readinto(self, view: memoryview, /) -> int | None:
        """Fill the view from its start, and return the number of bytes: 0 at the end of the data."""


def compression_of_name(path: str) -> str | None:
    """Return the name of the compression that the suffix of a file says, or None."""
    return _NAMES.get(os.path.splitext(path.lower())[1])


def find_compression(head: bytes) -> str | None:
    """Return the name of the compression of data that begins with `head`, or None.

    Text that happens to begin like compressed data is not taken for it.
    """
    for name, begin in _BEGINS.items():
        if begin.match(head):
            if name == "LZ4":
                return name
            if name == "bzip2" and not re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\xff]", head):
                return None
            try:
                _NEW[name]().decompress(head)
            except _ERRORS[name]():
                return None
            return name
    return None


def begins_as(head: bytes, compression: str) -> bool:
    """Return whether the first bytes are those of the compression, even if the data is damaged after them."""
    return _BEGINS[compression].match(head) is not None


def open_compressed(file: Reader, compression: str, path: str) -> Reader:
    """Return a reader of the decompressed bytes of `file`.

    Raises
    ------
    ImportError
        If the compression is LZ4 and pyarrow is not installed.
    """
    return _LZ4(file, path) if compression == "LZ4" else _Frames(file, compression, path)


def _new_zstandard() -> Any:
    import zstandard

    return zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW).decompressobj()


def _zstandard_error() -> type[Exception]:
    import zstandard

    error: type[Exception] = zstandard.ZstdError
    return error


_NEW: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(wbits=31),
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ),
    "bzip2": bz2.BZ2Decompressor,
    "Zstandard": _new_zstandard,
}
_ERRORS: dict[str, Callable[[], type[Exception]]] = {
    "gzip": lambda: zlib.error,
    "xz": lambda: lzma.LZMAError,
    "bzip2": lambda: OSError,
    "Zstandard": _zstandard_error,
}


class _Frames:
    """Reader of one or more compressed frames (members, streams), each of which must be complete.

    Python's own readers stop without an error where a frame after the first one is damaged.
    """

    def __init__(self, file: Reader, compression: str, path: str) -> None:
        self._file = file
        self._compression = compression
        self._path = path
        self._new = _NEW[compression]
        self._error = _ERRORS[compression]()
        self._frame: Any = None  # decompressor of the current frame; None between two frames
        self._compressed = b""  # read, but not yet decompressed
        self._data = memoryview(b"")  # decompressed, but not yet passed on
        self._size = _LEAST_READ
        self._n_bytes = 0  # decompressed bytes so far

    def readinto(self, view: memoryview) -> int:
        while not self._data:
            if not self._compressed and getattr(self._frame, "needs_input", True):
                buffer = bytearray(self._size)
                self._compressed = bytes(buffer[: self._file.readinto(memoryview(buffer)) or 0])
                if self._frame is not None and not self._compressed:
                    raise self._damaged(f"the data ends too early, after {self._n_bytes:,} bytes of text")
                if not self._compressed:
                    return 0
            if self._frame is None and self._compression in ("gzip", "xz"):
                self._compressed = self._compressed.lstrip(b"\0")  # padding is allowed between frames
                if not self._compressed:
                    continue
            self._decompress()
        n = min(len(view), len(self._data))
        view[:n] = self._data[:n]
        self._data = self._data[n:]
        return n

    def _decompress(self) -> None:
        """Decompress what has been read. A little is read at first, as it may be the data of much text."""
        frame = self._frame or self._new()
        # The decompressors of bzip2 and xz can stop there, and keep the rest for the next call.
        limit = (_TARGET,) if hasattr(frame, "needs_input") else ()
        try:
            self._data = memoryview(frame.decompress(self._compressed, *limit))
        except self._error as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise self._damaged(f"{error}, after {self._n_bytes:,} bytes of text") from error
        self._frame, self._compressed = (None, frame.unused_data) if frame.eof else (frame, b"")
        self._n_bytes += len(self._data)
        if len(self._data) > _TARGET:
            self._size = max(self._size // 2, 1)
        elif len(self._data) < _TARGET // 4:
            self._size = min(self._size * 2, _MOST_READ)

    def _damaged(self, problem: str) -> CorpusError:
        return CorpusError(
            f"damaged or truncated {self._compression} file ({problem}); {_ADVICE}", self._path
        )


class _LZ4:
    """Reader of LZ4 frames, by pyarrow."""

    def __init__(self, file: Reader, path: str) -> None:
        pa = import_pyarrow(".lz4 files")
        self._stream = pa.CompressedInputStream(as_file(file), "lz4")
        self._path = path

    def readinto(self, view: memoryview) -> int:
        import pyarrow as pa

        try:
            data = self._stream.read(min(len(view), _TARGET))
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise CorpusError(f"damaged or truncated LZ4 file ({error}); {_ADVICE}", self._path) from error
        view[: len(data)] = data
        return len(data)


class _File:
    """File object with the methods that pyarrow needs to read a `Reader` from beginning to end."""

    closed = False

    def __init__(self, file: Reader) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        parts = []
        while size:
            buffer = bytearray(size if 0 < size < _TARGET else _TARGET)
            n = self._file.readinto(memoryview(buffer)) or 0
            if not n:
                break
            parts.append(bytes(buffer[:n]))
            size -= n
        return b"".join(parts)

    def close(self) -> None:
        pass


def import_pyarrow(what: str) -> Any:
    """Import pyarrow; the error says what needs it.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise ImportError(f"{what} need pyarrow: pip install pyarrow") from error
    return pyarrow


def as_file(file: Reader) -> Any:
    """Return a file object of pyarrow that reads `file` from beginning to end."""
    import pyarrow as pa

    return pa.PythonFile(_File(file), mode="r")
