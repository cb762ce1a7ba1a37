"""Ids on disk and what a model reads of them: stores, windows, batches, packed rows, exports.

The public names are imported on first access.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_MODULE_OF = {
    "Batch": "fasttok.tokens.windows",
    "BatchDataset": "fasttok.tokens.torch_data",
    "TokenBatches": "fasttok.tokens.batches",
    "TokenStore": "fasttok.tokens.store",
    "TokenWindows": "fasttok.tokens.windows",
    "WindowDataset": "fasttok.tokens.torch_data",
}

__all__ = [
    "Batch",
    "BatchDataset",
    "TokenBatches",
    "TokenStore",
    "TokenWindows",
    "WindowDataset",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'fasttok.tokens' has no attribute {name!r}")
    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
