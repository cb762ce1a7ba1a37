"""`verify`: run an experiment again and compare the results byte for byte."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from fasttok.core.checks import checked_flag, checked_names, checked_path
from fasttok.core.parallel import resolve_workers
from fasttok.corpus.files import PathLike
from fasttok.experiment.run.results import (
    CURVES,
    FAILURES,
    METRICS,
    SPECIFICATION,
    TOKENIZERS,
    read_listed,
    read_manifest,
)
from fasttok.experiment.run.run import compare
from fasttok.experiment.spec.spec import Experiment

SHOWN = 60  # bytes to show before and after the first difference in a line


def verify(
    results: PathLike,
    *,
    folder: PathLike | None = None,
    workers: int | None = None,
    progress: bool = False,
    allow_import: Sequence[str] = (),
) -> list[str]:
    """Run the experiment of existing results again, and compare the new results byte for byte.

    Compares the tokenizers, ``metrics.jsonl``, ``curves.jsonl`` and ``failures.jsonl``. The existing results
    are not changed, and their cache is not used.

    Parameters
    ----------
    results : path
        Folder of results that `compare` has written.
    folder : path, optional
        Folder from which relative paths in the experiment start; default: the original folder, whose path
        relative to the results is in the manifest.
    workers : int, optional
        Number of threads; default: all CPUs.
    progress : bool
        Whether to show progress on standard error.
    allow_import : sequence of str
        Packages that may be imported if the experiment names metrics or components by import path; see
        `Experiment.load`.

    Returns
    -------
    list of str
        First one sentence per text or version that has changed, then one sentence per file that differs, with
        its first difference. Empty if all files are the same.

    Raises
    ------
    OSError, ExperimentError
        If the results are incomplete or damaged, or the experiment can no longer be run.

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
    ...     ft.verify(folder)
    []
    """
    checked_flag("progress", progress)
    resolve_workers(workers)
    allow_import = checked_names("allow_import", allow_import)
    # The manifest stores the folder of the experiment relative to this path.
    name = os.path.realpath(checked_path("results", results))
    then = read_manifest(name)
    read_listed(name, SPECIFICATION, then)
    start = os.path.join(name, then["folder"]) if folder is None else checked_path("folder", folder)
    path = os.path.join(name, SPECIFICATION)
    experiment = Experiment.load(path, folder=start, allow_import=allow_import)
    with tempfile.TemporaryDirectory() as temporary:
        now = compare(experiment, temporary, workers=workers, progress=progress).manifest
        folders = (Path(name), Path(temporary))
        made = {f"{TOKENIZERS}/{tokenizer}.json" for tokenizer in (*then["tokenizers"], *now["tokenizers"])}
        present = {f"{TOKENIZERS}/{path.name}" for path in Path(name, TOKENIZERS).glob("*.json")}
        files = [METRICS, CURVES, FAILURES, *sorted(made | present)]
        found = [difference for file in files for difference in _compare(*folders, file)]
    return [*_find_causes(then, now), *found] if found else []


def _find_causes(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield the possible causes of differences: text and versions that differ between the manifests."""
    for kind in ("train", "test"):
        for text, fingerprint in now["corpora"][kind].items():
            if fingerprint != then["corpora"][kind].get(text):
                yield f"the text of corpus.{kind}.{text} has changed"
    for library, version in now["versions"].items():
        if version != then["versions"].get(library):
            yield f"{library} was {then['versions'].get(library)} and is {version}"


def _compare(then: Path, now: Path, file: str) -> list[str]:
    """Return a sentence about the first difference in a file; an empty list if the file is the same."""
    for folder, missing in ((then, "is missing"), (now, "is not part of the new results")):
        if not (folder / file).exists():
            return [f"{file} {missing}"]
    before, after = ((folder / file).read_bytes() for folder in (then, now))
    if before == after:
        return []
    pairs = zip_longest(before.split(b"\n"), after.split(b"\n"), fillvalue=b"")
    number, (old, new) = next((i, pair) for i, pair in enumerate(pairs, 1) if pair[0] != pair[1])
    position = next(i for i, (a, b) in enumerate(zip_longest(old, new)) if a != b)
    start = max(0, position - SHOWN)
    shown = [line[start:][: 2 * SHOWN].decode(errors="backslashreplace") for line in (old, new)]
    return [f"{file}, line {number}: was {shown[0]!r} and is {shown[1]!r}"]
