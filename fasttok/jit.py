"""The one way fasttok compiles with Numba.

Machine code is cached on disk, beside the module or in ``NUMBA_CACHE_DIR``, so that only the first
use on a machine waits for the compiler. No signatures: a signature compiles at import.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numba

njit = numba.njit(cache=True, nogil=True, error_model="numpy")


def announce_compilation(kernel: Any, what: str) -> None:
    """Log that a kernel is about to be compiled, unless its machine code is in the cache on disk."""
    cached = Path(kernel.stats.cache_path).glob(f"*{kernel.py_func.__name__}-*.nbi")
    if not kernel.signatures and not any(cached):
        logging.getLogger("fasttok").warning("compiling %s for this machine; only the first use does", what)
