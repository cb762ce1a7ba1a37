"""Compilation with Numba: `njit` with the options that all kernels share.

Numba caches machine code on disk, next to the module or in ``NUMBA_CACHE_DIR``, so only the first use on a
machine waits for the compiler. Kernels have no signatures, because Numba compiles a function with a signature
at import.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numba

from fasttok.core.progress import notify

njit = numba.njit(cache=True, nogil=True, error_model="numpy")


def announce_compilation(kernel: Any, what: str) -> None:
    """Say that a kernel is about to be compiled, unless its machine code is cached.

    `what` is the name of the kernel in the message.
    """
    source = Path(kernel.py_func.__code__.co_filename)
    python = f"py{sys.version_info.major}{sys.version_info.minor}"
    pattern = f"*{kernel.py_func.__name__}-*.{python}.nbi"
    cached = Path(kernel.stats.cache_path).glob(pattern)
    if not kernel.signatures and not any(c.stat().st_mtime > source.stat().st_mtime for c in cached):
        notify(f"compiling {what} for this machine (first use only)")
