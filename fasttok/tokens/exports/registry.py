"""`export_store`, and the table of the formats of token files."""

from __future__ import annotations

import os
from typing import Any

from fasttok.core.checks import checked_choice, checked_path
from fasttok.tokens.exports import (
    arrow,
    build_nanogpt,
    datatrove,
    litdata,
    llmc,
    mds,
    megatron,
    nanogpt,
    olmo,
)
from fasttok.tokens.exports.base import TokenFormat, TokenSource, check_options

FORMATS: dict[str, TokenFormat] = {
    format.name: format
    for format in (
        nanogpt.FORMAT,
        build_nanogpt.FORMAT,
        llmc.FORMAT,
        megatron.FORMAT,
        datatrove.FORMAT,
        olmo.FORMAT,
        litdata.FORMAT,
        mds.FORMAT,
        arrow.PARQUET,
        arrow.ARROW,
    )
}


def export_store(
    store: TokenSource, path: str | os.PathLike[str], format: str, **options: Any
) -> tuple[str, ...]:
    """Write the ids of a store to files that another project reads; see `fasttok.TokenStore.export`."""
    chosen = FORMATS[checked_choice("format", format, *FORMATS)]
    name = checked_path("path", path)
    check_options(chosen, chosen.export, options)
    return chosen.export(store, name, **options)
