"""Versions of fasttok, Python, the system and the libraries that results depend on."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any

import fasttok

# Libraries that results depend on: those that fasttok needs, and those that some of its functions use.
REQUIRED = ("numpy", "scipy", "numba", "llvmlite", "regex", "click", "tqdm", "xxhash", "zstandard")
OPTIONAL = ("pyarrow", "pandas", "jinja2", "matplotlib", "torch", "tiktoken", "tokenizers", "sentencepiece")


def show_versions() -> None:
    """Print the versions, system and processor that a bug report should contain.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.show_versions()  # doctest: +ELLIPSIS
    fasttok        ...
    Python         ...
    system         ...
    processor      ...
    numpy          ...
    """
    print("\n".join(f"{name:<14} {version}" for name, version in collect_versions().items()))


def collect_versions() -> dict[str, str]:
    """Return the versions by name; a library that is not installed has the version "not installed"."""
    machine = describe_machine()
    return {
        "fasttok": f"{fasttok.__version__} ({Path(fasttok.__file__).parent})",
        "Python": sys.version.replace("\n", " "),
        "system": str(machine["system"]),
        "processor": f"{machine['processor']}, {machine['cores']} cores",
        **{name: find_version(name) for name in (*REQUIRED, *OPTIONAL)},
    }


def find_version(library: str) -> str:
    """Return the version of an installed library, without importing it."""
    from importlib.metadata import PackageNotFoundError, version  # slow to import

    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"


def describe_machine() -> dict[str, str | int]:
    """Return the name of the processor, the number of cores, and the system."""
    path = Path("/proc/cpuinfo")  # Linux
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count() or 1,
        "system": platform.platform(),
    }


def import_pandas() -> Any:
    """Return the module ``pandas``; raise an ImportError that says how to install it if it is missing."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError("to_pandas needs pandas; install it with: pip install pandas") from error
    return pd
