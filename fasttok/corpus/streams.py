"""`TextStream`: the text of a file in UTF-8: decompressed, decoded, and checked."""

from __future__ import annotations

import codecs
import io
import select
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_word
from fasttok.core.errors import CorpusError
from fasttok.corpus.compression import (
    FIRST_BYTES,
    LONGEST_BEGIN,
    Reader,
    begins_as,
    compression_of_name,
    find_compression,
    open_compressed,
)
from fasttok.corpus.content import (
    BYTE_ORDER_MARKS,
    CHECKED_BYTES,
    check_text,
    describe_binary,
    find_format,
    find_mark,
    guess_codec,
)
from fasttok.corpus.files import is_regular
from fasttok.text.unicode.utf8 import Errors

DECODED_BYTES = 1 << 20  # bytes decoded at a time
_WAIT = 50  # milliseconds without data after which a pipe's text so far is passed on
# Encodings for names in the Domain Name System, and one for tests.
_NOT_OF_FILES = ("idna", "punycode", "undefined")


class Chunk(NamedTuple):
    """Consecutive bytes of a text.

    Attributes
    ----------
    text : ndarray of uint8, shape (n,)
        The margin that the caller asked for, and after it the bytes.
    is_last : bool
        Whether the text is known to end here. If its length is a multiple of that of the chunks, this is not
        known.
    """

    text: NDArray[np.uint8]
    is_last: bool


@dataclass(frozen=True)
class Reading:
    """Options with which the text of a file is read.

    Attributes
    ----------
    encoding : str or None
        Name of the codec; None for UTF-8, or what a byte order mark says.
    errors : {"strict", "replace", "surrogatepass"}
        Treatment of what is not of the encoding.
    allows_binary : bool
        Whether NUL bytes and other binary content are accepted as text.
    """

    encoding: str | None = None
    errors: Errors = "strict"
    allows_binary: bool = False


def checked_encoding(encoding: Any) -> str | None:
    """Return Python's name of a text encoding, or None for None.

    Raises
    ------
    TypeError, ValueError
        If the encoding is not a ``str``, or not the name of a text encoding of Python.
    """
    if encoding is None:
        return None
    try:
        codec = codecs.lookup(checked_word("encoding", encoding))
    except (LookupError, ValueError) as error:
        raise ValueError(f"encoding: {error}; use a name such as utf-16 or latin-1") from None
    if not codec._is_text_encoding or codec.incrementaldecoder is None or codec.name in _NOT_OF_FILES:
        raise ValueError(f"encoding {encoding!r} is not an encoding of text files")
    return codec.name


class TextStream:
    """Text of a file, which is read from beginning to end; a context manager that closes the file.

    Attributes
    ----------
    source : Peekable
        Reader of the text.
    is_regular : bool
        Whether the file is neither a pipe nor a device.
    is_plain : bool
        Whether the text is the bytes of the file, except a byte order mark.

    Raises
    ------
    OSError
        If the file cannot be opened.
    CorpusError
        Here and while reading, if the content is binary, damaged, or not in the encoding.
    ImportError
        If the file is compressed with LZ4, and pyarrow is not installed.
    """

    def __init__(self, path: str, reading: Reading) -> None:
        self.path = path
        self._reading = reading
        self._raw = _File(path)
        try:
            self.is_regular = is_regular(path)
            self.source = self._open()
        except BaseException:
            self._raw.close()
            raise

    def __enter__(self) -> TextStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._raw.close()

    def chunks(self, size: int, margin: int = 0) -> Iterator[Chunk]:
        """Yield the text in new arrays of `size` bytes, or fewer if it ends or a pipe has no more yet.

        The first `margin` bytes of each array are additional and uninitialized, for text of the caller.
        """
        done = 0
        while True:
            chunk = np.empty(margin + size, np.uint8)
            filled, is_end = self._fill(memoryview(chunk.data)[margin:])
            if done < CHECKED_BYTES and not self._reading.allows_binary:
                check_text(
                    chunk[margin : margin + min(filled, CHECKED_BYTES - done)].tobytes(), self.path, done
                )
            done += filled
            if filled:
                yield Chunk(chunk[: margin + filled], is_end)
            if is_end:
                return

    def check(self) -> None:
        """Raise an error if the beginning of the text is binary data or not in the encoding."""
        head = self.source.peek(least=CHECKED_BYTES)
        if not self._reading.allows_binary:
            check_text(head, self.path)

    def find_format(self) -> str:
        """Return "jsonl" or "json" if the text begins like records, and "text" otherwise; see `content`."""
        head = self.source.peek()
        if not self._reading.allows_binary:
            check_text(head, self.path)
        looked_at, is_all = 0, not head
        while True:
            is_line = b"\n" in head[looked_at:] and b"\n" not in head[:looked_at].lstrip()
            if is_all or len(head) >= 2 * looked_at or is_line:
                if found := find_format(head, is_all):
                    return found
                looked_at = len(head)
            size = len(head)
            head = self.source.peek(size + CHECKED_BYTES, least=size + 1)
            is_all = len(head) == size

    def _open(self) -> Peekable:
        source = Peekable(self._raw)
        head = _peek_begin(source)
        self.is_plain = True
        if compression := self._find_compression(head):
            source = Peekable(open_compressed(source, compression, self.path))
            head = _peek_begin(source)
            self.is_plain = False
            if not self._reading.allows_binary and (twice := find_compression(head)):
                message = f"compressed data ({twice}) that was compressed again, with {compression}"
                raise CorpusError(f"{message}; decompress it once", self.path)
        mark = find_mark(head)
        if encoding := self._find_encoding(head, mark):
            source = Peekable(_Decoded(source, encoding, self._reading.errors, self.path))
            source.peek()
            self.is_plain = False
            mark = b"\xef\xbb\xbf"
        if source.head.startswith(mark):
            source.head = source.head[len(mark) :]
        return source

    def _find_compression(self, head: bytes) -> str | None:
        found, named = find_compression(head), compression_of_name(self.path)
        if found or not named:
            return found
        if not head:
            raise CorpusError(
                f"an empty file is not {named} data, as the name says; copy it again", self.path
            )
        if not begins_as(head, named):
            raise CorpusError(
                f"not {named} data, although the name says so; rename the file, or copy it again if it is "
                "damaged or truncated",
                self.path,
            )
        return named

    def _find_encoding(self, head: bytes, mark: bytes) -> str | None:
        """Return the codec to decode with; None for UTF-8 that need not be valid."""
        marked = BYTE_ORDER_MARKS.get(mark)
        encoding = self._reading.encoding
        if encoding is None:
            return None if marked == "utf-8" else marked
        general = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}
        if marked and encoding != marked and (encoding not in general or encoding[:5] != marked[:5]):
            raise CorpusError(
                f"the byte order mark is that of {marked}, not of {encoding}; pass no encoding", self.path
            )
        kind = describe_binary(head)
        if kind and not marked and not self._reading.allows_binary and encoding[:3] != "utf":
            check_text(head, self.path)
        if encoding == "utf-16" and not marked and guess_codec(head) == "utf-16-be":
            raise CorpusError(
                'no byte order mark; pass encoding="utf-16-be", as it looks like that', self.path
            )
        return marked or general.get(encoding, encoding)

    def _fill(self, view: memoryview) -> tuple[int, bool]:
        """Fill a buffer; return the number of bytes, and whether the text ends there."""
        filled = 0
        while filled < len(view):
            n = self.source.readinto(view[filled:])
            if not n:
                return filled, True
            filled += n
            if not self.is_regular and self.is_plain and _is_idle(self._raw):
                return filled, False
        return filled, False


