"""`compare`: count once, train everything, measure everything, and leave it all in a folder."""

from __future__ import annotations

import errno
import json
import os
import shlex
import sys
from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from fasttok.counts.count import count_pretokens
from fasttok.counts.table import PretokenCounts
from fasttok.evaluation.encoded import encode
from fasttok.evaluation.measure import measure
from fasttok.evaluation.sample import TestCorpus
from fasttok.experiment.cells import Cells, Inputs, describe_machine, environment
from fasttok.experiment.corpora import (
    fingerprint_file,
    fingerprint_test,
    fingerprint_text,
    open_corpus,
    read_test_corpus,
)
from fasttok.experiment.costs import Cost, measure_cost
from fasttok.experiment.curves import collect
from fasttok.experiment.results import (
    CELLS,
    CURVES,
    FAILURES,
    FORMAT,
    IDENTITY,
    MANIFEST,
    METRICS,
    SPECIFICATION,
    TIMINGS,
    TOKENIZERS,
    VERSION,
    Results,
    write_rows,
)
from fasttok.experiment.spec import SPEED, Experiment
from fasttok.experiment.tokenizers import Loading, Training
from fasttok.formats.load import load
from fasttok.parallel import resolve_workers
from fasttok.progress import announce
from fasttok.ragged import Ragged
from fasttok.saving import atomic_write
from fasttok.text.readers import PathLike
from fasttok.tokenizer import Tokenizer
from fasttok.training import train

Work = Callable[[], dict[str, Any]]
STATES = ("cold", "warm")  # the first time, which may have to compile and to fill caches, and again
RELATIVE = "nsl"  # the metric that takes a second tokenizer
TRAIN = ("corpus", "train")


def compare(
    experiment: Experiment | PathLike,
    output: PathLike,
    *,
    workers: int | None = None,
    progress: bool = False,
) -> Results:
    """Run an experiment: count once, train everything, measure everything.

    Parameters
    ----------
    experiment : Experiment or path
        What to compare; a path is that of an experiment.toml.
    output : path
        The folder for the results, see `Results`; made if it is not there. In one that an earlier run of the
        experiment has left, also one that was interrupted, only what is not there yet is worked out.
    workers : int, optional
        Threads; by default one a processor. The results do not depend on it.
    progress : bool
        Say on the standard error stream what is done, with bars.

    Returns
    -------
    Results
        A tokenizer that cannot be loaded or trained, or that fails on a test corpus, stands in its
        ``failures``; the others are not affected.

    Raises
    ------
    ExperimentError
        If something in the experiment is wrong; says on which line. Nothing has been run then, but for the
        counting that shows that there is no text in a language.
    CorpusError, OSError
        If text cannot be read, or results not be written; say, if the disk is full. With room again, the
        same call continues.

    Examples
    --------
    >>> import tempfile, fasttok as ft
    >>> experiment = ft.Experiment.from_toml('''
    ...     name = "characters or bytes"
    ...     [corpus.train]
    ...     python = { sample = "python" }
    ...     [corpus.test]
    ...     python = { sample = "python" }
    ...     [[tokenizer]]
    ...     model = ["character", "byte"]
    ...     [metrics]
    ...     use = "compression"
    ...     words = "whitespace"
    ... ''')
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     results = ft.compare(experiment, folder)
    >>> {row["tokenizer"]: row["value"] for row in results.rows if row["metric"] == "bytes_per_token"}["byte"]
    1.0
    """
    if not isinstance(experiment, Experiment):
        experiment = Experiment.load(experiment)
    run = Run(experiment, os.fspath(output), resolve_workers(workers), progress)
    run.prepare()
    run.train()
    run.measure()
    run.finish()
    return Results.load(run.folder)


