"""The folder that results go to: whether it may be that, who is at work in it, and its end."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from fasttok.core.errors import ExperimentError
from fasttok.experiment.run.corpora import fingerprint_file
from fasttok.experiment.run.results import CELLS, LOCK, MANIFEST, SPECIFICATION, TOKENIZERS, read_manifest
from fasttok.experiment.spec.spec import Experiment
from fasttok.experiment.spec.tokenizers import Loading
from fasttok.experiment.spec.toml import TomlFile

if sys.platform != "win32":
    import fcntl

NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)  # of a file system that has none


def check_folder(folder: str, experiment: Experiment) -> None:
    """Refuse a folder that is not for the results of an experiment.

    Raises
    ------
    FileExistsError
        If it is the experiment's own folder, or there is something in it that is no results, or results of an
        experiment of another name, also where the run was interrupted.
    ExperimentError
        If a file that the experiment reads lies in it; says on which line it is named.
    """
    if os.path.realpath(folder) == os.path.realpath(experiment.folder):
        raise FileExistsError(errno.EEXIST, "here lies the experiment; results need another folder", folder)
    if os.path.isdir(folder) and os.listdir(folder) and not _is_of_results(folder):
        raise FileExistsError(errno.EEXIST, "the folder holds something else already", folder)
    name = _find_name(folder)
    if name not in (None, experiment.name):
        message = f"the folder holds results of the experiment {name!r}; name another, or remove this one"
        raise FileExistsError(errno.EEXIST, message, folder)
    inside = os.path.join(os.path.realpath(folder), "")
    for path, keys in _read_files(experiment):
        if os.path.realpath(path).startswith(inside):  # the next run would find others there
            raise experiment.error(f"{path} lies in the folder for the results, {folder}", *keys)


@contextmanager
def lock_folder(folder: str) -> Iterator[None]:
    """Have a folder to oneself as long as the block runs; make it if it is not there.

    The lock is the system's, and goes with the process, however that ends.

    Raises
    ------
    BlockingIOError
        If another run is at work in it.
    OSError
        If it cannot be made.
    """
    for name in (TOKENIZERS, CELLS):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    with open(os.path.join(folder, CELLS, LOCK), "ab") as file:
        _lock(file, folder)
        yield


def take_down(folder: str) -> None:
    """Remove the manifest, and before it the tokenizers that it lists: from here on there are no results.

    A tokenizer that is not what the manifest says is somebody else's, and stays.
    """
    listed = (_find_manifest(folder) or {"tokenizers": {}})["tokenizers"]
    for path in Path(folder, TOKENIZERS).glob("*.json"):
        if path.stem in listed and fingerprint_file(str(path)) == listed[path.stem]["sha256"]:
            path.unlink()
    Path(folder, MANIFEST).unlink(missing_ok=True)


def _read_files(experiment: Experiment) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The files that an experiment reads, and the keys under which they are named."""
    for part in experiment.training:
        for path in part.text.files:
            yield path, ("corpus", "train", part.language)
    for test in experiment.test:
        for path in (
            *chain.from_iterable(text.files for text in test.texts.values()),
            *test.morphemes.values(),
        ):
            yield path, ("corpus", "test", test.name)
    for tokenizer in experiment.tokenizers:
        if isinstance(tokenizer, Loading):
            yield tokenizer.file, ("tokenizer",)


def _is_of_results(folder: str) -> bool:
    return os.path.exists(os.path.join(folder, CELLS, LOCK)) or _find_manifest(folder) is not None


def _find_manifest(folder: str) -> dict[str, Any] | None:
    """The manifest, if there is one that can be read."""
    try:
        return read_manifest(folder)
    except (FileNotFoundError, ExperimentError):
        return None


def _find_name(folder: str) -> Any:
    """What the experiment is called whose results lie in a folder, or will; None if nothing tells."""
    try:
        return TomlFile.read(os.path.join(folder, SPECIFICATION)).parse().values.get("name")
    except (FileNotFoundError, ExperimentError):
        return None


def _lock(file: BinaryIO, folder: str) -> None:
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BlockingIOError(error.errno, "another run is at work in this folder", folder) from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
