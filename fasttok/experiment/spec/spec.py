"""`Experiment`: specification of a comparison, read from experiment.toml and validated before it runs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from fasttok.core.checks import checked_names, checked_path, checked_text
from fasttok.core.component import allowing_imports, find_import, is_import_path
from fasttok.core.errors import ExperimentError
from fasttok.corpus.files import PathLike
from fasttok.evaluation.metric import Metric
from fasttok.evaluation.metrics.registry import METRICS, SPEED, find_metrics
from fasttok.evaluation.words import WORDS
from fasttok.experiment.spec.texts import TestText, TrainingText, read_test, read_training
from fasttok.experiment.spec.tokenizers import Loading, Training, read_tokenizers
from fasttok.experiment.spec.toml import Table, TomlFile, suggest


@dataclass(frozen=True)
class Experiment:
    """Specification of a comparison: training text, test text, tokenizers and metrics.

    Create it with `load` or `from_toml`. Both check everything that can be checked without reading the text.

    Attributes
    ----------
    name : str
        Name of the experiment.
    seed : int
        Seed of all random draws.
    training : tuple of TrainingText
        Training text, one entry per language.
    test : tuple of TestText
        Test corpora on which tokenizers are measured.
    tokenizers : tuple of Training and Loading
        Tokenizers to compare, in order.
    metrics : tuple of str
        Metrics to compute: names of groups, and import paths of custom metrics.
    own_metrics : dict of str to Metric
        Custom metrics by import path.
    words : {"whitespace", "dzongkha", "unicode"}
        Definition of a word; see `fasttok.evaluation.words.find_words`.
    baseline : str
        Name of the tokenizer with which metrics such as "nsl" (normalized sequence length) compare the
        others.
    folder : str
        Folder from which relative paths start.
    allow_import : tuple of str
        Packages that the experiment may import.
    file : TomlFile
        TOML text from which the experiment was read.

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
        """Read and validate an experiment.toml.

        Parameters
        ----------
        path : path
            Path of the file.
        folder : path, optional
            Folder from which relative paths in the file start; default: the folder of the file.
        allow_import : sequence of str
            Packages that may be imported if the file names metrics or components by import path,
            ``package.module:name``. Modules that the program has already imported are always allowed.

        Returns
        -------
        Experiment
            Validated experiment.

        Raises
        ------
        OSError
            If the file cannot be opened.
        ExperimentError
            If the file is not valid. The error gives the line and says what to change.
        """
        name = checked_path("path", path)
        start = os.path.dirname(name) if folder is None else checked_folder(folder)
        return _read(TomlFile.read(name), start, allow_import)

    @classmethod
    def from_toml(cls, text: str, *, folder: PathLike = "", allow_import: Sequence[str] = ()) -> Experiment:
        """Read and validate the text of an experiment.toml.

        Parameters
        ----------
        text : str
            Content of the file.
        folder : path
            Folder from which relative paths start; default: the current folder.
        allow_import : sequence of str
            Packages that may be imported; see `load`.

        Returns
        -------
        Experiment
            Validated experiment.

        Raises
        ------
        ExperimentError
            If the text is not valid. The error gives the line and says what to change.
        """
        return _read(
            TomlFile(checked_text("text", text), "experiment.toml"), checked_folder(folder), allow_import
        )

    @property
    def measured(self) -> list[Metric]:
        """Metrics to compute, without "speed", which has no rows."""
        return find_metrics(self.own_metrics.get(name, name) for name in self.metrics if name != SPEED)

    @property
    def modules(self) -> tuple[str, ...]:
        """Names of the modules from which metrics and components are imported, in alphabetical order."""
        # The name of a tokenizer is excluded, because it can look like an import path.
        options = [vars(tokenizer) | {"name": None} for tokenizer in self.tokenizers]
        names = {*self.metrics, *_find_names(options)}
        return tuple(sorted({name.partition(":")[0] for name in names if is_import_path(name)}))

    def error(self, message: str, *keys: str | int) -> ExperimentError:
        """Return an error about the value at the given keys of the file."""
        return Table(self.file, (), {}).error(message, *keys)


def _read(file: TomlFile, folder: str, allow_import: Sequence[str]) -> Experiment:
    packages = checked_names("allow_import", allow_import)
    with allowing_imports(packages) if packages else nullcontext():
        return replace(_read_root(file, file.parse(), folder), allow_import=packages)


def checked_folder(folder: PathLike) -> str:
    """Return the folder from which relative paths start; the empty path is the current folder."""
    return "" if isinstance(folder, str) and not folder else checked_path("folder", folder)


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
        raise corpus.error("there is no training text; add a table [corpus.train]")
    if not test:
        raise corpus.error("there is no test text; add a table [corpus.test]")
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
        words=metrics.choice("words", WORDS),  # no default, because no definition fits all languages
        baseline=metrics.choice("baseline", names, names[0]),
        folder=folder,
        allow_import=(),
        file=file,
    )


def _read_metrics(table: Table, use: Sequence[str]) -> dict[str, Metric]:
    """Check the requested metrics, and return the custom metrics by import path."""
    known = (*METRICS, SPEED)
    own = {}
    for name in use:
        if is_import_path(name):
            own[name] = _import_metric(table, name)
        elif name not in known:
            raise table.error(f"no metric is named {name!r}; {suggest(name, known)}", "use")
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
        raise table.error(f"{path} must be a Metric, not {type(found).__name__}", "use")
    return found


def _find_names(options: Any) -> Iterator[str]:
    """Yield the names of models and components in the options of tokenizers."""
    if isinstance(options, Mapping):
        yield from (options[key] for key in ("name", "model") if isinstance(options.get(key), str))
    if isinstance(options, Mapping | list | tuple):
        for option in options.values() if isinstance(options, Mapping) else options:
            yield from _find_names(option)
