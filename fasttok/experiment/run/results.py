"""`Results`: output folder of a comparison, with rows, timings, failures and tokenizers."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fasttok.core.checks import checked_names, checked_path, checked_text, unknown_name
from fasttok.core.errors import ExperimentError
from fasttok.core.saving import atomic_write
from fasttok.core.versions import import_pandas
from fasttok.corpus.files import PathLike
from fasttok.evaluation.metrics.registry import KNOWN, SPEED
from fasttok.evaluation.metrics.registry import METRICS as GROUPS
from fasttok.experiment.run.corpora import fingerprint_tokenizer
from fasttok.formats.registry import load
from fasttok.tokenizer.tokenizer import Tokenizer

# Format and version of a manifest.
FORMAT = "fasttok.experiment"
VERSION = 1
# Files and folders of the results.
SPECIFICATION = "experiment.toml"
MANIFEST = "manifest.json"
METRICS = "metrics.jsonl"
CURVES = "curves.jsonl"
FAILURES = "failures.jsonl"
TIMINGS = "timings.jsonl"
TOKENIZERS = "tokenizers"
CELLS = "cells"
LOCK = "fasttok.lock"  # file in CELLS; locked during a run; shows that the folder contains results
# Columns of the rows of metrics.
IDENTITY = ("tokenizer", "corpus", "language", "metric")  # together unique for each row
NUMBERS = ("value", "low", "high")
COLUMNS = (*IDENTITY, *NUMBERS, "unit", "n")
DESCRIBED = ("name", "label", "unit", "definition", "source", "better", "needs")  # keys of `Metric.describe`
# Required types of the values in a manifest, by their keys; * matches every key.
SHAPE: dict[str, type] = {
    **{"name": str, "metrics": list, "corpora.train": dict, "corpora.test": dict, "languages.*": list},
    **{"tokenizers.*.sha256": str, "files": dict, "versions": dict, "folder": str, "command": str},
    **{"machine.processor": str, "machine.cores": int, "workers": int},
    **{f"own_metrics.*.{key}": str for key in DESCRIBED},
}


@dataclass(frozen=True, eq=False)
class Results:
    """Results of a comparison, as `compare` and `load` return them.

    Attributes
    ----------
    folder : str
        Folder of the results.
    rows : list of dict
        Values of metrics; see `fasttok.evaluation.measure.Row`.
    curves : list of dict
        Further data for the report, one entry per tokenizer and test corpus; see
        ``fasttok.experiment.run.curves.collect``.
    failures : list of dict
        Steps that failed: ``tokenizer``, ``corpus`` ("" if the tokenizer could not be trained or loaded),
        ``error`` (type of the error), and ``message``.
    timings : list of dict
        Time and memory of each step: ``stage`` ("count", "train", "encode" or "decode"), ``tokenizer``,
        ``corpus``, ``state``, ``workers``, ``seconds``, ``memory`` and ``n_bytes`` of text. ``state`` is
        "cold" for the first run and "warm" for later runs. ``memory`` is the peak memory of the process minus
        its memory before the step, in bytes; None except on Linux. Warm encoding and decoding run five times;
        ``seconds`` is the median and ``memory`` the maximum of these runs. All other steps run once.
    manifest : dict
        Origin of the results: specification, fingerprints of text and tokenizers, versions, seed, machine and
        command.
    allow_import : tuple of str
        Packages that the files of the tokenizers may import.

    Notes
    -----
    The folder contains ``experiment.toml``, ``manifest.json``, ``tokenizers/*.json``, ``metrics.jsonl``,
    ``curves.jsonl``, ``failures.jsonl`` and ``timings.jsonl``. Tokenizers, metrics, curves and failures are
    byte for byte the same for every run of the experiment with the same texts and versions. ``cells/`` is a
    cache; if it is deleted, the next run computes everything again.

    Examples
    --------
    >>> import tempfile
    >>> import fasttok as ft
    >>> experiment = ft.Experiment.from_toml('''
    ...     name = "bytes"
    ...     [corpus.train]
    ...     python = { sample = "python" }
    ...     [corpus.test]
    ...     sentences = { sample = "parallel" }
    ...     [[tokenizer]]
    ...     model = "byte"
    ...     [metrics]
    ...     use = "gini"
    ...     words = "whitespace"
    ... ''')
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = ft.compare(experiment, folder)
    ...     results = ft.Results.load(folder)
    >>> results.tokenizers, [round(row["value"], 2) for row in results.rows]
    (['byte'], [0.21])
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
        """Read the results in a folder that `compare` has written.

        Parameters
        ----------
        folder : path
            Folder of the results.
        allow_import : sequence of str
            Packages that may be imported if the tokenizers have components from outside fasttok. Custom
            metrics need no import, because the manifest contains their descriptions.

        Returns
        -------
        Results
            Content of the folder.

        Raises
        ------
        OSError
            If the folder does not exist, or a file that its manifest lists is missing.
        ExperimentError
            If the folder does not contain results, the comparison has not finished, or a file is damaged or
            belongs to another run.
        """
        name = checked_path("folder", folder)
        packages = checked_names("allow_import", allow_import)
        manifest = read_manifest(name)
        read_listed(name, SPECIFICATION, manifest)
        rows, curves, failures, timings = (
            [json.loads(line) for line in read_listed(name, file, manifest).splitlines()]
            for file in (METRICS, CURVES, FAILURES, TIMINGS)
        )
        return cls(name, rows, curves, failures, timings, manifest, packages)

    @property
    def tokenizers(self) -> list[str]:
        """Names of the tokenizers that were trained or loaded, in the order of the experiment."""
        return list(self.manifest["tokenizers"])

    @property
    def unmeasured(self) -> list[str]:
        """Requested metrics without rows, in the order of the experiment; "speed" is never listed.

        A metric has no rows if no test corpus meets its requirement, or if all tokenizers failed.
        """
        measured = {row["metric"] for row in self.rows}
        return [
            name
            for name in self.manifest["metrics"]
            if name != SPEED and not any(metric["name"] in measured for metric in self._find_group(name))
        ]

    @property
    def definitions(self) -> dict[str, dict[str, str]]:
        """Descriptions of all metrics by name; see `fasttok.Metric.describe`."""
        own = {described["name"]: described for described in self._own_metrics.values()}
        return {name: metric.describe() for name, metric in KNOWN.items()} | own

    def needs(self, name: str) -> str:
        """Return the requirement that a test corpus must meet for a requested metric; "" for most metrics.

        Raises
        ------
        TypeError, ValueError
            If `name` is not the name of a requested metric.
        """
        if checked_text("name", name) not in self.manifest["metrics"]:
            raise unknown_name("requested metric", name, self.manifest["metrics"])
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
        """Load a tokenizer of the comparison.

        Parameters
        ----------
        name : str
            Name of the tokenizer.

        Returns
        -------
        Tokenizer
            Tokenizer that was measured.

        Raises
        ------
        KeyError
            If no tokenizer has this name. The error lists the known names.
        OSError, ExperimentError
            If the file of the tokenizer is missing, or was changed since it was measured.
        """
        if checked_text("name", name) not in self.tokenizers:
            raise KeyError(str(unknown_name("tokenizer", name, self.tokenizers)))
        sha256 = self.manifest["tokenizers"][name]["sha256"]
        path = os.path.join(self.folder, TOKENIZERS, f"{name}.json")
        return open_tokenizer(path, sha256, self.allow_import)

    def to_pandas(self) -> Any:
        """Return the rows as a ``pandas.DataFrame``, with "value", "low" and "high" as float64.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pd = import_pandas()
        frame = pd.DataFrame(self.rows, columns=list(COLUMNS))
        return frame.astype(dict.fromkeys(NUMBERS, "float64"))

    def to_arrow(self) -> Any:
        """Return the rows as a ``pyarrow.Table``.

        Raises
        ------
        ImportError
            If pyarrow is not installed.
        """
        try:
            import pyarrow as pa
        except ImportError as error:
            raise ImportError("to_arrow needs pyarrow; install it with: pip install pyarrow") from error
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
    """Read and check the manifest in a folder; raise the errors of `Results.load`."""
    path = os.path.join(folder, MANIFEST)
    if os.path.isdir(folder) and not os.path.exists(path):
        if os.path.exists(os.path.join(folder, CELLS, LOCK)):
            raise ExperimentError("the comparison has not finished; run it again to continue it", folder)
        raise ExperimentError(f"not a folder of results: {MANIFEST} is missing", folder)
    with open(path, "rb") as file:
        data = file.read()
    try:
        manifest: dict[str, Any] = json.loads(data)
        found = (manifest["format"], manifest["version"])
        manifest.setdefault("own_metrics", {})  # missing in early manifests
    except (ValueError, KeyError, TypeError) as error:
        raise ExperimentError(f"not the manifest of a comparison ({error})", path) from None
    if found != (FORMAT, VERSION):
        message = f"cannot read {found[0]} version {found[1]}; this fasttok reads {FORMAT} version {VERSION}"
        raise ExperimentError(message, path)
    for keys, kind in SHAPE.items():
        if not all(isinstance(value, kind) for value in _find(manifest, keys.split("."))):
            raise ExperimentError(f"{keys} is missing or is not of type {kind.__name__}", path)
    return manifest


def read_listed(folder: str, name: str, manifest: Mapping[str, Any]) -> bytes:
    """Read a file that the manifest lists; raise the errors of `Results.load`."""
    return read_unchanged(os.path.join(folder, name), manifest["files"].get(name))


def read_unchanged(path: str, sha256: str | None) -> bytes:
    """Read a file and check its SHA-256.

    Raises
    ------
    ExperimentError
        If the SHA-256 differs.
    """
    with open(path, "rb") as file:
        data = file.read()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise _changed(path)
    return data


def _changed(path: str) -> ExperimentError:
    return ExperimentError("the file was changed or belongs to another run: its SHA-256 differs", path)


def open_tokenizer(path: str, sha256: str, allow_import: Sequence[str], **options: Any) -> Tokenizer:
    """Load a tokenizer from a file or folder; raise an `ExperimentError` if its SHA-256 differs."""
    if fingerprint_tokenizer(path) != sha256:
        raise _changed(path)
    return load(path, allow_import=allow_import, **options)


def write_rows(folder: str, name: str, rows: Iterable[Mapping[str, Any]]) -> str:
    """Write rows as JSON, one per line, atomically; return the SHA-256 of the file."""
    data = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows).encode()
    with atomic_write(os.path.join(folder, name)) as file:
        file.write(data)
    return hashlib.sha256(data).hexdigest()


def _find(value: Any, keys: list[str]) -> list[Any]:
    """Return the values at the keys; None for missing values."""
    if not keys or not isinstance(value, dict):
        return [None if keys else value]
    inner = value.values() if keys[0] == "*" else [value.get(keys[0])]
    return [found for item in inner for found in _find(item, keys[1:])]