class Run:
    """One run of an experiment, from the text to the manifest; its methods are called in their order.

    Parameters
    ----------
    experiment : Experiment
        What to do.
    folder : str
        Where results go.
    workers : int
        Threads.
    progress : bool
        Show what is done.
    """

    def __init__(self, experiment: Experiment, folder: str, workers: int, progress: bool) -> None:
        self.folder = folder
        self._experiment = experiment
        self._workers = workers
        self._progress = progress
        self._cells = Cells(os.path.join(folder, CELLS))
        self._corpora: dict[str, TestCorpus] = {}
        self._fingerprints: dict[str, dict[str, str]] = {}  # of text, by what it is for and its name
        self._made: dict[str, dict[str, Any]] = {}  # what is known of each tokenizer that there is
        self._rows: list[dict[str, Any]] = []
        self._curves: list[dict[str, Any]] = []
        self._failures: list[dict[str, Any]] = []
        self._timings: list[dict[str, Any]] = []
        self._n_done = 0

    def prepare(self) -> None:
        """Read what is measured on, and take the folder."""
        experiment = self._experiment
        self._corpora = {text.name: read_test_corpus(experiment, text) for text in experiment.test}
        self._fingerprints = {
            "train": {part.language: fingerprint_text(part.text) for part in experiment.training},
            "test": {text.name: fingerprint_test(text, experiment.words) for text in experiment.test},
        }
        path = os.path.join(self.folder, SPECIFICATION)
        if os.path.isdir(self.folder) and os.listdir(self.folder) and not os.path.exists(path):
            raise FileExistsError(errno.EEXIST, "the folder holds something else already", self.folder)
        for name in (TOKENIZERS, CELLS):
            os.makedirs(os.path.join(self.folder, name), exist_ok=True)
        with atomic_write(path) as file:
            file.write(experiment.file.text.encode())
        Path(self.folder, MANIFEST).unlink(missing_ok=True)  # it comes last, when all else is there

    # Tokenizers

    def train(self) -> None:
        """Count for every recipe there is, then make the tokenizers."""
        tokenizers = self._experiment.tokenizers
        trainings = [tokenizer for tokenizer in tokenizers if isinstance(tokenizer, Training)]
        counts = {recipe: self._count(recipe) for recipe in dict.fromkeys(map(_recipe, trainings))}
        for tokenizer in tokenizers:
            if isinstance(tokenizer, Training):
                self._train(tokenizer, counts[_recipe(tokenizer)])
            else:
                self._load(tokenizer)

    def _count(self, recipe: str) -> PretokenCounts:
        """The training corpus as a recipe counts it: its languages, each with its weight."""
        pretokenizer, normalizer = json.loads(recipe)
        parts: list[tuple[PretokenCounts, int | float]] = []
        for part in self._experiment.training:
            inputs = {"counts": self._fingerprints["train"][part.language], "recipe": recipe}
            path = self._cells.path(inputs, ".npz")
            kept = self._cells.find(inputs)
            if kept is None or not os.path.exists(path):
                announce(f"counting {part.language}", self._progress)
                count = partial(count_pretokens, workers=self._workers, progress=self._progress)
                counts, cost = measure_cost(partial(count, open_corpus(part.text), pretokenizer, normalizer))
                if len(counts) == 0:
                    files = ", ".join(part.text.files)
                    raise self._experiment.error(f"there is no text in {files}", *TRAIN, part.language)
                counts.save(path)
                kept = {"timings": [self._timing("count", "", part.language, "cold", cost, _size(counts))]}
                self._cells.keep(inputs, kept)
            else:
                counts = PretokenCounts.load(path)
            self._timings += kept["timings"]
            parts.append((counts, part.weight))
        return PretokenCounts.mix(parts)

    def _train(self, training: Training, counts: PretokenCounts) -> None:
        name, n_bytes = training.name, _size(counts)
        states = STATES if SPEED in self._experiment.metrics else STATES[:1]

        def work() -> dict[str, Any]:
            timings = []
            for state in states:
                tok, cost = measure_cost(
                    partial(
                        train,
                        counts,
                        training.model,
                        workers=self._workers,
                        progress=self._progress,
                        **training.options,
                    )
                )
                timings.append(self._timing("train", name, "", state, cost, n_bytes))
            return self._save(tok, name) | {"timings": timings}

        inputs = {
            "train": name,
            "model": training.model,
            "options": training.options,
            "counts": counts.fingerprint(),
            "times": len(states),
        }
        self._make(f"training {name}", name, inputs, work)

    def _load(self, loading: Loading) -> None:
        name = loading.name

        def work() -> dict[str, Any]:
            try:
                tok = load(loading.file, **loading.options)
            except TypeError as error:  # its options do not go with a file of its kind
                raise ValueError(str(error)) from error
            return self._save(tok, name) | {"timings": []}

        inputs = {"load": name, "options": loading.options, "file": fingerprint_file(loading.file)}
        self._make(f"loading {name}", name, inputs, work)

    def _make(self, task: str, name: str, inputs: Inputs, work: Work) -> None:
        """Make a tokenizer, unless it lies there already."""
        kept, path = self._cells.find(inputs), self._path(name)
        if kept and not (os.path.exists(path) and fingerprint_file(path) == kept["tokenizer"]["sha256"]):
            kept = None
        result = self._attempt(task, name, "", inputs, kept, work)
        if "tokenizer" in result:
            self._made[name] = {**result["tokenizer"], "inputs": inputs}

    def _save(self, tok: Tokenizer, name: str) -> dict[str, Any]:
        tok.save(self._path(name))
        facts = {
            "model": tok.model.kind,
            "vocab_size": tok.vocab_size,
            "pretokenizer": tok.pretokenizer.config(),
            "normalizer": None if tok.normalizer is None else tok.normalizer.config(),
            "is_lossless": tok.is_lossless,
            "sha256": fingerprint_file(self._path(name)),
        }
        return {"tokenizer": facts}

    # Measuring

    def measure(self) -> None:
        """Measure every tokenizer on every test corpus; the baseline first, as the others need it."""
        baseline = self._experiment.baseline
        for name in sorted(self._made, key=lambda name: name != baseline):
            for corpus in self._corpora.values():
                self._measure(name, corpus)

    def _measure(self, name: str, corpus: TestCorpus) -> None:
        experiment, baseline = self._experiment, self._experiment.baseline
        metrics = [metric for metric in experiment.metrics if metric not in (SPEED, RELATIVE)]
        is_relative = RELATIVE in experiment.metrics and not self._has_failed(baseline, corpus.name)

        def work() -> dict[str, Any]:
            tok = load(self._path(name))
            options: Any = {"seed": experiment.seed, "workers": self._workers}
            rows = measure({name: tok}, corpus, metrics, **options)
            if is_relative:
                both = {name: tok, baseline: self._baseline}
                found = measure(both, corpus, [RELATIVE], baseline_tokenizer=baseline, **options)
                rows += [row for row in found if row["tokenizer"] == name]
            timings = self._time_coding(name, corpus) if SPEED in experiment.metrics else []
            encoded = {
                language: encode(tok, documents, workers=self._workers)
                for language, documents in corpus.documents.items()
            }
            return {"rows": rows, "timings": timings, "curve": collect(name, corpus, encoded)}

        inputs = {
            "measure": name,
            "sha256": self._made[name]["sha256"],
            "corpus": self._fingerprints["test"][corpus.name],
            "metrics": list(experiment.metrics),
            "baseline": [baseline, self._made[baseline]["sha256"]] if is_relative else None,
            "seed": experiment.seed,
        }
        kept = self._cells.find(inputs)
        task = f"measuring {name} on {corpus.name}"
        result = self._attempt(task, name, corpus.name, inputs, kept, work)
        if result:
            self._rows += result["rows"]
            self._curves.append(result["curve"])

    @cached_property
    def _baseline(self) -> Tokenizer:
        return load(self._path(self._experiment.baseline))

    def _time_coding(self, name: str, corpus: TestCorpus) -> list[dict[str, Any]]:
        """Encode and decode all text twice: with empty caches, and with what is in them then."""
        tok = load(self._path(name))
        texts = [text for language in corpus.languages for text in corpus.documents[language].to_bytes()]
        n_bytes = sum(map(len, texts))
        timings = []
        for state in STATES:
            ids, encoding = measure_cost(lambda: tok.encode_batch(texts, workers=self._workers))
            _, decoding = measure_cost(partial(_decode, tok, ids))
            for stage, cost in (("encode", encoding), ("decode", decoding)):
                timings.append(self._timing(stage, name, corpus.name, state, cost, n_bytes))
        return timings

    def _has_failed(self, name: str, corpus: str) -> bool:
        return any(row["tokenizer"] == name and row["corpus"] in ("", corpus) for row in self._failures)

    # What both have in common

    def _attempt(
        self, task: str, name: str, corpus: str, inputs: Inputs, kept: Any, work: Work
    ) -> dict[str, Any]:
        """What was kept, or what the work gives, which is kept from now on unless it is a failure."""
        self._n_done += 1
        result: dict[str, Any] = kept
        if kept is None:
            n_tasks = len(self._experiment.tokenizers) * (1 + len(self._corpora))
            announce(f"{self._n_done} of {n_tasks}: {task}", self._progress)
            try:
                result = work()
            except ValueError as error:
                message = str(error).replace(os.path.join(self._experiment.folder, ""), "")
                failure = {
                    "tokenizer": name,
                    "corpus": corpus,
                    "error": type(error).__name__,
                    "message": message,
                }
                self._failures.append(failure)
                return {}
            self._cells.keep(inputs, result)
        self._timings += result["timings"]
        return result

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, TOKENIZERS, f"{name}.json")

    def _timing(
        self, stage: str, tokenizer: str, corpus: str, state: str, cost: Cost, n_bytes: int
    ) -> dict[str, Any]:
        return {
            "stage": stage,
            "tokenizer": tokenizer,
            "corpus": corpus,
            "state": state,
            "workers": self._workers,
            "seconds": cost.seconds,
            "memory": cost.memory,
            "n_bytes": n_bytes,
        }

    # The end

    def finish(self) -> None:
        """Write what was found; the manifest comes last, and without it there are no results."""
        order = [tokenizer.name for tokenizer in self._experiment.tokenizers]
        files = {
            METRICS: sorted(self._rows, key=lambda row: [row[column] for column in IDENTITY]),
            CURVES: sorted(self._curves, key=lambda row: [row[column] for column in IDENTITY[:2]]),
            FAILURES: sorted(self._failures, key=lambda row: (order.index(row["tokenizer"]), row["corpus"])),
            TIMINGS: self._timings,
        }
        digests = {name: write_rows(self.folder, name, rows) for name, rows in files.items()}
        experiment = self._experiment
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "name": experiment.name,
            "seed": experiment.seed,
            "metrics": experiment.metrics,
            "words": experiment.words,
            "baseline": experiment.baseline,
            "corpora": self._fingerprints,
            "languages": {name: corpus.languages for name, corpus in self._corpora.items()},
            "tokenizers": {name: self._made[name] for name in order if name in self._made},
            "files": digests,
            "versions": environment(),
            "machine": describe_machine(),
            "workers": self._workers,
            "folder": os.path.relpath(experiment.folder or ".", self.folder),
            "command": shlex.join(sys.argv),
        }
        with atomic_write(os.path.join(self.folder, MANIFEST)) as file:
            file.write((json.dumps(manifest, indent=1) + "\n").encode())


def _recipe(training: Training) -> str:
    return json.dumps([training.pretokenizer, training.normalizer], sort_keys=True)


def _decode(tok: Tokenizer, rows: Ragged) -> None:
    for row in rows:
        tok.decode_bytes(row)


def _size(counts: PretokenCounts) -> int:
    """The bytes of all pretokens counted."""
    return int(counts.text.lengths @ counts.counts)
