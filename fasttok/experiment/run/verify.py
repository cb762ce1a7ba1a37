"""`verify`: run an experiment again, and see whether everybody gets the same numbers."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from fasttok.corpus.readers import PathLike
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

SHOWN = 60  # bytes on either side of where a line begins to differ


def verify(
    results: PathLike,
    *,
    folder: PathLike | None = None,
    workers: int | None = None,
    progress: bool = False,
    allow_import: Sequence[str] = (),
) -> list[str]:
    """Run the experiment of a folder of results again, from the beginning, and compare byte for byte.

    Tokenizers, ``metrics.jsonl``, ``curves.jsonl`` and ``failures.jsonl`` are compared. The results stay as
    they are; what was kept of the first run is not used.

    Parameters
    ----------
    results : path
        A folder that `compare` has left.
    folder : path, optional
        What relative paths in the experiment start from; by default the folder that they started from then,
        as seen from the results.
    workers : int, optional
        Number of threads; default: all CPUs.
    progress : bool
        Show what is done on the standard error stream.
    allow_import : sequence of str
        Packages that the experiment may import, if it names metrics or components by import path; see
        `Experiment.load`.

    Returns
    -------
    list of str
        What differs, in sentences: first which text and which versions do, then the files; empty if these are
        all the same.

    Raises
    ------
    OSError, ExperimentError
        If the results are not whole, or their experiment can no longer be run.
    """
    name = os.path.realpath(results)  # as the folder of the experiment is kept, seen from there
    then = read_manifest(name)
    read_listed(name, SPECIFICATION, then)
    start = os.path.join(name, then["folder"]) if folder is None else folder
    path = os.path.join(name, SPECIFICATION)
    experiment = Experiment.load(path, folder=start, allow_import=allow_import)
    with tempfile.TemporaryDirectory() as temporary:
        now = compare(experiment, temporary, workers=workers, progress=progress).manifest
        folders = (Path(name), Path(temporary))
        made = {f"{TOKENIZERS}/{tokenizer}.json" for tokenizer in (*then["tokenizers"], *now["tokenizers"])}
        lying = {f"{TOKENIZERS}/{path.name}" for path in Path(name, TOKENIZERS).glob("*.json")}
        files = [METRICS, CURVES, FAILURES, *sorted(made | lying)]
        found = [difference for file in files for difference in _compare(*folders, file)]
    return [*_find_causes(then, now), *found] if found else []


def _find_causes(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """What the manifests tell of why results differ."""
    for kind in ("train", "test"):
        for text, fingerprint in now["corpora"][kind].items():
            if fingerprint != then["corpora"][kind].get(text):
                yield f"the text of corpus.{kind}.{text} is not the same"
    for library, version in now["versions"].items():
        if version != then["versions"].get(library):
            yield f"{library} was {then['versions'].get(library)} and is {version}"


def _compare(then: Path, now: Path, file: str) -> list[str]:
    for folder, missing in ((then, "is not there"), (now, "is no longer made")):
        if not (folder / file).exists():
            return [f"{file} {missing}"]
    before, after = ((folder / file).read_bytes() for folder in (then, now))
    if before == after:
        return []
    pairs = zip_longest(before.split(b"\n"), after.split(b"\n"), fillvalue=b"")
    number, (old, new) = next((i, pair) for i, pair in enumerate(pairs, 1) if pair[0] != pair[1])
    place = next(i for i, (a, b) in enumerate(zip_longest(old, new)) if a != b)
    start = max(0, place - SHOWN)
    shown = [line[start:][: 2 * SHOWN].decode(errors="backslashreplace") for line in (old, new)]
    return [f"{file}, line {number}: was {shown[0]!r} and is {shown[1]!r}"]
