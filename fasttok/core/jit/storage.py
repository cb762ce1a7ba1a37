"""Machine code of kernels on disk: one file per kernel and types of arguments."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import xxhash

ENTRY = "kernel_entry"  # name of the function in machine code that `Arguments.run` calls


class Code(NamedTuple):
    """Machine code of a kernel.

    Attributes
    ----------
    results : str
        Type of each result: "i" or "f".
    data : bytes
        Object file with the function `ENTRY`.
    """

    results: str
    data: bytes


def find_folders(source: str) -> Iterator[Path]:
    """Yield the folders in which machine code may be stored, the first choice first."""
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(chosen)
        return
    yield Path(source).parent / "__pycache__"
    user = (
        os.environ.get("LOCALAPPDATA") or os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    )
    yield Path(user) / "fasttok"


def read(name: str, folders: list[Path]) -> Code | None:
    """Return stored machine code; None if there is none, or it is damaged."""
    for folder in folders:
        with suppress(OSError, ValueError):
            stored = (folder / name).read_bytes()
            checksum, content = stored[:16], stored[16:]
            if xxhash.xxh3_128_digest(content) == checksum:
                results, data = content.split(b"\n", 1)
                return Code(results.decode(), data)
    return None


def write(name: str, folders: list[Path], code: Code) -> None:
    """Store machine code in the first folder that can be written, if any."""
    content = code.results.encode() + b"\n" + code.data
    for folder in folders:
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            temporary = folder / f"{name}.{os.urandom(8).hex()}"
            try:
                temporary.write_bytes(xxhash.xxh3_128_digest(content) + content)
                temporary.replace(folder / name)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
            return
