"""Files of arrays: an ``.npz`` with a header in JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import ModelFormatError
from fasttok.core.saving import atomic_write


def write_arrays(path: str, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a header and arrays to an ``.npz`` file, atomically."""
    with atomic_write(path) as file:
        np.savez(file, header=np.array(json.dumps(header)), **arrays)  # type: ignore[arg-type]


def read_arrays(
    path: str, format: str, version: int, what: str, dtypes: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the header and the arrays of a file that `write_arrays` wrote.

    Parameters
    ----------
    path : str
        The file.
    format, version
        Format and version that the header must have.
    what : str
        Description of the contents for messages, such as "an embedding table".
    dtypes : mapping of str to dtype, optional
        Type of each array, by name. Default: all arrays of the file are returned, of any type.

    Raises
    ------
    OSError
        If the file cannot be read.
    ModelFormatError
        If the file is damaged or of another format.
    """
    with open(path, "rb") as file:
        if file.read(2) != b"PK":
            raise ModelFormatError(f"not a file of {what}", path)
        file.seek(0)
        try:
            with np.load(file, allow_pickle=False) as found:
                if sum(part.file_size for part in found.zip.infolist()) > os.path.getsize(path):
                    raise ValueError("its arrays claim more bytes than the file has")
                header = json.loads(str(found["header"]))
                names = set(found.files) - {"header"} if dtypes is None else dtypes
                arrays = {name: found[name] for name in names}
        # A damaged file can raise exceptions of zipfile, zlib, tokenize, struct and others.
        except Exception as error:
            raise ModelFormatError(f"not a file of {what} ({error})", path) from None
    if not isinstance(header, dict) or (header.get("format"), header.get("version")) != (format, version):
        raise ModelFormatError(f"not {format} version {version}: {header}", path, "header")
    for name, dtype in (dtypes or {}).items():
        if arrays[name].dtype != dtype:
            raise ModelFormatError(f"must be {np.dtype(dtype)}, not {arrays[name].dtype}", path, name)
    return header, arrays
