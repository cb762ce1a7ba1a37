"""`Experiment`: what experiment.toml says, checked before anything runs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from fasttok.core.component import allowing_imports, find_import, is_import_path
from fasttok.core.errors import ExperimentError
from fasttok.corpus.readers import PathLike
from fasttok.evaluation.metric import Metric
from fasttok.evaluation.metrics.registry import METRICS, SPEED, find_metrics
from fasttok.evaluation.words import WORDS
from fasttok.experiment.spec.texts import TestText, TrainingText, read_test, read_training
from fasttok.experiment.spec.tokenizers import Loading, Training, read_tokenizers
from fasttok.experiment.spec.toml import Table, TomlFile, suggest


@dataclass(frozen=True)
class Experiment:
    """A comparison, specified: which text, which tokenizers, which metrics.

    Made by `load` or `from_toml`, which check all that can be known without reading the text.

    Attributes
    ----------
    name : str
        What it is called.
    seed : int
        What everything drawn by chance depends on.
    training : tuple of TrainingText
        What is trained on, a part a language.
    test : tuple of TestText
        What is measured on.
    tokenizers : tuple of Training and Loading
        What is compared, in order.
    metrics : tuple of str
        What is measured: names of groups, and import paths of metrics.
    own_metrics : dict of str to Metric
        The metrics by import path.
    words : str
        What a word is: "whitespace", "dzongkha" or "unicode".
    baseline : str
        The tokenizer that the lengths of others are divided by.
    folder : str
        What paths start from.
    allow_import : tuple of str
        The packages that the caller has allowed it to import.
    file : TomlFile
        The text that it was read from.

    Examples
    --------
    >>> import fasttok as ft
    >>> experiment = ft.Experiment.from_toml('''
    ...     name = "bytes or pieces"
    ...     [corpus.train]
    ...     python = { sample = "python" }
    ...     [corpus.test]
    ...     python = { sample = "python" }
    ...     [[tokenizer]]
    ...     model = ["bpe", "byte"]
    ...     vocab_size = [1000, 2000]
    ...     [metrics]
    ...     use = "compression"
    ...     words = "whitespace"
    ... ''')
    >>> [tokenizer.name for tokenizer in experiment.tokenizers]
    ['bpe-1000', 'bpe-2000', 'byte']
    """

    name: str
    seed: int
    training: tuple[TrainingText, ...]
    test: tuple[TestText, ...]
    tokenizers: tuple[Training | Loading, ...]
    metrics: tuple[str, ...]
    own_metrics: dict[str, Metric]
    words: str
    baseline: str
    folder: str
    allow_import: tuple[str, ...]
    file: TomlFile = field(repr=False)

    @classmethod
    def load(
        cls, path: PathLike, *, folder: PathLike | None = None, allow_import: Sequence[str] = ()
    ) -> Experiment:
        """Read a file.

        Parameters
        ----------
        path : path
            The experiment.toml.
        folder : path, optional
            What relative paths in it start from; by default the folder that it lies in.
        allow_import : sequence of str
            Packages that the file may import, if it names metrics or components by import path,
            ``package.module:name``. Without it, it may name what the program has imported already.

        Raises
        ------
        OSError
            If it cannot be opened.
        ExperimentError
            If something in it is wrong; says on which line, and what would be right.
        """
        name = os.fspath(path)
        start = os.path.dirname(name) if folder is None else os.fspath(folder)
        return _read(TomlFile.read(name), start, allow_import)

    @classmethod
    def from_toml(cls, text: str, *, folder: PathLike = "", allow_import: Sequence[str] = ()) -> Experiment:
        """Take what a file would hold; otherwise as `load`."""
        return _read(TomlFile(text, "experiment.toml"), os.fspath(folder), allow_import)

    @property
    def measured(self) -> list[Metric]:
        """The metrics themselves; speed is none."""
        return find_metrics(self.own_metrics.get(name, name) for name in self.metrics if name != SPEED)

    @property
    def modules(self) -> tuple[str, ...]:
        """The modules of what it names by import path, in the order of the alphabet."""
        options = [vars(tokenizer) | {"name": None} for tokenizer in self.tokenizers]  # but for its own name
        names = {*self.metrics, *_find_names(options)}
        return tuple(sorted({name.partition(":")[0] for name in names if is_import_path(name)}))

    def error(self, message: str, *keys: str | int) -> ExperimentError:
        """An error about the value at the keys of the file."""
        return Table(self.file, (), {}).error(message, *keys)


def _read(file: TomlFile, folder: str, allow_import: Sequence[str]) -> Experiment:
    with allowing_imports(allow_import) if allow_import else nullcontext():
        return replace(_read_root(file, file.parse(), folder), allow_import=tuple(allow_import))


def _read_root(file: TomlFile, root: Table, folder: str) -> Experiment:
    root.check_keys("name", "seed", "corpus", "tokenizer", "metrics")
    name = root.value("name", str)
    root.check_name(name, "name")
    seed = root.value("seed", int, default=0)
    if not 0 <= seed < 1 << 64:
        raise root.error(f"must be from 0 to 2^64 - 1, not {seed}", "seed")
    corpus = root.table("corpus")
    corpus.check_keys("train", "test")
    training = read_training(corpus.table("train"), folder)
    test = read_test(corpus.table("test"), folder)
    tokenizers = read_tokenizers(root, folder)
    if not training and any(isinstance(tokenizer, Training) for tokenizer in tokenizers):
        raise corpus.error("there is no text to train on: write [corpus.train]")
    if not test:
        raise corpus.error("there is no text to measure on: write [corpus.test]")
    metrics = root.table("metrics")
    metrics.check_keys("use", "words", "baseline")
    use = metrics.values_of("use", str)
    own_metrics = _read_metrics(metrics, use)
    names = [tokenizer.name for tokenizer in tokenizers]
    return Experiment(
        name=name,
        seed=seed,
        training=training,
        test=test,
        tokenizers=tokenizers,
        metrics=tuple(dict.fromkeys(use)),
        own_metrics=own_metrics,
        words=metrics.choice("words", WORDS),  # without a default: what a word is must be said
        baseline=metrics.choice("baseline", names, names[0]),
        folder=folder,
        allow_import=(),
        file=file,
    )


def _read_metrics(table: Table, use: Sequence[str]) -> dict[str, Metric]:
    """Check what is to be measured; return the metrics that are named by import path."""
    known = (*METRICS, SPEED)
    own = {}
    for name in use:
        if is_import_path(name):
            own[name] = _import_metric(table, name)
        elif name not in known:
            raise table.error(f"{name!r} is not known; {suggest(name, known)}", "use")
    try:
        find_metrics([*METRICS, *own.values()])
    except ValueError as error:
        raise table.error(str(error), "use") from None
    return own


def _import_metric(table: Table, path: str) -> Metric:
    try:
        found = find_import(path, "a metric")
    except ValueError as error:
        raise table.error(str(error), "use") from None
    if not isinstance(found, Metric):
        raise table.error(f"{path} is not a Metric but {type(found).__name__}", "use")
    return found


def _find_names(options: Any) -> Iterator[str]:
    """The names of models and components among the options of tokenizers."""
    if isinstance(options, Mapping):
        yield from (options[key] for key in ("name", "model") if isinstance(options.get(key), str))
    if isinstance(options, Mapping | list | tuple):
        for option in options.values() if isinstance(options, Mapping) else options:
            yield from _find_names(option)
