"""Atomic saves, and checks before long work that its output can be saved.

A file is written completely or not at all. A path that cannot be written is an error before the work starts.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, cast

_DESCRIPTOR = re.compile(r"/dev/(std(?:in|out|err)|fd/\d+)|/proc/self/fd/\d+")
_STANDARD = {"stdin": 0, "stdout": 1, "stderr": 2}
_LONGEST_NAME = 100  # bytes of the name that a temporary file repeats; file systems allow about 255 in all


_unfinished: set[str] = set()  # temporary files and folders of saves that have not finished


def delete_temporary_files() -> None:
    """Delete the temporary files of all unfinished saves, before the process ends without unwinding."""
    for name in tuple(_unfinished):
        _delete(name)


def _delete(name: str) -> None:
    if os.path.isdir(name):
        shutil.rmtree(name)
    elif os.path.exists(name):
        os.unlink(name)


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file for writing that replaces `path` only when the block ends without an error.

    The data is written to a temporary file in the same folder, flushed to the disk and renamed. Until then an
    existing file remains unchanged, even if the process is killed. A killed process leaves its temporary
    file, named ``.NAME.`` and 16 hexadecimal digits. Later saves neither read it nor delete it, because
    another process could still be writing it; users can delete it. Pipes, terminals, devices and open
    descriptors such as ``/dev/stdout`` are written to directly.

    Raises
    ------
    OSError
        If the file cannot be written. The exception always names the file, even if the error of the system
        does not, as for a full disk.
    """
    try:
        with _write_whole(os.fsdecode(path)) as file:
            yield file
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = os.fsdecode(path)
        raise


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[str]:
    """Make a folder whose files appear together, when the block ends without an error.

    The block writes its files into the folder whose name it gets. This temporary folder is next to `path` and
    renamed at the end; a killed process leaves it, as `atomic_write` leaves a temporary file.

    Raises
    ------
    FileExistsError
        If `path` exists and is not an empty folder.
    OSError
        If the folder cannot be made.
    """
    check_writable(path, folder=True)
    name = os.path.realpath(os.fsdecode(path))
    if os.path.isdir(name) and os.listdir(name):
        raise FileExistsError(errno.EEXIST, "cannot write: the folder is not empty", os.fsdecode(path))
    os.makedirs(os.path.dirname(name), exist_ok=True)
    temporary = _temporary(name)
    _unfinished.add(temporary)
    try:
        os.mkdir(temporary)
        yield temporary
        if os.path.isdir(name):
            os.rmdir(name)  # it is empty
        os.rename(temporary, name)
    except BaseException:
        _delete(temporary)
        raise
    finally:
        _unfinished.discard(temporary)


def write_files(files: Mapping[str, bytes]) -> None:
    """Write several files that belong together: all are written before the first is replaced.

    Parameters
    ----------
    files : mapping of str to bytes
        Contents by path.

    Raises
    ------
    OSError
        If a file cannot be written. Then all existing files remain unchanged.
    """
    with ExitStack() as saves:
        for path, data in files.items():
            file = saves.enter_context(atomic_write(path))
            file.write(data)
            file.flush()


def check_writable(
    path: str | os.PathLike[str],
    inputs: Iterable[str | os.PathLike[str] | int] = (),
    *,
    folder: bool = False,
) -> None:
    """Raise an error if `path` cannot be written. Call it before long work whose result is saved there.

    An existing file remains unchanged. To find out what the file system allows, the function creates an empty
    file next to `path`, or in it if it is a folder, and deletes it.

    Parameters
    ----------
    path : str or os.PathLike
        File to write, or folder to write into, which may not exist yet.
    inputs : iterable of str, os.PathLike or int, optional
        Files that the work reads, or descriptors of open files. Names that do not exist are ignored.
    folder : bool, default False
        Whether `path` is a folder. Then its parent folder has to exist, or be a folder that can be made.

    Raises
    ------
    ValueError
        If `path` is one of the inputs, under whatever name, or not a file name.
    OSError
        If the path cannot be written: a folder does not exist or does not allow it, a folder is where a
        file is wanted or a file where a folder is, the name is too long, or the file system is read-only.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as books:
    ...     check_writable(os.path.join(books, "tok.json"))
    >>> check_writable("/missing/tok.json", ["book.txt"])
    Traceback (most recent call last):
    FileNotFoundError: [Errno 2] cannot write: the folder does not exist: '/missing'
    """
    name = os.fsdecode(path)
    if not name or "\0" in name:
        raise ValueError(f"cannot write {name!r}: not a file name")
    if (number := find_descriptor(name)) is not None:
        try:
            os.write(number, b"")  # fails if it is closed, or open only for reading
        except OSError as error:
            raise _error(error, name) from None
        check_not_input(number, inputs, name)
        return
    kind = _mode(name)
    if kind is not None:
        check_not_input(name, inputs)
    if folder:
        _check_folder(name, kind)
        return
    if kind is not None and not stat.S_ISDIR(kind):
        if not _is_allowed(name):
            raise PermissionError(errno.EACCES, "cannot write: permission denied", name)
        if not stat.S_ISREG(kind):  # a pipe or a device, which is not replaced
            return
    _check_file(name, kind)
    _try_folder(_temporary(os.path.realpath(name)), name)


