"""Standard output and standard error of the commands: every failed write is seen, and none ends the work.

Python's own streams raise an exception for a closed pipe wherever a command happens to print, report a full
disk only when the process ends, and print nothing, without an error, if the descriptor is closed.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import select
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from fasttok.core.saving import check_not_input

STDOUT_NAME = "standard output"


class ReaderClosed(Exception):
    """Exception that ends a command quietly: the reader of its output, such as ``head``, wants no more."""


def _reason(error: OSError) -> str:
    return f"cannot write: {os.strerror(error.errno or 0).lower()}"


class _Descriptor(io.RawIOBase):
    """Open descriptor of a standard stream. Closing the object leaves the descriptor open.

    Parameters
    ----------
    number : int
        Number of the descriptor.
    name : str, optional
        Name of the stream in errors; None if failed writes are no errors, as for standard error.

    Attributes
    ----------
    reader_closed : bool
        Whether a write has failed because the reader of the pipe has closed it.
    is_closed : bool
        Whether the descriptor is closed or open only for reading.
    n_written : int
        Number of bytes that have been written.
    is_discarding : bool
        Whether what is written is dropped.
    """

    def __init__(self, number: int, name: str | None) -> None:
        self._number = number
        self._name = name
        self.reader_closed = False
        self.n_written = 0
        self.is_closed = not _can_write(number)
        self.is_discarding = False

    def fileno(self) -> int:
        """Return the number of the descriptor."""
        return self._number

    def isatty(self) -> bool:
        """Return whether the stream is a terminal."""
        return os.isatty(self._number)

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Any) -> int:
        """Write some of the bytes and return their number; errors are treated as the class describes."""
        n = len(memoryview(data).cast("B"))
        if self.is_discarding:
            return n
        try:
            return self._write(data)
        except BrokenPipeError:
            self.reader_closed = self.is_discarding = True
        except OSError as error:
            if self._name is not None:
                raise OSError(error.errno, _reason(error), self._name) from None
            self.is_discarding = True
        return n

    def _write(self, data: Any) -> int:
        while True:
            try:
                n = os.write(self._number, data)
                self.n_written += n
                return n
            except BlockingIOError:  # another program has made the pipe non-blocking
                select.select([], [self._number], [])


def _can_write(number: int) -> bool:
    try:
        os.write(number, b"")
    except OSError as error:
        return error.errno != errno.EBADF
    return True


class DataOutput:
    """Binary standard output for data. If the reader has closed the pipe, the command ends.

    `write` and `flush` raise `ReaderClosed` if the reader has closed the pipe, and ``OSError`` if the data
    cannot be written, as to a full disk or a closed descriptor.
    """

    def write(self, data: Any) -> int:
        """Write all bytes, perhaps to a buffer."""
        n = sys.stdout.buffer.write(data)
        self._end_if_closed()
        return n

    def flush(self) -> None:
        """Write the buffer."""
        sys.stdout.buffer.flush()
        self._end_if_closed()

    def _end_if_closed(self) -> None:
        if getattr(_descriptor_of(sys.stdout), "reader_closed", False):
            raise ReaderClosed


def check_stdout() -> None:
    """Raise an error if nothing can be written to standard output.

    Raises
    ------
    OSError
        If standard output is closed or open only for reading.
    """
    descriptor = _descriptor_of(sys.stdout)
    if descriptor is not None:
        descriptor.write(b"")


def refuse_redirection(inputs: Iterable[str | os.PathLike[str] | int]) -> None:
    """Raise an error if standard output is redirected to one of the inputs.

    Parameters
    ----------
    inputs : iterable of str, os.PathLike or int
        Files that the work reads, or descriptors.

    Raises
    ------
    ValueError
        If standard output is one of the inputs.
    """
    descriptor = _descriptor_of(sys.stdout)
    if descriptor is not None:
        check_not_input(descriptor.fileno(), inputs, STDOUT_NAME)


def print_summary(text: str) -> None:
    """Print a remark about saved work on standard output; it is no error if standard output is closed."""
    descriptor = _descriptor_of(sys.stdout)
    if descriptor is None or not descriptor.is_closed:
        click.echo(text)


def open_missing_descriptors() -> None:
    """Open the standard descriptors that are closed, so that no file which is opened later gets their number.

    Otherwise messages of C libraries would be written to that file. Reading from the descriptor 0 or writing
    to 1 or 2 fails as before, and `sys.stdin`, `sys.stdout` and `sys.stderr` remain None.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDONLY if number else os.O_WRONLY)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Replace `sys.stdout` and `sys.stderr` by streams for which a closed pipe is no error.

    After the reader of standard output has closed the pipe, text is dropped without an error, so that the
    command finishes its work and its exit status is that of the work; `DataOutput` ends the command instead.
    Other errors of standard output are raised. No error of standard error is raised.
    """
    open_missing_descriptors()
    streams = sys.stdout, sys.stderr
    try:
        sys.stdout = _guard(sys.stdout, 1, STDOUT_NAME)
        sys.stderr = _guard(sys.stderr, 2, None)
        yield
    finally:
        discard_stdout()
        sys.stdout, sys.stderr = streams


def flush_stdout() -> None:
    """Write the buffer of standard output, and have the file system report delayed errors.

    Raises
    ------
    OSError
        If it cannot be written, except if the reader has closed the pipe.
    """
    sys.stdout.flush()
    descriptor = _descriptor_of(sys.stdout)
    if descriptor is None or descriptor.is_discarding or descriptor.n_written == 0:
        return
    try:
        os.close(os.dup(descriptor.fileno()))  # as NFS or a quota does
    except OSError as error:
        raise OSError(error.errno, _reason(error), STDOUT_NAME) from None


def discard_stdout() -> None:
    """Drop the buffer of standard output and all later output."""
    if (descriptor := _descriptor_of(sys.stdout)) is not None:
        descriptor.is_discarding = True


def _descriptor_of(stream: Any) -> _Descriptor | None:
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw if isinstance(raw, _Descriptor) else None


def _guard(stream: Any, number: int, name: str | None) -> Any:
    """Return a stream for the descriptor; or `stream` if that is not the standard one, as within a test."""
    if stream is None:
        encoding = "utf-8"
    else:
        try:
            if stream.fileno() != number or (os.name == "nt" and stream.isatty()):
                return stream
        except (OSError, ValueError):
            return stream
        stream.flush()
        encoding = stream.encoding
    # Names of files that are not UTF-8 keep their bytes.
    errors = "surrogateescape" if name and codecs.lookup(encoding).name == "utf-8" else "backslashreplace"
    raw = _Descriptor(number, name)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding, errors, line_buffering=name is None or raw.isatty()
    )
