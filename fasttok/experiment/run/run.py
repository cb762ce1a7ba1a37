"""`compare`: count text, train tokenizers, measure them, and write the results to a folder."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_flag, checked_names, checked_path
from fasttok.core.parallel import resolve_workers
from fasttok.core.progress import announce
from fasttok.core.saving import atomic_write
from fasttok.core.versions import describe_machine
from fasttok.corpus.files import PathLike
from fasttok.counts.table import PretokenCounts
from fasttok.evaluation.encoded import Encoded, encode
from fasttok.evaluation.measure import score
from fasttok.evaluation.metrics.registry import SPEED
from fasttok.evaluation.sample import TestCorpus
from fasttok.experiment.run.cells import Cells, Inputs, environment, fingerprint_modules
from fasttok.experiment.run.corpora import (
    fingerprint_file,
    fingerprint_test,
    fingerprint_text,
    fingerprint_tokenizer,
    read_test_corpus,
)
from fasttok.experiment.run.costs import STATES, describe_cost, measure_cost, time_coding
from fasttok.experiment.run.counting import Counting, recipe_of, size_of
from fasttok.experiment.run.curves import collect, share_unknown
from fasttok.experiment.run.failures import Failure, attempt
from fasttok.experiment.run.folder import check_folder, lock_folder, remove_results
from fasttok.experiment.run.results import (
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
    open_tokenizer,
    read_unchanged,
    write_rows,
)
from fasttok.experiment.spec.spec import Experiment
from fasttok.experiment.spec.tokenizers import Loading, Training
from fasttok.tokenizer.tokenizer import Tokenizer
from fasttok.tokenizer.train import train

Work = Callable[[], dict[str, Any]]
BASELINE_TOTAL = "baseline_tokens"  # name of the total that needs the baseline tokenizer
TOKENIZER_SUFFIX = ".tokenizer"  # suffix of the file with the tokenizer of a cell


def compare(
    experiment: Experiment | PathLike,
    output: PathLike,
    *,
    workers: int | None = None,
    progress: bool = False,
    allow_import: Sequence[str] = (),
) -> Results:
    """Run an experiment: count the text, train the tokenizers and measure them.

    Parameters
    ----------
    experiment : Experiment or path
        Experiment to run, or path of an experiment.toml.
    output : path
        Folder for the results; see `Results`. It is created if it does not exist. If it contains results of
        an earlier or interrupted run of the experiment, only missing steps are computed.
    workers : int, optional
        Number of threads; default: all CPUs. The results do not depend on it.
    progress : bool
        Whether to show progress on standard error.
    allow_import : sequence of str
        Packages that may be imported if the file names metrics or components by import path; see
        `Experiment.load`. Ignored if `experiment` is an `Experiment`, which has its own `allow_import`.

    Returns
    -------
    Results
        Rows, timings and tokenizers. Tokenizers that cannot be loaded or trained, or that fail on a test
        corpus, are listed in ``failures`` and do not affect the others.

    Raises
    ------
    ExperimentError
        If the experiment is not valid. The error gives the line. Results of an earlier run stay unchanged.
        Most errors are found before any work; only languages without text and unsuitable weights are found
        when the text is counted.
    CorpusError, OSError
        If text cannot be read or results cannot be written: for example, the disk is full, another run uses
        the folder, or the folder contains files that are not results. After a full disk, call `compare` again
        to continue.

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
    folder = checked_path("output", output)
    checked_flag("progress", progress)
    n_workers = resolve_workers(workers)
    packages = checked_names("allow_import", allow_import)
    if not isinstance(experiment, Experiment):
        experiment = Experiment.load(checked_path("experiment", experiment), allow_import=packages)
    run = Run(experiment, folder, n_workers, progress)
    check_folder(run.folder, experiment)
    run.read()
    with lock_folder(run.folder):
        run.count()
        run.begin()
        run.train()
        run.measure()
        run.finish()
        return Results.load(run.folder, allow_import=run.allow_import)


