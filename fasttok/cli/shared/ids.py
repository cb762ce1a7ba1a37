"""Files of ids: text with one line per document, .npy, and raw integers."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

import click
import numpy as np
from numpy.typing import NDArray

SLICE = 1 << 16  # number of ids that are formatted as text at once
BLOCK = 1 << 20  # bytes that are read at once
NPY = b"\x93NUMPY"  # first bytes of a .npy file
LONGEST_WORD = 1 << 12  # bytes of a word; longer ones are no ids
SHOWN = 20  # bytes of a word that an error shows
_DIGITS = b"-0123456789"
_SPACE = b" \t\r\n\v\f"


class IdsError(click.ClickException):
    """Error in a file of ids."""


def check_fits(dtype: str, vocab_size: int) -> None:
    """Raise an error if an id of the vocabulary does not fit an integer type."""
    most = int(np.iinfo(dtype).max)
    if vocab_size - 1 > most:
        raise click.UsageError(
            f"ids up to {vocab_size - 1} of this tokenizer do not fit {dtype}, whose largest value is "
            f"{most}; pass --dtype uint32"
        )


# Writing


class NpyWriter:
    """Writer of a one-dimensional .npy file whose length is not known before the end.

    Parameters
    ----------
    file : binary file
        File at its start; it must be seekable.
    dtype : str
        Type of the array.
    """

    def __init__(self, file: BinaryIO, dtype: str) -> None:
        self._file = file
        self._dtype = np.dtype(dtype).newbyteorder("<")
        self._n = 0
        self._header_bytes = self._write_header()

    def write(self, values: NDArray[Any]) -> None:
        """Append values."""
        self._n += len(values)
        self._file.write(np.ascontiguousarray(values, self._dtype).data)

    def finish(self) -> None:
        """Write the length into the header."""
        self._file.seek(0)
        if self._write_header() != self._header_bytes:
            raise AssertionError("the header of the .npy file has changed its size")
        self._file.seek(0, io.SEEK_END)

    def _write_header(self) -> int:
        """Write the header, which NumPy pads so that its size does not depend on the length."""
        fields = {"descr": self._dtype.str, "fortran_order": False, "shape": (self._n,)}
        np.lib.format.write_array_header_1_0(self._file, fields)
        return self._file.tell()


class LineWriter:
    """Writer of one line of text per document, in slices, as text takes far more memory than ids.

    Parameters
    ----------
    write : callable
        Function that writes bytes.
    to_texts : callable
        Function of a list of ids that returns their texts, which contain no line end.
    separator, begin, end : str
        Text between the ids, and at the beginning and the end of a document. The end ends with a line end.
    """

    def __init__(
        self,
        write: Callable[[bytes], object],
        to_texts: Callable[[list[int]], list[str]],
        separator: str,
        begin: str = "",
        end: str = "\n",
    ) -> None:
        self._write = write
        self._to_texts = to_texts
        self._separator = separator
        self._begin = begin
        self._end = end
        self._is_open = False  # whether ids of the current document have been written

    def add(self, values: NDArray[Any], ends: NDArray[np.int64]) -> None:
        """Write ids; documents end before the positions `ends`, which ascend."""
        first = 0
        for start in range(0, max(1, len(values)), SLICE):
            texts = self._to_texts(values[start : start + SLICE].tolist())
            last = int(np.searchsorted(ends, start + len(texts), side="right"))
            self._write_slice(texts, (ends[first:last] - start).tolist())
            first = last

    def _write_slice(self, texts: list[str], ends: list[int]) -> None:
        """Write texts of ids, of which some are the last of their document."""
        empty = self._begin + self._end
        before = ""
        previous = -1
        for end in ends:
            if end == 0:  # of a document without further ids
                before += self._end if self._is_open else empty
                self._is_open = False
            else:
                texts[end - 1] += empty if end == previous else self._end
            previous = end
        text = self._separator.join(texts)
        if texts:
            text = (self._separator if self._is_open else self._begin) + text
            self._is_open = not texts[-1].endswith("\n")
        self._write((before + text.replace("\n" + self._separator, "\n" + self._begin)).encode())


# Reading


class Part(NamedTuple):
    """Consecutive ids of one document.

    Attributes
    ----------
    ids : ndarray of int64 or uint32
        The ids.
    place : str
        File and line for error messages.
    start : int
        Position of the first of them in its line or file.
    ends_document : bool
        Whether no further ids of the document follow.
    is_last : bool
        Whether the file has no further ids that can be read without waiting, or this is not known.
    """

    ids: NDArray[Any]
    place: str
    start: int
    ends_document: bool
    is_last: bool = True


def read_ids(
    file: BinaryIO, name: str, dtype: str | None, offsets: NDArray[np.int64] | None
) -> Iterator[Part]:
    """Yield the ids in a file in parts of bounded size.

    Parameters
    ----------
    file : binary file
        Text with one document per line, or a .npy file, which is recognized by its content. Need not be
        seekable.
    name : str
        Name of the file for error messages.
    dtype : str, optional
        Type of the integers, if the file is raw.
    offsets : ndarray of int64, optional
        Offsets of the documents in a .npy or raw file; by default, the file is one document.

    Raises
    ------
    IdsError
        If the file is damaged, or a line is not a line of ids.
    """
    first = read_block(file, BLOCK)
    while (
        dtype is None
        and len(first) < len(NPY)
        and NPY.startswith(first)
        and (more := read_block(file, BLOCK))
    ):
        first += more
    is_npy = first.startswith(NPY)
    if is_npy and dtype is not None:
        raise IdsError(f"{name}: a .npy file, which says its own type; leave out --dtype")
    if not is_npy and dtype is None:
        if offsets is not None:
            raise IdsError(f"{name}: --offsets are for .npy and raw files, but this is text")
        yield from _read_text(file, first, name)
        return
    source = _Joined(first, file)
    n, kind = _read_npy_header(source, name) if is_npy else (None, np.dtype(dtype).newbyteorder("<"))
    parts = _read_array(source, name, n, kind)
    yield from parts if offsets is None else _divide(parts, name, offsets)


def read_block(file: BinaryIO, size: int) -> bytes:
    """Return the next bytes of a file, as many as there are without waiting for more, at most `size`."""
    read = getattr(file, "read1", file.read)
    return bytes(read(size))


class _Joined:
    """Binary stream that begins with bytes that were already read."""

    def __init__(self, first: bytes, file: BinaryIO) -> None:
        self._first = first
        self._file = file

    def read(self, size: int) -> bytes:
        """Return exactly `size` bytes, or fewer at the end of the file."""
        taken, self._first = self._first[:size], self._first[size:]
        while len(taken) < size and (more := self._file.read(size - len(taken))):
            taken += more
        return taken


def _read_npy_header(source: _Joined, name: str) -> tuple[int, np.dtype[Any]]:
    file: Any = source
    try:
        version = np.lib.format.read_magic(file)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read(file)
    except ValueError as error:
        raise IdsError(f"{name}: a damaged .npy file: {error}") from None
    if len(shape) != 1 or dtype.kind not in "iu":
        raise IdsError(f"{name}: expected one row of integers, not an array of {dtype} of shape {shape}")
    return shape[0], dtype


def _read_array(source: _Joined, name: str, n: int | None, dtype: np.dtype[Any]) -> Iterator[Part]:
    """Yield the integers of an array; `n` is their number, if known."""
    start = 0
    while n is None or start < n:
        size = BLOCK if n is None else min(BLOCK, (n - start) * dtype.itemsize)
        size -= size % dtype.itemsize
        data = source.read(size)
        if len(data) % dtype.itemsize or (n is not None and len(data) < size):
            wanted = f"{n:,} ids" if n is not None else f"ids of {dtype.itemsize} bytes"
            raise IdsError(
                f"{name}: truncated: expected {wanted}, but it ends after "
                f"{start * dtype.itemsize + len(data):,} bytes of ids"
            )
        if not data:
            break
        ids = np.frombuffer(data, dtype)
        if dtype.kind == "u" and dtype.itemsize == 8:
            ids = np.minimum(ids, np.uint64(1 << 62))
        yield Part(ids.astype(np.int64), name, start, False)
        start += len(ids)
    yield Part(np.empty(0, np.int64), name, start, True)


def _divide(parts: Iterator[Part], name: str, offsets: NDArray[np.int64]) -> Iterator[Part]:
    """Divide the ids of an array into documents."""
    borders, total = iter(offsets[1:].tolist()), 0
    end = next(borders, None)
    for part in parts:
        ids = part.ids
        total = part.start + len(ids)
        start = part.start
        while end is not None and end <= total and (end < total or len(ids) or part.ends_document):
            n = end - start
            yield Part(ids[:n], name, start, True)
            ids, start, end = ids[n:], end, next(borders, None)
        if len(ids):
            yield Part(ids, name, start, False)
    if len(offsets) and int(offsets[-1]) != total:
        raise IdsError(f"{name}: has {total:,} ids, but --offsets end at {int(offsets[-1]):,}")


def _read_text(file: BinaryIO, block: bytes, name: str) -> Iterator[Part]:
    """Yield the ids in a text. A line may be longer than the memory."""
    line, position = 1, 0  # number of the line, and position of the next id in it
    rest = b""  # end of a block, which may be a part of a word
    is_open = False  # whether a line has begun
    while block:
        *lines, last = (rest + block).split(b"\n")
        for text in lines:
            yield Part(
                _parse(text, name, line, position), f"{name}:{line}", position, True, text is lines[-1]
            )
            line, position, is_open = line + 1, 0, False
        cut = max(last.rfind(bytes([space])) for space in _SPACE) + 1
        ids, rest = _parse(last[:cut], name, line, position), last[cut:]
        if len(rest) > LONGEST_WORD:
            raise _bad_word(name, line, position, rest)
        is_open |= bool(last)
        if len(ids):
            yield Part(ids, f"{name}:{line}", position, False)
        position += len(ids)
        block = read_block(file, BLOCK)
    if is_open:
        yield Part(_parse(rest, name, line, position), f"{name}:{line}", position, True)


def _parse(text: bytes, name: str, line: int, position: int) -> NDArray[np.int64]:
    """Return the ids in a part of a line; `position` is that of its first id in the line."""
    words = text.split()
    if not words:
        return np.empty(0, np.int64)
    try:
        if text.translate(None, _DIGITS + _SPACE):  # int() also accepts other characters
            raise ValueError
        return np.array(list(map(int, words)), np.int64)
    except (ValueError, OverflowError):
        bad = next(i for i, word in enumerate(words) if not _is_id(word))
        raise _bad_word(name, line, position + bad, words[bad]) from None


def _is_digits(word: bytes) -> bool:
    return word.removeprefix(b"-").isdigit()


def _is_id(word: bytes) -> bool:
    """Return whether a word is an integer of 64 bits."""
    return _is_digits(word) and len(word) <= LONGEST_WORD and -(1 << 63) <= int(word) < 1 << 63


def _bad_word(name: str, line: int, position: int, word: bytes) -> IdsError:
    if _is_digits(word):
        return IdsError(
            f"{name}:{line}: id {_shorten(word)} at position {position} is outside any vocabulary"
        )
    return IdsError(
        f"{name}:{line}: not a line of ids; expected integers separated by spaces, but position {position} "
        f"is {_shorten(word)!r}"
    )


def _shorten(word: bytes) -> str:
    return word[:SHOWN].decode(errors="replace") + "…" * (len(word) > SHOWN)
