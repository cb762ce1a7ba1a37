"""What was worked out already: the results of cells, kept by the hash of what they depend on."""

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

LIBRARIES = ("numpy", "numba", "scipy", "regex")
CPU_INFO = Path("/proc/cpuinfo")
Inputs = dict[str, Any]


class Cells:
    """The kept cells of an experiment: a file each, whole or not there.

    Parameters
    ----------
    folder : str
        Where they lie.
    code : mapping of str to str
        Fingerprints of code outside fasttok that takes part; see `fingerprint_modules`.

    Notes
    -----
    The inputs of a cell are plain JSON. The code that runs and the libraries under it count among them, so
    that nothing is taken from another version; what is kept of other inputs stays, and is in nobody's way.
    """

    def __init__(self, folder: str, code: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = {**environment(), **code}

    def path(self, inputs: Inputs, suffix: str) -> str:
        """Where something that has these inputs is kept."""
        digest = hashlib.sha256(json.dumps([inputs, self._environment], sort_keys=True).encode())
        return os.path.join(self._folder, digest.hexdigest()[:32] + suffix)

    def find(self, inputs: Inputs, suffix: str = "") -> Any:
        """The result that was kept for the inputs, or None. A damaged file is as good as none.

        With a suffix, so is a result whose file is no longer the one that was kept with it.
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
        """Keep a result; atomic. With a suffix, the file of the inputs that has it belongs to the result."""
        kept = {"inputs": inputs, "result": result}
        if suffix:
            kept["sha256"] = fingerprint_file(self.path(inputs, suffix))
        with atomic_write(self.path(inputs, ".json")) as file:
            file.write(json.dumps(kept, allow_nan=False).encode())


@cache
def environment() -> dict[str, str]:
    """What results may depend on besides their inputs: versions, the code itself, the platform."""
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES}
    return {
        "fasttok": fasttok.__version__,
        "code": _fingerprint_code(),
        "python": platform.python_version(),
        **versions,
        "platform": f"{sys.platform} {platform.machine()}",
    }


def fingerprint_modules(modules: Iterable[str]) -> dict[str, str]:
    """Return a SHA-256 of the file of each module; always another of one without a file, as in a notebook."""
    found = {}
    for name in modules:
        path = getattr(sys.modules.get(name), "__file__", None)
        found[f"code of {name}"] = os.urandom(32).hex() if path is None else fingerprint_file(path)
    return found


def describe_machine() -> dict[str, Any]:
    """The machine, for people who look at timings."""
    lines = CPU_INFO.read_text().splitlines() if CPU_INFO.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count() or 1,
        "system": platform.platform(),
    }


def _fingerprint_code() -> str:
    """A SHA-256 over the modules of fasttok, compiled ones too: an edit is another version."""
    folder = Path(fasttok.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".py", ".so", ".pyd"):
            digest.update(f"{path.relative_to(folder).as_posix()} {path.stat().st_size}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
