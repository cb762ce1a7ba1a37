"""Output folder of a run: checks, lock, and removal of earlier results."""

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
from fasttok.core.saving import check_writable
from fasttok.experiment.run.corpora import fingerprint_file
from fasttok.experiment.run.results import CELLS, LOCK, MANIFEST, SPECIFICATION, TOKENIZERS, read_manifest
from fasttok.experiment.spec.spec import Experiment
from fasttok.experiment.spec.tokenizers import Loading
from fasttok.experiment.spec.toml import TomlFile

if sys.platform != "win32":
    import fcntl

NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)  # errors of file systems without locks


def check_folder(folder: str, experiment: Experiment) -> None:
    """Raise an error if a folder cannot be used for the results of an experiment.

    Raises
    ------
    FileExistsError
        If the folder is that of the experiment itself, contains files that are not results, or contains
        complete or incomplete results of an experiment with another name.
    ExperimentError
        If the folder contains a file that the experiment reads. The error gives the line of experiment.toml.
    OSError
        If files cannot be written to the folder.
    """
    check_writable(folder, folder=True)
    if os.path.realpath(folder) == os.path.realpath(experiment.folder):
        message = "the folder contains the experiment itself; choose another folder for the results"
        raise FileExistsError(errno.EEXIST, message, folder)
    if os.path.isdir(folder) and os.listdir(folder) and not _contains_results(folder):
        message = "the folder contains files that are not results of an experiment; choose another folder"
        raise FileExistsError(errno.EEXIST, message, folder)
    name = _find_name(folder)
    if name not in (None, experiment.name):
        message = (
            f"the folder contains results of the experiment {name!r}; choose another folder or remove "
            "this one"
        )
        raise FileExistsError(errno.EEXIST, message, folder)
    inside = os.path.join(os.path.realpath(folder), "")
    for path, keys in read_files(experiment):
        if os.path.realpath(path).startswith(inside):  # a run changes the files in its output folder
            raise experiment.error(f"{path} is inside the folder for the results, {folder}; move it", *keys)


@contextmanager
def lock_folder(folder: str) -> Iterator[None]:
    """Lock a folder while the block runs; create the folder if it does not exist.

    The operating system releases the lock when the process ends, even if it is killed.

    Raises
    ------
    BlockingIOError
        If another run uses the folder.
    OSError
        If the folder cannot be created.
    """
    for name in (TOKENIZERS, CELLS):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    with open(os.path.join(folder, CELLS, LOCK), "ab") as file:
        _lock(file, folder)
        yield


def remove_results(folder: str) -> None:
    """Remove the tokenizers that the manifest lists, then the manifest, which marks results as complete.

    Files of tokenizers that the manifest does not list, or that have been changed, are kept.
    """
    listed = (_find_manifest(folder) or {"tokenizers": {}})["tokenizers"]
    for path in Path(folder, TOKENIZERS).glob("*.json"):
        if path.stem in listed and fingerprint_file(str(path)) == listed[path.stem]["sha256"]:
            path.unlink()
    Path(folder, MANIFEST).unlink(missing_ok=True)


def read_files(experiment: Experiment) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each file that an experiment reads, with its keys in experiment.toml."""
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


def _contains_results(folder: str) -> bool:
    """Return whether a folder contains complete or incomplete results."""
    return os.path.exists(os.path.join(folder, CELLS, LOCK)) or _find_manifest(folder) is not None


def _find_manifest(folder: str) -> dict[str, Any] | None:
    """Return the manifest, or None if there is no readable one."""
    try:
        return read_manifest(folder)
    except (FileNotFoundError, ExperimentError):
        return None


def _find_name(folder: str) -> Any:
    """Return the name of the experiment of the results in a folder, or None if it is unknown."""
    try:
        return TomlFile.read(os.path.join(folder, SPECIFICATION)).parse().values.get("name")
    except (FileNotFoundError, ExperimentError):
        return None


def _lock(file: BinaryIO, folder: str) -> None:
    """Lock an open file; do nothing on Windows and on file systems without locks."""
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BlockingIOError(error.errno, "another run is using this folder", folder) from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
