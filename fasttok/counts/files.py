"""Native files of counts: the arrays of `PretokenCounts` and their recipe in an ``.npz`` file."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import ModelFormatError
from fasttok.core.saving import atomic_write
from fasttok.counts.recipe import Recipe

FORMAT = "fasttok.counts"  # name of the file format
VERSION = 1  # version of the file format


def write_arrays(
    path: str,
    recipe: Recipe,
    code_points: NDArray[np.uint32],
    offsets: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> None:
    """Write counts to a file, atomically. Equal counts give equal files."""
    with atomic_write(path) as file:
        np.savez(
            file,
            header=np.array(json.dumps({"format": FORMAT, "version": VERSION})),
            recipe=np.array(recipe.to_json()),
            code_points=code_points,
            offsets=offsets,
            counts=counts,
        )


def read_arrays(path: str) -> tuple[Recipe, NDArray[np.uint32], NDArray[np.int64], NDArray[np.int64]]:
    """Return what `write_arrays` wrote. The order of the rows is not checked.

    Raises
    ------
    ModelFormatError
        If the file is not one of counts, or an array is invalid.
    """
    with open(path, "rb") as file:
        if file.read(2) != b"PK":
            raise ModelFormatError("not a file of pretoken counts", path)
        file.seek(0)
        try:
            with np.load(file, allow_pickle=False) as arrays:
                if sum(part.file_size for part in arrays.zip.infolist()) > os.path.getsize(path):
                    # `write_arrays` does not compress, so this is damage or an attack on memory.
                    raise ValueError("its arrays claim more bytes than the file has")
                header = json.loads(str(arrays["header"]))
                recipe = Recipe.from_json(str(arrays["recipe"]))
                fields = (arrays["code_points"], arrays["offsets"], arrays["counts"])
        # A damaged file can raise exceptions of zipfile, zlib, lzma, tokenize, struct and others.
        except Exception as error:
            raise ModelFormatError(f"not a file of pretoken counts ({error})", path) from None
    if header != {"format": FORMAT, "version": VERSION}:
        raise ModelFormatError(f"not {FORMAT} version {VERSION}: {header}", path, "header")
    _check_arrays(*fields, path)
    return recipe, *fields


def _check_arrays(code_points: NDArray[Any], offsets: NDArray[Any], counts: NDArray[Any], path: str) -> None:
    expected = {"code_points": np.uint32, "offsets": np.int64, "counts": np.int64}
    for array, (field, dtype) in zip((code_points, offsets, counts), expected.items(), strict=True):
        if array.dtype != dtype or array.ndim != 1:
            raise ModelFormatError(f"not a flat array of {dtype.__name__}", path, field)
    if len(offsets) != len(counts) + 1 or offsets[0] != 0 or offsets[-1] != len(code_points):
        raise ModelFormatError("does not match the other arrays", path, "offsets")
    if (np.diff(offsets) < 1).any():
        raise ModelFormatError("is not strictly increasing", path, "offsets")
    if (counts < 1).any():
        raise ModelFormatError("contains a count below 1", path, "counts")
    is_surrogate = (code_points >= 0xD800) & (code_points <= 0xDFFF)
    is_escaped_byte = (code_points >= 0xDC80) & (code_points <= 0xDCFF)
    if ((code_points > 0x10FFFF) | (is_surrogate & ~is_escaped_byte)).any():
        raise ModelFormatError("contains an invalid code point", path, "code_points")
