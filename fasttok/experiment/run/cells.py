"""Cache of an experiment: results of its steps, called cells, stored by the hash of their inputs."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import fasttok
from fasttok.core.saving import atomic_write
from fasttok.experiment.run.corpora import fingerprint_file

LIBRARIES = ("numpy", "numba", "scipy", "regex")  # libraries whose version can change results
Inputs = dict[str, Any]


class Cells:
    """Cached cells of an experiment, written atomically.

    A cell is one step of a run, such as training one tokenizer. It has a JSON file with its result, and can
    have an additional file, for example with a tokenizer.

    Parameters
    ----------
    folder : str
        Folder of the cached files.
    code : mapping of str to str
        Fingerprints of the modules outside fasttok that the experiment uses; see `fingerprint_modules`.

    Notes
    -----
    The inputs of a cell are plain JSON. The names of its files are a hash of the inputs, the code, the
    versions of fasttok, its libraries and Python, and the platform. A cell of another version is therefore
    never used. Cells with other inputs stay in the folder.
    """

    def __init__(self, folder: str, code: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = {**environment(), **code}

    def path(self, inputs: Inputs, suffix: str) -> str:
        """Return the path of the file of a cell, by the inputs of the cell and the suffix of the file."""
        digest = hashlib.sha256(json.dumps([inputs, self._environment], sort_keys=True).encode())
        return os.path.join(self._folder, digest.hexdigest()[:32] + suffix)

    def find(self, inputs: Inputs, suffix: str = "") -> Any:
        """Return the cached result for the inputs; None if there is none or its file is damaged.

        With a suffix, also return None if the additional file is missing or was changed.
        """
        try:
            with open(self.path(inputs, ".json"), "rb") as file:
                kept = json.loads(file.read())
        except (FileNotFoundError, ValueError):
            return None
        if not isinstance(kept, dict) or kept.get("inputs") != inputs:
            return None
        path = self.path(inputs, suffix)
        is_whole = not suffix or (os.path.exists(path) and fingerprint_file(path) == kept.get("sha256"))
        return kept.get("result") if is_whole else None

    def keep(self, inputs: Inputs, result: Any, suffix: str = "") -> None:
        """Store a result atomically. With a suffix, also store the SHA-256 of the additional file."""
        kept = {"inputs": inputs, "result": result}
        if suffix:
            kept["sha256"] = fingerprint_file(self.path(inputs, suffix))
        with atomic_write(self.path(inputs, ".json")) as file:
            file.write(json.dumps(kept, allow_nan=False).encode())


@cache
def environment() -> dict[str, str]:
    """Return what results depend on in addition to the inputs: code, versions and platform."""
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES}
    return {
        "fasttok": fasttok.__version__,
        "code": _fingerprint_code(),
        "python": platform.python_version(),
        **versions,
        "platform": f"{sys.platform} {platform.machine()}",
    }


def fingerprint_modules(modules: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of the file of each module.

    A module without a file gets a random value, so that cached results that depend on it are never used.
    """
    found = {}
    for name in modules:
        path = getattr(sys.modules.get(name), "__file__", None)
        found[f"code of {name}"] = os.urandom(32).hex() if path is None else fingerprint_file(path)
    return found


def _fingerprint_code() -> str:
    """Return a SHA-256 over all modules of fasttok, including compiled ones."""
    folder = Path(fasttok.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".py", ".so", ".pyd"):
            digest.update(f"{path.relative_to(folder).as_posix()} {path.stat().st_size}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
