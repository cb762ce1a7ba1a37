"""`Experiment`: what experiment.toml says, checked before anything runs."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from fasttok.core.errors import ExperimentError
from fasttok.corpus.readers import PathLike
from fasttok.evaluation.metrics.registry import METRICS, SPEED
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
        What is measured.
    words : str
        What a word is: "whitespace", "dzongkha" or "unicode".
    baseline : str
        The tokenizer that the lengths of others are divided by.
    folder : str
        What paths start from.
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
    words: str
    baseline: str
    folder: str
    file: TomlFile = field(repr=False)

    @classmethod
    def load(cls, path: PathLike, *, folder: PathLike | None = None) -> Experiment:
        """Read a file.

        Parameters
        ----------
        path : path
            The experiment.toml.
        folder : path, optional
            What relative paths in it start from; by default the folder that it lies in.

        Raises
        ------
        OSError
            If it cannot be opened.
        ExperimentError
            If something in it is wrong; says on which line, and what would be right.
        """
        name = os.fspath(path)
        return _read(TomlFile.read(name), os.path.dirname(name) if folder is None else os.fspath(folder))

    @classmethod
    def from_toml(cls, text: str, *, folder: PathLike = "") -> Experiment:
        """Take what a file would hold; otherwise as `load`."""
        return _read(TomlFile(text, "experiment.toml"), os.fspath(folder))

    def error(self, message: str, *keys: str | int) -> ExperimentError:
        """An error about the value at the keys of the file."""
        return Table(self.file, (), {}).error(message, *keys)


def _read(file: TomlFile, folder: str) -> Experiment:
    root = file.parse()
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
    known = (*METRICS, SPEED)
    for metric in use:
        if metric not in known:
            raise metrics.error(f"{metric!r} is not known; {suggest(metric, known)}", "use")
    names = [tokenizer.name for tokenizer in tokenizers]
    return Experiment(
        name=name,
        seed=seed,
        training=training,
        test=test,
        tokenizers=tokenizers,
        metrics=tuple(dict.fromkeys(use)),
        words=metrics.choice("words", WORDS),  # without a default: what a word is must be said
        baseline=metrics.choice("baseline", names, names[0]),
        folder=folder,
        file=file,
    )
