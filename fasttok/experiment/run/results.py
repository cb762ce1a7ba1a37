"""`Results`: the folder that a comparison leaves."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fasttok.core.errors import ExperimentError
from fasttok.core.saving import atomic_write
from fasttok.corpus.readers import PathLike
from fasttok.evaluation.metrics.registry import KNOWN, SPEED
from fasttok.evaluation.metrics.registry import METRICS as GROUPS
from fasttok.formats.registry import load
from fasttok.tokenizer.tokenizer import Tokenizer

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
LOCK = "fasttok.lock"  # among the cells: held by whoever works in the folder, and says whose that is
IDENTITY = ("tokenizer", "corpus", "language", "metric")  # what tells rows of metrics apart
NUMBERS = ("value", "low", "high")
COLUMNS = (*IDENTITY, *NUMBERS, "unit", "n")
DESCRIBED = ("name", "label", "unit", "definition", "source", "better", "needs")  # of a metric
# What stands in a manifest, by the keys that lead there; * is every key.
SHAPE: dict[str, type] = {
    **{"name": str, "metrics": list, "corpora.train": dict, "corpora.test": dict, "languages.*": list},
    **{"tokenizers.*.sha256": str, "files": dict, "versions": dict, "folder": str, "command": str},
    **{"machine.processor": str, "machine.cores": int, "workers": int},
    **{f"own_metrics.*.{key}": str for key in DESCRIBED},
}


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
        `fasttok.experiment.run.curves.collect`.
    failures : list of dict
        What could not be done: ``tokenizer``, ``corpus`` ("" if there is no tokenizer at all), ``error``, the
        type, and ``message``.
    timings : list of dict
        How long it took: ``stage`` ("count", "train", "encode" or "decode"), ``tokenizer``, ``corpus``,
        ``state`` ("cold", the first time, or "warm", again), ``workers``, ``seconds``, ``memory``, which is
        the most bytes that the process had meanwhile, less those it had before (None on systems that do not
        tell), and ``n_bytes`` of text. Warm encoding and decoding are done five times: ``seconds`` is the
        median of these, ``memory`` the most. All else is done once.
    manifest : dict
        What it was made of: specification, fingerprints of text, counts and tokenizers, versions, seed,
        machine, command.
    allow_import : tuple of str
        Packages that the files of the tokenizers may import.

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
    allow_import: tuple[str, ...] = ()

    @classmethod
    def load(cls, folder: PathLike, *, allow_import: Sequence[str] = ()) -> Results:
        """Read a folder that `compare` has left.

        Parameters
        ----------
        folder : path
            The folder.
        allow_import : sequence of str
            Packages that the files of the tokenizers may import, if they name components from outside
            fasttok. Metrics of your own need none: the manifest says what readers are told of them.

        Raises
        ------
        OSError
            If there is no such folder, or a file that its manifest lists is missing.
        ExperimentError
            If it is no folder of results, the comparison has not ended, or a file is damaged or of another
            run.
        """
        name = os.fspath(folder)
        manifest = read_manifest(name)
        read_listed(name, SPECIFICATION, manifest)
        rows, curves, failures, timings = (
            [json.loads(line) for line in read_listed(name, file, manifest).splitlines()]
            for file in (METRICS, CURVES, FAILURES, TIMINGS)
        )
        return cls(name, rows, curves, failures, timings, manifest, tuple(allow_import))

    @property
    def tokenizers(self) -> list[str]:
        """The names of the tokenizers there are, in the order of the experiment."""
        return list(self.manifest["tokenizers"])

    @property
    def unmeasured(self) -> list[str]:
        """The metrics that were asked for and have no row, in the order of the experiment; speed has none.

        The text does not have what they need, or all that could be measured is among the failures.
        """
        measured = {row["metric"] for row in self.rows}
        return [
            name
            for name in self.manifest["metrics"]
            if name != SPEED and not any(metric["name"] in measured for metric in self._find_group(name))
        ]

    @property
    def definitions(self) -> dict[str, dict[str, str]]:
        """What readers are told of each metric, by its name; see `fasttok.Metric.describe`."""
        own = {described["name"]: described for described in self._own_metrics.values()}
        return {name: metric.describe() for name, metric in KNOWN.items()} | own

    def needs(self, name: str) -> str:
        """What a text must have for a metric that was asked for; "" for most."""
        return next((metric["needs"] for metric in self._find_group(name)), "")

    @property
    def _own_metrics(self) -> dict[str, dict[str, str]]:
        own: dict[str, dict[str, str]] = self.manifest["own_metrics"]
        return own

    def _find_group(self, name: str) -> list[dict[str, str]]:
        if name in self._own_metrics:
            return [self._own_metrics[name]]
        return [metric.describe() for metric in GROUPS.get(name, ())]

    def tokenizer(self, name: str) -> Tokenizer:
        """Open one of the tokenizers.

        Raises
        ------
        KeyError
            If there is none of this name; says which there are.
        OSError, ExperimentError
            If its file is missing, or is not the one that was measured.
        """
        if name not in self.tokenizers:
            raise KeyError(f"no tokenizer {name!r}; there are {', '.join(self.tokenizers)}")
        sha256 = self.manifest["tokenizers"][name]["sha256"]
        path = os.path.join(self.folder, TOKENIZERS, f"{name}.json")
        return open_tokenizer(path, sha256, self.allow_import)

    def to_pandas(self) -> Any:
        """The rows as a ``pandas.DataFrame``, with "value", "low" and "high" as float64.

        Raises
        ------
        ImportError
            If pandas is not installed; says how to.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError("a data frame is made with pandas: pip install pandas") from error
        frame = pd.DataFrame(self.rows, columns=list(COLUMNS))
        return frame.astype(dict.fromkeys(NUMBERS, "float64"))

    def to_arrow(self) -> Any:
        """The rows as a ``pyarrow.Table``.

        Raises
        ------
        ImportError
            If pyarrow is not installed; says how to.
        """
        try:
            import pyarrow as pa
        except ImportError as error:
            raise ImportError("an Arrow table is made with pyarrow: pip install pyarrow") from error
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
    if os.path.isdir(folder) and not os.path.exists(path):
        if os.path.exists(os.path.join(folder, CELLS, LOCK)):
            raise ExperimentError("the comparison has not ended; run it again and it continues", folder)
        raise ExperimentError(f"not a folder of results ({MANIFEST} is not there)", folder)
    with open(path, "rb") as file:
        data = file.read()
    try:
        manifest: dict[str, Any] = json.loads(data)
        found = (manifest["format"], manifest["version"])
        manifest.setdefault("own_metrics", {})  # which the first manifests do not have
    except (ValueError, KeyError, TypeError) as error:
        raise ExperimentError(f"not the manifest of a comparison ({error})", path) from None
    if found != (FORMAT, VERSION):
        raise ExperimentError(f"{found[0]} version {found[1]}; this fasttok reads {FORMAT} {VERSION}", path)
    for place, kind in SHAPE.items():
        if not all(isinstance(value, kind) for value in _find(manifest, place.split("."))):
            raise ExperimentError(f"{place} is missing, or of another type than it should be", path)
    return manifest


