"""Ids on disk and what a model reads of them: stores, windows, batches, packed rows, exports.

The public names are imported on first access.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_MODULE_OF = {
    "Batch": "fasttok.tokens.windows",
    "BatchDataset": "fasttok.tokens.torch_data",
    "MixedBatch": "fasttok.tokens.mixture",
    "MixedBatches": "fasttok.tokens.mixture",
    "Mixture": "fasttok.tokens.mixture",
    "Packed": "fasttok.tokens.packed",
    "PackedBatch": "fasttok.tokens.packed",
    "PackedBatches": "fasttok.tokens.packed_batches",
    "TokenBatches": "fasttok.tokens.batches",
    "TokenStore": "fasttok.tokens.store",
    "TokenWindows": "fasttok.tokens.windows",
    "WindowDataset": "fasttok.tokens.torch_data",
    "import_store": "fasttok.tokens.exports.importing",
    "mix": "fasttok.tokens.mixture",
    "pack": "fasttok.tokens.packing",
}

__all__ = [
    "Batch",
    "BatchDataset",
    "MixedBatch",
    "MixedBatches",
    "Mixture",
    "Packed",
    "PackedBatch",
    "PackedBatches",
    "TokenBatches",
    "TokenStore",
    "TokenWindows",
    "WindowDataset",
    "import_store",
    "mix",
    "pack",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'fasttok.tokens' has no attribute {name!r}")
    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