def check_not_input(
    output: str | os.PathLike[str] | int,
    inputs: Iterable[str | os.PathLike[str] | int],
    name: str | None = None,
) -> None:
    """Raise an error if `output` is one of the inputs: the same file, under whatever name.

    Parameters
    ----------
    output : str, os.PathLike or int
        File or folder, or the descriptor of an open file. Pipes, terminals and devices are never refused,
        since writing to them destroys nothing.
    inputs : iterable of str, os.PathLike or int
        Files or descriptors. Names that do not exist are ignored.
    name : str, optional
        Name of the output in the error message.

    Raises
    ------
    ValueError
        If one of the inputs is the output.
    """
    found = _status(output)
    if found is None or not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        return
    shown = os.fspath(output) if name is None and not isinstance(output, int) else name
    for item in inputs:
        same = _status(item)
        if same is not None and os.path.samestat(found, same):
            raise ValueError(f"cannot write {shown}: it is also an input, which would be destroyed")


class _Sequential:
    """File that can only be written from the beginning to the end, such as a pipe or a device.

    Without `tell` and `seek`, whose results for devices are wrong, ``zipfile`` counts the bytes itself.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.read = file.read  # which fails; NumPy takes an object without it for a path
        self.write = file.write
        self.flush = file.flush


@contextmanager
def _write_whole(path: str) -> Iterator[BinaryIO]:
    if (number := find_descriptor(path)) is not None:
        with open(os.dup(number), "wb") as file:  # opening its name would write from the start of the file
            yield cast(BinaryIO, _Sequential(file))
        return
    mode = _mode(path)
    if mode is not None and not stat.S_ISDIR(mode):
        if not _is_allowed(path):
            raise PermissionError(errno.EACCES, "cannot write: permission denied", path)
        if not stat.S_ISREG(mode):
            with open(path, "wb") as file:
                yield cast(BinaryIO, _Sequential(file))
            return
    _check_file(path, mode)
    name = os.path.realpath(path)  # a symbolic link stays; its target is replaced
    temporary = _temporary(name)
    _unfinished.add(temporary)
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
    finally:
        _unfinished.discard(temporary)


def _temporary(name: str) -> str:
    """Return a new name for a temporary file next to `name`."""
    folder, base = os.path.split(name)
    short = os.fsdecode(os.fsencode(base)[:_LONGEST_NAME])
    return os.path.join(folder, f".{short}.{secrets.token_hex(8)}")


def find_descriptor(name: str) -> int | None:
    """Return the number of the open descriptor that the path names, such as /dev/stdout, or None."""
    if not _DESCRIPTOR.fullmatch(name):
        return None
    last = name.rsplit("/", 1)[1]
    return _STANDARD[last] if last in _STANDARD else int(last)


def _error(error: OSError, name: str) -> OSError:
    """Return an error that says that a file cannot be written, and names it."""
    return OSError(error.errno, f"cannot write: {os.strerror(error.errno or 0).lower()}", name)


def _status(item: str | os.PathLike[str] | int) -> os.stat_result | None:
    """Return the status of a file, or None if there is none that can be seen."""
    try:
        return os.stat(item)
    except (OSError, ValueError):
        return None


def _mode(name: str) -> int | None:
    """Return the mode of the file, or None if it does not exist but could."""
    try:
        return os.stat(name).st_mode
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _error(error, name) from None


def _is_allowed(name: str) -> bool:
    """Return whether the process may write to an existing file; a read-only file is not replaced."""
    return os.access(name, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _check_file(name: str, mode: int | None) -> None:
    """Check that a file of this name can be in its folder."""
    if mode is not None and stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "cannot write a file: it is a folder", name)
    if name.endswith(os.sep):
        raise IsADirectoryError(errno.EISDIR, "cannot write a file: the name is that of a folder", name)
    folder = os.path.dirname(os.path.realpath(name))
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "cannot write: the folder does not exist", folder)


def _check_folder(name: str, mode: int | None) -> None:
    """Check that files can be made in the folder, or that it can be made, with its parents."""
    if mode is not None and not stat.S_ISDIR(mode):
        raise NotADirectoryError(errno.ENOTDIR, "cannot write into it: it is not a folder", name)
    if mode is None and os.path.islink(name):
        raise NotADirectoryError(errno.ENOTDIR, "cannot write into it: it is a link to nothing", name)
    parent = os.path.realpath(name)
    missing = []
    while not os.path.isdir(parent):
        parent, base = os.path.split(parent)
        missing.append(base)
    for base in missing:
        _mode(os.path.join(parent, base))  # raises an error if the name is too long
    _try_folder(os.path.join(parent, f".fasttok.{secrets.token_hex(8)}"), name)


def _try_folder(temporary: str, name: str) -> None:
    """Create the temporary file and delete it; an error names the file that is to be written."""
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.unlink(temporary)
    except OSError as error:
        raise _error(error, name) from None
