"""Outputs of exports: checks before any work, files that belong together, folders that are written whole."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import BinaryIO

from fasttok.core.saving import atomic_folder, atomic_write, check_writable
from fasttok.tokens.exports.base import TokenSource


@contextmanager
def open_files(store: TokenSource, paths: Sequence[str]) -> Iterator[list[BinaryIO]]:
    """Open files that belong together; they replace existing files when the block ends without an error.

    Raises
    ------
    ValueError
        If a file is in the folder of the store.
    OSError
        If a file cannot be written.
    """
    for path in paths:
        check_outside(store, path)
        check_writable(path)
    with ExitStack() as saves:
        files = [saves.enter_context(atomic_write(path)) for path in paths]
        yield files
        for file in files:
            file.flush()  # a full disk is found before the first file is replaced


@contextmanager
def open_folder(store: TokenSource, path: str) -> Iterator[str]:
    """Make a new folder that gets its name when the block ends without an error; yield its temporary name.

    Raises
    ------
    FileExistsError
        If the path exists and is not an empty folder.
    ValueError
        If the path is in the folder of the store.
    OSError
        If the folder cannot be made.
    """
    check_outside(store, path)
    with atomic_folder(path) as temporary:
        yield temporary


@contextmanager
def create(path: str) -> Iterator[BinaryIO]:
    """Create a file in a folder that is not complete yet; it is flushed to the disk at the end.

    Raises
    ------
    OSError
        If the file cannot be written. The exception names the file.
    """
    try:
        with open(path, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = path
        raise


def check_outside(store: TokenSource, path: str) -> None:
    """Check that a path is not the folder of the store and not in it.

    Raises
    ------
    ValueError
        If it is.
    """
    folder, target = os.path.realpath(store.path), os.path.realpath(path)
    if target == folder or target.startswith(folder + os.sep):
        raise ValueError(f"cannot write {path}: it is in the token store {store.path}; choose another path")


def prepare_folder(store: TokenSource, path: str) -> None:
    """Make a folder for files, if it does not exist.

    Raises
    ------
    ValueError
        If the path is in the folder of the store.
    OSError
        If the path is a file, or the folder cannot be made.
    """
    check_outside(store, path)
    check_writable(path, folder=True)
    os.makedirs(path, exist_ok=True)


def remove_suffix(path: str, *suffixes: str) -> str:
    """Return the path without the first of the suffixes that it has, for files whose names share a prefix.

    Raises
    ------
    IsADirectoryError
        If nothing is left of the name.
    """
    prefix = next((path.removesuffix(one) for one in suffixes if path.endswith(one)), path)
    if not os.path.basename(prefix):
        raise IsADirectoryError(errno.EISDIR, "the name of a file is missing", path)
    return prefix
