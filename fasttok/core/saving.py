"""Atomic saves: a file is written completely or not at all."""

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
    """Open a file for writing that replaces `path` only when the block ends without an error.

    The data is written to a temporary file in the same folder, flushed to the disk and renamed. Until then an
    existing file remains unchanged, even if the process is killed. A killed process leaves its temporary
    file, named ``.NAME.`` and 16 hexadecimal digits. Later saves neither read it nor delete it, because
    another process could still be writing it; users can delete it. Pipes, terminals and devices are written
    to directly.

    Raises
    ------
    OSError
        If the file cannot be written. The exception always names the file, even if the error of the system
        does not, as for a full disk.
    """
    try:
        with _write_whole(os.path.realpath(path)) as file:  # a symbolic link stays; its target is replaced
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
        raise FileNotFoundError(errno.ENOENT, "cannot write: the folder does not exist", folder)
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
