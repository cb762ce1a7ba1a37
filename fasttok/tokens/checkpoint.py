"""Folder of an unfinished store: its lock, and the checkpoint from which an interrupted run goes on."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any

from fasttok.core.errors import TokenStoreError
from fasttok.core.saving import atomic_write, check_writable
from fasttok.tokens.layout import (
    DESCRIPTION,
    PROGRESS,
    UNFINISHED,
    VERSION,
    Description,
    FileInfo,
    read_description,
)

if sys.platform != "win32":
    import fcntl

UNFINISHED_FORMAT = "fasttok token store, unfinished"
NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)  # errors of file systems without locks


@dataclass(frozen=True)
class Checkpoint:
    """State of an unfinished store, all of which is on disk.

    Parameters
    ----------
    options : dict of str to object
        Options on which the store depends. A run with other options cannot go on from the checkpoint.
    n_documents, n_ids : int
        Number of documents and ids that are written.
    corpus_fingerprint : str
        Fingerprint of the documents.
    files : dict of str to FileInfo
        Size and hash of each file, by name. Files may be longer than that; what follows is not valid.
    """

    options: dict[str, Any]
    n_documents: int
    n_ids: int
    corpus_fingerprint: str
    files: dict[str, FileInfo]


class UnfinishedFolder:
    """Folder ``NAME.partial`` of a store that is being written, locked for one process; a context manager.

    Entering creates the folder if necessary, and locks it.

    Parameters
    ----------
    folder : str
        Folder of the complete store.

    Attributes
    ----------
    path : str
        The unfinished folder.

    Raises
    ------
    FileExistsError
        If the complete store exists.
    BlockingIOError
        If another process is writing the store.
    OSError
        If the folder cannot be written.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder.rstrip(os.sep) or folder
        self.path = self._folder + UNFINISHED
        self._lock: int | None = None

    def __enter__(self) -> UnfinishedFolder:
        self._check_absent()
        check_writable(self.path, folder=True)
        while True:
            os.makedirs(self.path, exist_ok=True)
            if sys.platform == "win32" or self._try_lock():
                break
        try:
            self._check_absent()  # another process may have finished it
        except FileExistsError:
            if not os.listdir(self.path):
                os.rmdir(self.path)
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _check_absent(self) -> None:
        if os.path.lexists(self._folder):
            raise FileExistsError(
                errno.EEXIST,
                "cannot write a token store: the path exists. Open a complete store with ft.TokenStore.open, "
                "or choose another path",
                self._folder,
            )

    def _try_lock(self) -> bool:
        """Lock the folder; return False if another process has renamed it since it was opened."""
        if sys.platform == "win32":
            return True
        self._lock = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.close()
            if isinstance(error, BlockingIOError):
                raise BlockingIOError(
                    error.errno, "another process is writing this token store", self.path
                ) from None
            if error.errno not in NO_LOCKS:
                raise
            return True
        try:
            if os.path.samestat(os.fstat(self._lock), os.stat(self.path)):
                return True
        except FileNotFoundError:
            pass
        self.close()
        return False

    def close(self) -> None:
        """Unlock the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def read_checkpoint(self) -> Checkpoint | None:
        """Return the last checkpoint, or None if there is none.

        Raises
        ------
        TokenStoreError
            If the file is damaged.
        """
        path = os.path.join(self.path, PROGRESS)
        try:
            with open(path, "rb") as file:
                data = file.read()
        except FileNotFoundError:
            return None
        try:
            fields = json.loads(data)
            if fields.pop("format") != UNFINISHED_FORMAT or fields.pop("version") != VERSION:
                raise ValueError("it has another format or version")
            files = {name: FileInfo(**info) for name, info in fields.pop("files").items()}
            return Checkpoint(files=files, **fields)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise TokenStoreError(
                f"damaged ({error}); delete the folder {self.path} to start again", path
            ) from None

    def write_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint, atomically."""
        files = {name: info._asdict() for name, info in checkpoint.files.items()}
        fields = {"format": UNFINISHED_FORMAT, "version": VERSION, **asdict(checkpoint), "files": files}
        with atomic_write(os.path.join(self.path, PROGRESS)) as file:
            file.write((json.dumps(fields, indent=2, ensure_ascii=False) + "\n").encode())

    def clear(self, keep: Checkpoint | None = None) -> None:
        """Delete all files except those of a checkpoint."""
        kept = {PROGRESS, *keep.files} if keep is not None else set()
        for name in os.listdir(self.path):
            if name not in kept:
                os.unlink(os.path.join(self.path, name))

    def read_complete(self) -> Description | None:
        """Return the description of a store that only has to be renamed, or None if it is not complete."""
        names = os.listdir(self.path)
        return read_description(self.path) if DESCRIPTION in names and PROGRESS not in names else None

    def complete(self) -> None:
        """Delete the checkpoint of a complete store and rename the folder."""
        for name in os.listdir(self.path):
            if name.startswith((PROGRESS, f".{PROGRESS}", f".{DESCRIPTION}")):
                os.unlink(os.path.join(self.path, name))
        if sys.platform == "win32":
            self.close()
        os.rename(self.path, self._folder)
        _flush_folder(os.path.dirname(os.path.abspath(self._folder)))

    def delete(self) -> None:
        """Delete the folder."""
        if os.path.isdir(self.path):
            shutil.rmtree(self.path)


def _flush_folder(path: str) -> None:
    """Write the names in a folder to the disk, where the system can do that."""
    if sys.platform == "win32":
        return
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(number)
