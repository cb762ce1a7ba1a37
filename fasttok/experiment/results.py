"""`Results`: the folder that a comparison leaves."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fasttok.errors import ExperimentError
from fasttok.formats.load import load
from fasttok.saving import atomic_write
from fasttok.text.readers import PathLike
from fasttok.tokenizer import Tokenizer

FORMAT = "fasttok.experiment"
VERSION = 1
SPECIFICATION = "experiment.toml"
MANIFEST = "manifest.json"
METRICS = "metrics.jsonl"
CURVES = "curves.jsonl"
FAILURES = "failures.jsonl"
TIMINGS = "timings.jsonl"
TOKENIZERS = "tokenizers"
CELLS = "cells"
IDENTITY = ("tokenizer", "corpus", "language", "metric")  # what tells rows of metrics apart
NUMBERS = ("value", "low", "high")
COLUMNS = (*IDENTITY, *NUMBERS, "unit", "n")


@dataclass(frozen=True, eq=False)
class Results:
    """What a comparison found. Made by `compare` and `load`.

    Attributes
    ----------
    folder : str
        Where it lies.
    rows : list of dict
        What was measured; see `fasttok.evaluation.measure.Row`.
    curves : list of dict
        What a report draws beside the rows, one a tokenizer and test corpus; see
        `fasttok.experiment.curves.collect`.
    failures : list of dict
        What could not be done: ``tokenizer``, ``corpus`` ("" if there is no tokenizer at all), ``error``, the
        type, and ``message``.
    timings : list of dict
        How long it took: ``stage`` ("count", "train", "encode" or "decode"), ``tokenizer``, ``corpus``,
        ``state`` ("cold" or "warm"), ``workers``, ``seconds``, ``memory``, which is the most bytes that the
        process had meanwhile, less those it had before (None on systems that do not tell), and ``n_bytes`` of
        text.
    manifest : dict
        What it was made of: specification, fingerprints of text, counts and tokenizers, versions, seed,
        machine, command.

    Notes
    -----
    In the folder lie ``experiment.toml`` as it was given, ``manifest.json``, ``tokenizers/*.json``,
    ``metrics.jsonl``, ``curves.jsonl`` and ``failures.jsonl``, which are the same bytes whenever and wherever
    the comparison is run, and ``timings.jsonl``, which is not. ``cells/`` has what was worked out so far;
    without it a run begins at the beginning.
    """

    folder: str
    rows: list[dict[str, Any]]
    curves: list[dict[str, Any]]
    failures: list[dict[str, Any]]
    timings: list[dict[str, Any]]
    manifest: dict[str, Any]

    @classmethod
    def load(cls, folder: PathLike) -> Results:
        """Read a folder that `compare` has left.

        Raises
        ------
        OSError
            If a file of it is missing.
        ExperimentError
            If the comparison has not ended, or a file is damaged or of another run.
        """
        name = os.fspath(folder)
        manifest = read_manifest(name)
        files = manifest["files"]
        rows, curves, failures, timings = (
            _read_rows(name, file, files) for file in (METRICS, CURVES, FAILURES, TIMINGS)
        )
        return cls(name, rows, curves, failures, timings, manifest)

    @property
    def tokenizers(self) -> list[str]:
        """The names of the tokenizers there are, in the order of the experiment."""
        return list(self.manifest["tokenizers"])

    def tokenizer(self, name: str) -> Tokenizer:
        """Open one of the tokenizers.

        Raises
        ------
        KeyError
            If there is none of this name.
        """
        if name not in self.manifest["tokenizers"]:
            raise KeyError(name)
        return load(os.path.join(self.folder, TOKENIZERS, f"{name}.json"))

    def to_pandas(self) -> Any:
        """The rows as a ``pandas.DataFrame``, with "value", "low" and "high" as float64."""
        import pandas as pd

        frame = pd.DataFrame(self.rows, columns=list(COLUMNS))
        return frame.astype(dict.fromkeys(NUMBERS, "float64"))

    def to_arrow(self) -> Any:
        """The rows as a ``pyarrow.Table``."""
        import pyarrow as pa

        kinds = {
            **dict.fromkeys(COLUMNS, pa.string()),
            **dict.fromkeys(NUMBERS, pa.float64()),
            "n": pa.int64(),
        }
        return pa.Table.from_pylist(self.rows, pa.schema(kinds))

    def __repr__(self) -> str:
        failed = f", {len(self.failures):,} failures" if self.failures else ""
        n = len(self.tokenizers)
        return f"Results({self.folder!r}, {n:,} tokenizers, {len(self.rows):,} rows{failed})"


def read_manifest(folder: str) -> dict[str, Any]:
    """What the manifest in a folder holds; otherwise as `Results.load`."""
    path = os.path.join(folder, MANIFEST)
    if not os.path.exists(path) and os.path.exists(os.path.join(folder, SPECIFICATION)):
        raise ExperimentError("the comparison has not ended; run it again and it continues", folder)
    with open(path, "rb") as file:
        data = file.read()
    try:
        manifest: dict[str, Any] = json.loads(data)
        found = (manifest["format"], manifest["version"])
    except (ValueError, KeyError, TypeError) as error:
        raise ExperimentError(f"not the manifest of a comparison ({error})", path) from None
    if found != (FORMAT, VERSION):
        raise ExperimentError(f"{found[0]} version {found[1]}; this fasttok reads {FORMAT} {VERSION}", path)
    for key in ("corpora", "tokenizers", "files", "versions"):
        if not isinstance(manifest.get(key), dict):
            raise ExperimentError(f"{key} is missing", path)
    return manifest


def write_rows(folder: str, name: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """Write rows of JSON, one a line, whole or not at all; the SHA-256 of the file."""
    data = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows).encode()
    with atomic_write(os.path.join(folder, name)) as file:
        file.write(data)
    return hashlib.sha256(data).hexdigest()


def _read_rows(folder: str, name: str, digests: dict[str, str]) -> list[dict[str, Any]]:
    path = os.path.join(folder, name)
    with open(path, "rb") as file:
        data = file.read()
    if hashlib.sha256(data).hexdigest() != digests.get(name):
        raise ExperimentError(f"not what {MANIFEST} says it is: it was changed, or is of another run", path)
    return [json.loads(line) for line in data.splitlines()]