class Run:
    """One run of an experiment. The public methods are called in the order of their definition.

    Parameters
    ----------
    experiment : Experiment
        Experiment to run.
    folder : str
        Folder for the results.
    workers : int
        Number of threads.
    progress : bool
        Whether to show progress.
    """

    def __init__(self, experiment: Experiment, folder: str, workers: int, progress: bool) -> None:
        self.folder = folder
        self._experiment = experiment
        self._workers = workers
        self._progress = progress
        self.allow_import = (*experiment.allow_import, *experiment.modules)
        self._code = fingerprint_modules(experiment.modules)
        self._cells = Cells(os.path.join(folder, CELLS), self._code)
        self._corpora: dict[str, TestCorpus] = {}
        self._fingerprints: dict[str, dict[str, str]] = {}  # of text, by "train" or "test" and name
        self._counts: dict[str, PretokenCounts | Failure] = {}  # by recipe
        self._made: dict[str, dict[str, Any]] = {}  # properties of each tokenizer that did not fail
        self._rows: list[dict[str, Any]] = []
        self._curves: list[dict[str, Any]] = []
        self._failures: list[dict[str, Any]] = []
        self._timings: list[dict[str, Any]] = []
        self._baseline_lengths: dict[str, dict[str, NDArray[np.int64]]] = {}  # by corpus and language
        self._n_done = 0

    def read(self) -> None:
        """Read the test corpora, and compute the fingerprints of all text."""
        experiment = self._experiment
        self._corpora = {text.name: read_test_corpus(experiment, text) for text in experiment.test}
        self._fingerprints = {
            "train": {part.language: fingerprint_text(part.text) for part in experiment.training},
            "test": {text.name: fingerprint_test(text, experiment.words) for text in experiment.test},
        }

    def count(self) -> None:
        """Count the training text."""
        counting = Counting(
            self._experiment, self._fingerprints["train"], self._cells, self._workers, self._progress
        )
        self._counts = counting.count()
        self._timings += counting.timings

    def begin(self) -> None:
        """Remove the results of an earlier run, and write the specification."""
        remove_results(self.folder)
        with atomic_write(os.path.join(self.folder, SPECIFICATION)) as file:
            file.write(self._experiment.file.text.encode())

    # Tokenizers

    def train(self) -> None:
        """Train or load the tokenizers."""
        for tokenizer in self._experiment.tokenizers:
            if isinstance(tokenizer, Loading):
                self._load(tokenizer)
                continue
            counts = self._counts[recipe_of(tokenizer)]
            if isinstance(counts, Failure):
                self._fail(tokenizer.name, "", counts)
            else:
                self._train(tokenizer, counts)

    def _train(self, training: Training, counts: PretokenCounts) -> None:
        name, n_bytes = training.name, size_of(counts)
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
                timings.append(describe_cost(cost, "train", name, "", state, n_bytes, self._workers))
            return self._save(tok, inputs) | {"timings": timings}

        inputs: Inputs = {
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
                tok = open_tokenizer(loading.file, inputs["file"], self.allow_import, **loading.options)
            except TypeError as error:  # the format does not accept these options
                raise ValueError(str(error)) from error
            return self._save(tok, inputs) | {"timings": []}

        inputs: Inputs = {
            "load": name,
            "options": loading.options,
            "file": fingerprint_tokenizer(loading.file),
        }
        self._make(f"loading {name}", name, inputs, work)

    def _make(self, task: str, name: str, inputs: Inputs, work: Work) -> None:
        """Train or load a tokenizer, unless it is in the cache."""
        result = self._attempt(task, name, "", inputs, work, TOKENIZER_SUFFIX)
        if result is not None:
            self._made[name] = {**result["tokenizer"], "inputs": inputs}

    def _save(self, tok: Tokenizer, inputs: Inputs) -> dict[str, Any]:
        path = self._cells.path(inputs, TOKENIZER_SUFFIX)
        tok.save(path, format="fasttok")
        facts = {
            "model": tok.model.kind,
            "vocab_size": tok.vocab_size,
            "pretokenizer": tok.pretokenizer.config(),
            "normalizer": None if tok.normalizer is None else tok.normalizer.config(),
            "is_lossless": tok.is_lossless,
            "sha256": fingerprint_file(path),
        }
        return {"tokenizer": facts}

    def _open(self, name: str) -> Tokenizer:
        made = self._made[name]
        return open_tokenizer(
            self._cells.path(made["inputs"], TOKENIZER_SUFFIX), made["sha256"], self.allow_import
        )

    # Measuring

    def measure(self) -> None:
        """Measure every tokenizer on every test corpus; first the baseline, whose counts the others need."""
        baseline = self._experiment.baseline
        for name in sorted(self._made, key=lambda name: name != baseline):
            for corpus in self._corpora.values():
                self._measure(name, corpus)

    def _measure(self, name: str, corpus: TestCorpus) -> None:
        experiment, baseline = self._experiment, self._experiment.baseline
        metrics = experiment.measured
        is_relative = any(BASELINE_TOTAL in metric.totals for metric in metrics)
        if is_relative and self._has_failed(baseline, corpus.name):
            is_relative, metrics = (
                False,
                [metric for metric in metrics if BASELINE_TOTAL not in metric.totals],
            )

        def work() -> dict[str, Any]:
            tok = self._open(name)
            encoded: dict[str, Encoded] = {}
            unknown: dict[str, float] = {}  # share of the bytes of each language in unknown tokens

            def keep(language: str, found: Encoded) -> None:
                if share := share_unknown(found):
                    unknown[language] = share
                encoded[language] = Encoded(tok, found.documents, found.ids)  # drops cached spans

            rows = score(
                {name: tok},
                corpus,
                metrics,
                seed=experiment.seed,
                baseline=name if name == baseline else self._find_lengths(corpus) if is_relative else None,
                workers=self._workers,
                visit=keep,
            )
            if name == baseline:
                self._baseline_lengths[corpus.name] = _lengths_of(encoded)
            timings = []
            if SPEED in experiment.metrics:
                timings = time_coding(self._open(name), name, corpus, self._workers)
            curve = collect(name, corpus, encoded) | {"unknown_bytes": unknown}
            return {"rows": rows, "timings": timings, "curve": curve}

        inputs = {
            "measure": name,
            "sha256": self._made[name]["sha256"],
            "corpus": self._fingerprints["test"][corpus.name],
            "metrics": list(experiment.metrics),
            "baseline": [baseline, self._made[baseline]["sha256"]] if is_relative else None,
            "seed": experiment.seed,
        }
        result = self._attempt(f"measuring {name} on {corpus.name}", name, corpus.name, inputs, work)
        if result is not None:
            self._rows += result["rows"]
            self._curves.append(result["curve"])

    def _find_lengths(self, corpus: TestCorpus) -> dict[str, NDArray[np.int64]]:
        """Return the number of tokens per document of the baseline tokenizer.

        The text is encoded again if the rows of the baseline came from the cache.
        """
        if corpus.name not in self._baseline_lengths:
            tok = self._open(self._experiment.baseline)
            self._baseline_lengths[corpus.name] = _lengths_of(
                {
                    language: encode(tok, documents, workers=self._workers)
                    for language, documents in corpus.documents.items()
                }
            )
        return self._baseline_lengths[corpus.name]

    def _has_failed(self, name: str, corpus: str) -> bool:
        return any(row["tokenizer"] == name and row["corpus"] in ("", corpus) for row in self._failures)

    # Cache and failures

    def _attempt(
        self, task: str, name: str, corpus: str, inputs: Inputs, work: Work, suffix: str = ""
    ) -> dict[str, Any] | None:
        """Return the cached result, or call `work` and cache its result; None if it fails."""
        self._n_done += 1
        n_tasks = len(self._experiment.tokenizers) * (1 + len(self._corpora))
        result: dict[str, Any] | None = self._cells.find(inputs, suffix)
        state = "" if result is None else " (cached)"
        announce(f"{self._n_done} of {n_tasks}: {task}{state}", self._progress)
        if result is None:
            found = attempt(work)
            if isinstance(found, Failure):
                self._fail(name, corpus, found)
                return None
            result = found
            self._cells.keep(inputs, result, suffix)
        self._timings += result["timings"]
        return result

    def _fail(self, name: str, corpus: str, failure: Failure) -> None:
        """Record a failure.

        The folder of a file is removed from the message, because it differs between machines.
        """
        message = failure.message
        for tokenizer in self._experiment.tokenizers:
            if (
                isinstance(tokenizer, Loading)
                and tokenizer.name == name
                and message.startswith(tokenizer.file)
            ):
                message = os.path.basename(tokenizer.file) + message.removeprefix(tokenizer.file)
        self._failures.append(
            {"tokenizer": name, "corpus": corpus, "error": failure.error, "message": message}
        )

    # Output

    def finish(self) -> None:
        """Write the results. The manifest is written last and marks them as complete."""
        experiment = self._experiment
        for name, made in self._made.items():
            data = read_unchanged(self._cells.path(made["inputs"], TOKENIZER_SUFFIX), made["sha256"])
            with atomic_write(os.path.join(self.folder, TOKENIZERS, f"{name}.json")) as file:
                file.write(data)
        order = [tokenizer.name for tokenizer in experiment.tokenizers]
        files = {
            METRICS: sorted(self._rows, key=lambda row: [row[column] for column in IDENTITY]),
            CURVES: sorted(self._curves, key=lambda row: [row[column] for column in IDENTITY[:2]]),
            FAILURES: sorted(self._failures, key=lambda row: (order.index(row["tokenizer"]), row["corpus"])),
            TIMINGS: self._timings,
        }
        digests = {name: write_rows(self.folder, name, rows) for name, rows in files.items()}
        digests[SPECIFICATION] = hashlib.sha256(experiment.file.text.encode()).hexdigest()
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "name": experiment.name,
            "seed": experiment.seed,
            "metrics": experiment.metrics,
            "own_metrics": {path: metric.describe() for path, metric in experiment.own_metrics.items()},
            "words": experiment.words,
            "baseline": experiment.baseline,
            "corpora": self._fingerprints,
            "languages": {name: corpus.languages for name, corpus in self._corpora.items()},
            "tokenizers": {name: self._made[name] for name in order if name in self._made},
            "files": digests,
            "versions": environment() | self._code,
            "machine": describe_machine(),
            "workers": self._workers,
            "folder": os.path.relpath(os.path.realpath(experiment.folder), os.path.realpath(self.folder)),
            "command": shlex.join(sys.argv),
        }
        with atomic_write(os.path.join(self.folder, MANIFEST)) as file:
            file.write((json.dumps(manifest, indent=1) + "\n").encode())


def _lengths_of(encoded: dict[str, Encoded]) -> dict[str, NDArray[np.int64]]:
    """Return the number of tokens of each document, by language."""
    return {language: part.ids.lengths for language, part in encoded.items()}
