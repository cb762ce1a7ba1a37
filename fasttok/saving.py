"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file that takes its name only when the block ends without an error.

    What is written goes to a temporary file in the same folder, is flushed to the disk and renamed;
    until then an older file of the name stays as it was, also when the process is killed.
    """
    name = os.path.realpath(path)  # through a link, to the file it points to
    folder, base = os.path.split(name)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{base}.", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _give_usual_mode(temporary, name)
        os.replace(temporary, name)
    except BaseException:
        os.unlink(temporary)
        raise


def _give_usual_mode(temporary: str, name: str) -> None:
    """Give the file the mode of the one it replaces, or that of any new file."""
    try:
        mode = os.stat(name).st_mode & 0o777
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        mode = 0o666 & ~umask
    os.chmod(temporary, mode)