def read_listed(folder: str, name: str, manifest: Mapping[str, Any]) -> bytes:
    """What a file of the folder holds, one that the manifest lists; otherwise as `Results.load`."""
    return read_unchanged(os.path.join(folder, name), manifest["files"].get(name))


def read_unchanged(path: str, sha256: str | None) -> bytes:
    """What a file holds.

    Raises
    ------
    ExperimentError
        If it has not this SHA-256.
    """
    with open(path, "rb") as file:
        data = file.read()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ExperimentError("it was changed, or is of another run: its SHA-256 is not the one noted", path)
    return data


def open_tokenizer(path: str, sha256: str, allow_import: Sequence[str], **options: Any) -> Tokenizer:
    """Open a tokenizer; an `ExperimentError` if it is another one than that with this SHA-256."""
    read_unchanged(path, sha256)
    return load(path, allow_import=allow_import, **options)


def write_rows(folder: str, name: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """Write rows of JSON, one a line, whole or not at all; the SHA-256 of the file."""
    data = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows).encode()
    with atomic_write(os.path.join(folder, name)) as file:
        file.write(data)
    return hashlib.sha256(data).hexdigest()


def _find(value: Any, keys: list[str]) -> list[Any]:
    """What stands at the keys; None for what is missing."""
    if not keys or not isinstance(value, dict):
        return [None if keys else value]
    inner = value.values() if keys[0] == "*" else [value.get(keys[0])]
    return [found for item in inner for found in _find(item, keys[1:])]
