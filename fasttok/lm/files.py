"""Files of n-gram models: an ``.npz`` with the keys and counts of each length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from dataclasses import fields as dataclass_fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.arrays import read_arrays, write_arrays
from fasttok.core.errors import ModelFormatError
from fasttok.lm.levels import Level

FORMAT = "fasttok.ngram"  # name of the file format
VERSION = 1  # version of the file format
MOST_IDS = (1 << 31) - 1


@dataclass(frozen=True)
class Header:
    """All of a model except its n-grams.

    Attributes
    ----------
    order, smoothing, k
        Parameters of `NGram`.
    vocab_size, end_id : int
        Number of ids, and id of the end symbol.
    fingerprint : str or None
        Fingerprint of the tokenizer.
    """

    order: int
    smoothing: str
    k: float
    vocab_size: int
    end_id: int
    fingerprint: str | None


def save_model(path: str, header: Header, levels: Sequence[Level]) -> None:
    """Write a model to a file, atomically."""
    arrays: dict[str, NDArray[Any]] = {}
    for n, level in enumerate(levels, 1):
        arrays |= {f"keys{n}": level.keys, f"counts{n}": level.counts}
    write_arrays(path, {"format": FORMAT, "version": VERSION, **asdict(header)}, arrays)


def load_model(path: str) -> tuple[Header, list[Level]]:
    """Read a model from a file, and check that its n-grams are a trie.

    Raises
    ------
    OSError
        If the file cannot be read.
    ModelFormatError
        If the file is damaged or is not one of an n-gram model.
    """
    fields, arrays = read_arrays(path, FORMAT, VERSION, "an n-gram model")
    names = [field.name for field in dataclass_fields(Header)]
    if fields.keys() != {"format", "version", *names}:
        raise ModelFormatError(
            f"must have the fields {', '.join(names)}, not {', '.join(fields)}", path, "header"
        )
    header = Header(**{name: fields[name] for name in names})
    _check_header(header, path)
    begin = max(header.vocab_size, header.end_id + 1)
    levels: list[Level] = []
    n_contexts = 1
    for n in range(1, header.order + 1):
        for name in (f"keys{n}", f"counts{n}"):
            if name not in arrays:
                raise ModelFormatError("is missing", path, name)
        level = Level(arrays[f"keys{n}"], arrays[f"counts{n}"])
        _check_level(level, n_contexts, begin, path, n)
        n_contexts = len(level)
        levels.append(level)
    return header, levels


def _check_header(header: Header, path: str) -> None:
    kinds = {"order": int, "smoothing": str, "k": (int, float), "vocab_size": int, "end_id": int}
    for name, kind in kinds.items():
        value = getattr(header, name)
        if not isinstance(value, kind) or isinstance(value, bool):  # type: ignore[arg-type]
            raise ModelFormatError(f"{name} has the wrong type: {value!r}", path, "header")
    if not (header.fingerprint is None or isinstance(header.fingerprint, str)):
        raise ModelFormatError("fingerprint must be a text or null", path, "header")
    if not (1 <= header.vocab_size <= MOST_IDS and 0 <= header.end_id <= header.vocab_size):
        raise ModelFormatError("vocab_size or end_id is out of range", path, "header")


def _check_level(level: Level, n_contexts: int, begin: int, path: str, n: int) -> None:
    """Raise an error if the n-grams are not those of a model."""
    keys, counts = level.keys, level.counts
    if keys.dtype != np.uint64 or counts.dtype != np.int64 or keys.ndim != 1 or keys.shape != counts.shape:
        raise ModelFormatError("must be uint64 and int64 of one length", path, f"keys{n} and counts{n}")
    is_empty = not len(keys)
    if (is_empty and n == 1) or np.any(keys[1:] <= keys[:-1]):
        raise ModelFormatError("must ascend, and not be empty", path, f"keys{n}")
    if is_empty:
        return
    if counts.sum(dtype=np.float64) >= 1 << 62:
        raise ModelFormatError("have a sum of 2^62 or more", path, f"counts{n}")
    symbols = keys & np.uint64(0xFFFFFFFF)
    if int(keys[-1] >> np.uint64(32)) >= n_contexts or int(symbols.max()) > begin:
        raise ModelFormatError("has a context or a symbol that does not exist", path, f"keys{n}")
    is_begin = symbols == begin
    if counts.min() < 0 or np.any((counts == 0) != is_begin) or (n > 1 and is_begin.any()):
        raise ModelFormatError("must be above 0, except that of the begin symbol", path, f"counts{n}")
