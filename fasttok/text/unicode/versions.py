"""Versions of Unicode's tables: the values of the option `unicode` of components."""

from __future__ import annotations

from typing import Any

from fasttok.core.checks import describe

# The tables of Hugging Face tokenizers 0.23, which come from several versions of Unicode.
TOKENIZERS_VERSION = "tokenizers-0.23"
VERSIONS = (TOKENIZERS_VERSION,)


def checked_version(value: Any) -> Any:
    """Return the value of an option `unicode` if it is None, for fasttok's own tables, or in `VERSIONS`.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if value is not None and not (isinstance(value, str) and value in VERSIONS):
        names = " or ".join(f'"{name}"' for name in VERSIONS)
        raise ValueError(f"unicode must be None or {names}, not {describe(value)}")
    return value