def read_chunks(path: str, reading: Reading, size: int, margin: int = 0) -> Iterator[Chunk]:
    """Yield the text of a file in chunks; see `TextStream.chunks`."""
    with TextStream(path, reading) as stream:
        yield from stream.chunks(size, margin)


class _File(io.FileIO):
    """File whose errors while reading name it, as those while opening do."""

    def readinto(self, view: memoryview) -> int:  # type: ignore[override]
        try:
            return super().readinto(view)
        except OSError as error:
            error.filename = self.name
            raise


class Peekable:
    """Reader whose next bytes can be looked at; `head` has those that were looked at already."""

    def __init__(self, file: Reader) -> None:
        self._file = file
        self.head = b""

    def peek(self, size: int = CHECKED_BYTES, least: int = 1) -> bytes:
        """Return the next bytes: at least `least` if there are so many, up to `size`."""
        while len(self.head) < least:
            buffer = bytearray(size - len(self.head))
            n = self._file.readinto(memoryview(buffer))
            if not n:
                break
            self.head += buffer[:n]
        return self.head

    def readinto(self, view: memoryview) -> int:
        if not self.head:
            return self._file.readinto(view) or 0
        n = min(len(view), len(self.head))
        view[:n] = self.head[:n]
        self.head = self.head[n:]
        return n


class _Decoded:
    """Reader that decodes text and encodes it in UTF-8."""

    def __init__(self, file: Reader, encoding: str, errors: Errors, path: str) -> None:
        self._file = file
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)(errors)
        # The third error handler keeps surrogates only in the encodings of Unicode.
        self._errors = "surrogatepass" if errors == "surrogatepass" else "strict"
        self._path = path
        self._n_bytes = 0  # bytes read
        self._data = memoryview(b"")
        self._is_end = False

    def readinto(self, view: memoryview) -> int:
        while not self._data and not self._is_end:
            buffer = bytearray(DECODED_BYTES)
            n = self._file.readinto(memoryview(buffer)) or 0
            self._is_end = n == 0
            self._data = memoryview(self._decode(bytes(buffer[:n])))
            self._n_bytes += n
        n = min(len(view), len(self._data))
        view[:n] = self._data[:n]
        self._data = self._data[n:]
        return n

    def _decode(self, data: bytes) -> bytes:
        try:
            return self._decoder.decode(data, self._is_end).encode(errors=self._errors)
        except UnicodeDecodeError as error:
            place = self._n_bytes - (len(error.object) - len(data)) + error.start
            wrong = error.object[error.start : error.end].hex(" ") or "the end"
            message = (
                f"byte {place:,}: {wrong} is not {self._encoding} ({error.reason}); pass its encoding=..."
            )
        except UnicodeEncodeError as error:
            end = self._n_bytes + len(data)
            message = f"lone surrogate in {self._encoding} before byte {end:,} ({error.reason})"
        raise CorpusError(f'{message}, or errors="replace"', self._path) from None


def _peek_begin(source: Peekable) -> bytes:
    """Return the next bytes: enough to recognize a byte order mark or compressed data, if they may be one."""
    head = source.peek()
    may_be_known = any(head.startswith(begin[: len(head)]) for begin in (*BYTE_ORDER_MARKS, *FIRST_BYTES))
    return source.peek(least=LONGEST_BEGIN) if head and may_be_known else head


def _is_idle(file: io.FileIO) -> bool:
    """Return whether a pipe has no data for a moment, so that waiting for more would delay what is there."""
    if not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(file, select.POLLIN)
    return not poll.poll(_WAIT)
