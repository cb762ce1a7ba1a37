"""Counts of the training text, one per recipe: a pair of pretokenizer and normalizer."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import numpy as np

from fasttok.core.progress import announce
from fasttok.counts.count import count_pretokens
from fasttok.counts.table import PretokenCounts
from fasttok.experiment.run.cells import Cells
from fasttok.experiment.run.corpora import open_corpus
from fasttok.experiment.run.costs import describe_cost, measure_cost
from fasttok.experiment.run.failures import Failure, attempt
from fasttok.experiment.spec.spec import Experiment
from fasttok.experiment.spec.texts import TrainingText
from fasttok.experiment.spec.tokenizers import Training

TRAIN = ("corpus", "train")  # keys of the training text in experiment.toml
COUNTS = ".npz"  # suffix of the file with the counts of a cell


class Counting:
    """Counter of the training text of an experiment.

    Parameters
    ----------
    experiment : Experiment
        Experiment to run.
    fingerprints : dict of str to str
        Fingerprint of the text of each language.
    cells : Cells
        Cache for the counts.
    workers : int
        Number of threads.
    progress : bool
        Whether to show progress.

    Attributes
    ----------
    timings : list of dict
        Rows of the timings of `Results`.
    """

    def __init__(
        self, experiment: Experiment, fingerprints: dict[str, str], cells: Cells, workers: int, progress: bool
    ) -> None:
        self.timings: list[dict[str, Any]] = []
        self._experiment = experiment
        self._fingerprints = fingerprints
        self._cells = cells
        self._workers = workers
        self._progress = progress

    def count(self) -> dict[str, PretokenCounts | Failure]:
        """Return the counts by recipe.

        Raises
        ------
        ExperimentError
            If a language has no text, or if a weight makes a count too large or all counts 0.
        CorpusError, OSError
            If text cannot be read.
        """
        trainings = [one for one in self._experiment.tokenizers if isinstance(one, Training)]
        recipes = dict.fromkeys(map(recipe_of, trainings))
        return {recipe: attempt(partial(self._count, recipe)) for recipe in recipes}

    def _count(self, recipe: str) -> PretokenCounts:
        """Return the counts of all languages, multiplied by their weights and added."""
        training = self._experiment.training
        counted = [(self._count_part(part, recipe), part.weight) for part in training]
        weight = (*TRAIN, max(training, key=lambda part: part.weight).language, "weight")
        try:
            counts = PretokenCounts.mix(counted)
        except OverflowError as error:
            raise self._experiment.error(f"too large: {error}", *weight) from None
        if len(counts) == 0:
            raise self._experiment.error(
                "too small: all counts, multiplied by their weights, round to 0", *weight
            )
        return counts

    def _count_part(self, part: TrainingText, recipe: str) -> PretokenCounts:
        """Return the counts of one language, from the cache if it contains them."""
        language = part.language
        inputs = {"counts": self._fingerprints[language], "language": language, "recipe": recipe}
        path = self._cells.path(inputs, COUNTS)
        kept = self._cells.find(inputs, COUNTS)
        if kept is not None:
            self.timings += kept["timings"]
            return PretokenCounts.load(path)
        announce(f"counting {language}", self._progress)
        options: dict[str, Any] = {"workers": self._workers, "progress": self._progress}
        work = partial(count_pretokens, open_corpus(part.text), *json.loads(recipe), **options)
        counts, cost = measure_cost(work)
        if len(counts) == 0:
            if not any(open_corpus(part.text)):
                files = ", ".join(part.text.files)
                raise self._experiment.error(f"no text in {files}", *TRAIN, language)
            raise ValueError(
                f"no pretokens in corpus.train.{language}: normalizer and pretokenizer discard all text"
            )
        counts.save(path)
        timing = describe_cost(cost, "count", "", language, "cold", size_of(counts), self._workers)
        self._cells.keep(inputs, {"timings": [timing]}, COUNTS)
        self.timings.append(timing)
        return counts


def recipe_of(training: Training) -> str:
    """Return the recipe of a tokenizer, its pretokenizer and normalizer, as JSON."""
    return json.dumps([training.pretokenizer, training.normalizer], sort_keys=True)


def size_of(counts: PretokenCounts) -> int:
    """Return the number of bytes of all pretokens, including repeated ones; approximate above 2^53."""
    return int(counts.text.lengths.astype(np.float64) @ counts.counts)
