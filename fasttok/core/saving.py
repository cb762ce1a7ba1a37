"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file that takes its name only when the block ends without an error.

    What is written goes to a temporary file in the same folder, is flushed to the disk and renamed;
    until then an older file of the name stays as it was, also when the process is killed. A process that
    is killed leaves its temporary file, ``.NAME.`` and 16 digits, which nothing reads and anybody may
    delete; no later save does, since it could be one that another process is still writing. What is not a
    file, such as a pipe or a terminal, is written to as it is.

    Raises
    ------
    OSError
        If the file cannot be written; it has the file's name, also where the system tells none, as of a disk
        that is full.
    """
    try:
        with _write_whole(os.path.realpath(path)) as file:  # through a link, to the file it points to
            yield file
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = os.fspath(path)
        raise


@contextmanager
def _write_whole(name: str) -> Iterator[BinaryIO]:
    mode = os.stat(name).st_mode if os.path.exists(name) else None
    if mode is not None and not stat.S_ISREG(mode):
        with open(name, "wb") as file:
            yield file
        return
    folder, base = os.path.split(name)
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "there is no such folder to write to", folder)
    temporary = os.path.join(folder, f".{base}.{secrets.token_hex(8)}")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(temporary, stat.S_IMODE(mode))
        os.replace(temporary, name)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
