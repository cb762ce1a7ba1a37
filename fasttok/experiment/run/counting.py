"""Counts of the training text, one per recipe: pretokenizer, normalizer, and texts to split at."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import Any

from fasttok.core.progress import announce
from fasttok.core.ragged import total_length
from fasttok.counts.count import count_corpus, make_pipeline
from fasttok.counts.marks import warn_of_marks
from fasttok.counts.table import PretokenCounts
from fasttok.experiment.run.cells import Cells
from fasttok.experiment.run.corpora import open_corpus
from fasttok.experiment.run.costs import describe_cost, measure_cost
from fasttok.experiment.run.failures import Failure, attempt
from fasttok.experiment.spec.spec import Experiment
from fasttok.experiment.spec.texts import TrainingText
from fasttok.experiment.spec.tokenizers import Training
from fasttok.text.pretokenizers.registry import get_pretokenizer
from fasttok.tokenizer.train import find_trainer

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
        self._recipes: list[str] = []
        self._timed: set[str] = set()  # paths of the counts whose time is in `timings`

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
        self._recipes = list(dict.fromkeys(map(recipe_of, trainings)))
        return {recipe: attempt(partial(self._count, recipe)) for recipe in self._recipes}

    def _count(self, recipe: str) -> PretokenCounts:
        """Return the counts of all languages, multiplied by their weights and added."""
        training = self._experiment.training
        counted = [(self._count_part(part, recipe), part.weight) for part in training]
        parts = {part.language: counts for part, (counts, _) in zip(training, counted, strict=True)}
        warn_of_marks(parts, get_pretokenizer(json.loads(recipe)[0]))
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
        """Return the counts of one language.

        Recipes that differ only in the texts to split at share the counts that are split at all of these
        texts, if the corpus does not contain the others.
        """
        *steps, splits = json.loads(recipe)
        every: set[str] = set()
        for *others, texts in map(json.loads, self._recipes):
            every.update(texts if others == steps else ())
        counts, found = self._count_splitting(part, json.dumps([*steps, sorted(every)], sort_keys=True))
        if not found.issubset(splits):
            return self._count_splitting(part, recipe)[0]
        own = tuple(text for text in counts.recipe.split_special if text in splits)
        return replace(counts, recipe=replace(counts.recipe, split_special=own))

    def _count_splitting(self, part: TrainingText, recipe: str) -> tuple[PretokenCounts, set[str]]:
        """Return the counts of one language, from the cache if it contains them, and the texts split at."""
        language = part.language
        inputs = {"counts": self._fingerprints[language], "language": language, "recipe": recipe}
        path = self._cells.path(inputs, COUNTS)
        kept = self._cells.find(inputs, COUNTS)
        if kept is not None:
            if path not in self._timed:
                self.timings += kept["timings"]
                self._timed.add(path)
            return PretokenCounts.load(path), set(kept["found"])
        announce(f"counting {language}", self._progress)
        found: set[str] = set()
        options: dict[str, Any] = {"workers": self._workers, "progress": self._progress, "found": found}
        pipeline = make_pipeline(*json.loads(recipe))
        work = partial(count_corpus, open_corpus(part.text), pipeline, **options)
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
        self._cells.keep(inputs, {"timings": [timing], "found": sorted(found)}, COUNTS)
        self.timings.append(timing)
        self._timed.add(path)
        return counts, found


def recipe_of(training: Training) -> str:
    """Return the recipe of a tokenizer as JSON: its pretokenizer, normalizer, and the texts to split at.

    The texts are those at which `fasttok.train` splits a corpus, so that the counts are the same.
    """
    splits = find_trainer(training.model)(**training.options).split_special
    return json.dumps([training.pretokenizer, training.normalizer, sorted(splits)], sort_keys=True)


def size_of(counts: PretokenCounts) -> int:
    """Return the number of bytes of all pretokens, including repeated ones; approximate above 2^53."""
    return int(total_length(counts.text.lengths, counts.counts))
