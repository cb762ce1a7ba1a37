"""`Experiment`: what experiment.toml says, checked before anything runs."""

from __future__ import annotations

import math
import os
import re
import sysconfig
from dataclasses import MISSING, dataclass, field, fields
from itertools import product
from pathlib import Path
from typing import Any

from fasttok.data.sample import parallel_sample
from fasttok.errors import ExperimentError
from fasttok.evaluation.metrics import METRICS
from fasttok.evaluation.words import WORDS
from fasttok.experiment.toml import Table, TomlFile, suggest
from fasttok.text.normalizers import get_normalizer
from fasttok.text.pretokenizers import get_pretokenizer
from fasttok.text.readers import COMPRESSIONS, PathLike, find_files
from fasttok.training import TRAINERS

SPEED = "speed"  # what no formula gives
SOURCES = ("files", "parallel", "sample")  # where the text of a test corpus is
DOCUMENTS = ("whole", "line", "paragraph")
SIZELESS = ("character", "byte")  # models of all units there are, whatever the size asked for
OF_GROUPS = ("model", "name", "vocab_size", "pretokenizer", "normalizer")  # what is no option of a trainer
# What a comparison needs and a trainer does not take for granted: an id for what training did not see.
UNKNOWN = {"character": "<unk>", "word": "<unk>"}


@dataclass(frozen=True)
class Text:
    """Files, and how documents are read from them.

    Attributes
    ----------
    files : tuple of str
        The files, found and in order.
    options : dict
        Further arguments of `Corpus.from_files`: ``document``, ``separator``, ``field``.
    """

    files: tuple[str, ...]
    options: dict[str, str]


@dataclass(frozen=True)
class TrainingText:
    """The part of the training corpus in one language, and how much it counts."""

    language: str
    text: Text
    weight: int | float


@dataclass(frozen=True)
class TestText:
    """What tokenizers are measured on: text by language.

    Attributes
    ----------
    name : str
        What it is called.
    texts : dict of str to Text
        The files of each language.
    baseline : str or None
        Of parallel text, the language that others are compared with.
    morphemes : dict of str to str
        By language, a file of words cut into morphemes; see `fasttok.evaluation.morphology.read_morphemes`.
    """

    __test__ = False  # to pytest

    name: str
    texts: dict[str, Text]
    baseline: str | None
    morphemes: dict[str, str]


@dataclass(frozen=True)
class Loading:
    """A tokenizer that is there already: a file, and further arguments of `load`."""

    name: str
    file: str
    options: dict[str, Any]


@dataclass(frozen=True)
class Training:
    """A tokenizer to be trained.

    Attributes
    ----------
    name : str
        What it is called.
    model : str
        The algorithm.
    options : dict
        Arguments of its trainer.
    pretokenizer, normalizer : dict, dict or None
        Their configurations.
    """

    name: str
    model: str
    options: dict[str, Any]
    pretokenizer: dict[str, Any]
    normalizer: dict[str, Any] | None


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
    seed = root.value("seed", int, default=0)
    if not 0 <= seed < 1 << 64:
        raise root.error(f"must be from 0 to 2^64 - 1, not {seed}", "seed")
    corpus = root.table("corpus")
    corpus.check_keys("train", "test")
    training = _read_training(corpus.table("train"), folder)
    test = _read_test(corpus.table("test"), folder)
    tokenizers = _read_tokenizers(root, folder)
    if not training and any(isinstance(tokenizer, Training) for tokenizer in tokenizers):
        raise corpus.error("there is no text to train on; write [corpus.train]")
    if not test:
        raise corpus.error("there is no text to measure on; write [corpus.test]")
    metrics = root.table("metrics")
    metrics.check_keys("use", "words", "baseline")
    use = metrics.values_of("use", str)
    known = (*METRICS, SPEED)
    for metric in use:
        if metric not in known:
            raise metrics.error(f"{metric!r} is not known; {suggest(metric, known)}", "use")
    names = [tokenizer.name for tokenizer in tokenizers]
    return Experiment(
        name=root.value("name", str),
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


# Text


def _read_training(table: Table, folder: str) -> tuple[TrainingText, ...]:
    parts: list[TrainingText] = []
    for language in table.values:
        part = table.table(language)
        part.check_keys("files", "sample", "document", "separator", "field", "weight")
        weight = part.value("weight", int, float, default=1)
        if not 0 < weight < math.inf:
            raise part.error(f"must be above 0, not {weight}", "weight")
        files = [path for paths in _find_languages(part, "files", folder).values() for path in paths]
        parts.append(TrainingText(language, Text(tuple(files), _document_options(part)), weight))
        if _rule(parts[-1]) != _rule(parts[0]):
            raise part.error(f"what a document is differs from {parts[0].language}: their counts do not add")
    return tuple(parts)


def _rule(part: TrainingText) -> list[str | None]:
    return [part.text.options.get(key) for key in ("document", "separator")]


def _read_test(table: Table, folder: str) -> tuple[TestText, ...]:
    corpora: list[TestText] = []
    for name in table.values:
        part = table.table(name)
        part.check_keys(*SOURCES, "baseline", "morphemes", "document", "separator", "field")
        is_parallel = "parallel" in part.values or part.values.get("sample") == "parallel"
        languages = _find_languages(part, "parallel" if "parallel" in part.values else "files", folder)
        options, baseline = _document_options(part), None
        if is_parallel:
            for key in ("document", "separator"):
                if key in part.values:
                    raise part.error("of parallel text every line is a document", key)
            options["document"] = "line"
            if "baseline" in part.values or "sample" not in part.values:
                baseline = part.choice("baseline", languages)
            else:
                baseline = "eng"
        elif "baseline" in part.values:
            raise part.error("only parallel text has one: write parallel for files", "baseline")
        elif len(languages) == 1:
            languages = {"": next(iter(languages.values()))}
        texts = {language: Text(tuple(paths), options) for language, paths in languages.items()}
        corpora.append(TestText(name, texts, baseline, _find_morphemes(part, languages, folder)))
    return tuple(corpora)


def _find_morphemes(part: Table, languages: dict[str, list[str]], folder: str) -> dict[str, str]:
    table = part.table("morphemes")
    found: dict[str, str] = {}
    for language in table.values:
        if language not in languages:
            raise table.error(f"no language of this corpus; {suggest(language, languages)}", language)
        found[language] = _find(table, language, folder)[0]
    return found


def _find_languages(part: Table, key: str, folder: str) -> dict[str, list[str]]:
    """The files of each language, which is the stem of their names."""
    if ("sample" in part.values) == (key in part.values):
        raise part.error(f"where is its text? Write either {key} or sample")
    if "sample" in part.values:
        return SAMPLES[part.choice("sample", SAMPLES)]()
    languages: dict[str, list[str]] = {}
    for path in _find(part, key, folder):
        stem, suffix = os.path.splitext(os.path.basename(path))
        language = os.path.splitext(stem)[0] if suffix in COMPRESSIONS else stem
        languages.setdefault(language, []).append(path)
    return languages


def _find(part: Table, key: str, folder: str) -> list[str]:
    try:
        return find_files(os.path.join(folder, pattern) for pattern in part.values_of(key, str))
    except FileNotFoundError as error:
        raise part.error(f"{error.filename}: {error.strerror}", key) from None


def _document_options(part: Table) -> dict[str, str]:
    options: dict[str, str] = {"field": part.value("field", str, default="text")}
    if "separator" not in part.values:
        return options | {"document": part.choice("document", DOCUMENTS, "whole")}
    if "document" in part.values:
        raise part.error("give document or separator, not both", "separator")
    if not part.value("separator", str):
        raise part.error("must not be empty", "separator")
    return options | {"separator": part.values["separator"]}


def _python_sources() -> dict[str, list[str]]:
    library = Path(sysconfig.get_paths()["stdlib"])
    return {"python": sorted(str(path) for path in library.glob("*.py"))}


def _parallel_sample() -> dict[str, list[str]]:
    return {language: [str(path)] for language, path in parallel_sample().items()}


# Text that is there without any files of one's own.
SAMPLES = {"python": _python_sources, "parallel": _parallel_sample}


# Tokenizers


def _read_tokenizers(root: Table, folder: str) -> tuple[Training | Loading, ...]:
    found: dict[str, Training | Loading] = {}
    for group in root.tables("tokenizer"):
        for tokenizer in _loadings(group, folder) if "load" in group.values else _trainings(group):
            key = tokenizer.name.casefold()  # on some disks that is the same file
            if key in found:
                raise group.error(
                    f"{found[key].name} is there already; with a name these are called otherwise"
                )
            found[key] = tokenizer
    if not found:
        raise root.error("there is no tokenizer to compare: write [[tokenizer]]")
    return tuple(found.values())


def _loadings(group: Table, folder: str) -> list[Loading]:
    group.check_keys("load", "name", "pretokenizer", "special_tokens")
    options: dict[str, Any] = {}
    if "pretokenizer" in group.values:
        options["pretokenizer"] = _pretokenizer(group)
    if "special_tokens" in group.values:
        options["special_tokens"] = group.value("special_tokens", dict)
    return [
        Loading(_name(group, os.path.basename(file).split(".", 1)[0]), file, options)
        for file in _find(group, "load", folder)
    ]


def _trainings(group: Table) -> list[Training]:
    if "model" not in group.values:
        raise group.error("which one? Write model or load")
    models = group.values_of("model", str)
    for model in models:
        if model not in TRAINERS:
            raise group.error(f"{model!r} is not known; {suggest(model, TRAINERS)}", "model")
    known = {model: {option.name for option in fields(TRAINERS[model])} - {"start"} for model in models}
    group.check_keys(*OF_GROUPS, *sorted(set().union(*known.values())))
    given = {key: value for key, value in group.values.items() if key not in OF_GROUPS}
    for key, model in product(given, models):
        if key not in known[model]:
            raise group.error(f"no option of {model}, which needs a [[tokenizer]] of its own", key)
    sizes = group.values_of("vocab_size", int) if "vocab_size" in group.values else [None]
    if sizes != [None] and set(models) <= set(SIZELESS):
        raise group.error(f"does nothing for {' and '.join(models)}", "vocab_size")
    pretokenizer, normalizer = _pretokenizer(group), _normalizer(group)
    trainings: list[Training] = []
    for model in models:
        for size in [None] if model in SIZELESS else sizes:
            options = given if size is None else {**given, "vocab_size": size}
            if model in UNKNOWN and not options.keys() & {"unk", "byte_fallback"}:
                options = {**options, "unk": UNKNOWN[model]}
            _check_options(group, model, options)
            name = _name(group, model if size is None else f"{model}-{size}")
            trainings.append(Training(name, model, options, pretokenizer, normalizer))
    return trainings


def _check_options(group: Table, model: str, options: dict[str, Any]) -> None:
    """Let the trainer say what is wrong with its options."""
    for option in fields(TRAINERS[model]):
        if option.default is MISSING and option.name not in options:
            raise group.error(f"{model} needs {option.name}")
    try:
        TRAINERS[model](**options)
    except (TypeError, ValueError) as error:
        key = str(error).split(" ", 1)[0]
        raise group.error(f"{model}: {error}", *[key] * (key in group.values)) from None


def _pretokenizer(group: Table) -> dict[str, Any]:
    try:
        return get_pretokenizer(group.value("pretokenizer", str, list, dict, default="gpt2")).config()
    except (TypeError, ValueError) as error:
        raise group.error(str(error), "pretokenizer") from None


def _normalizer(group: Table) -> dict[str, Any] | None:
    try:
        normalizer = get_normalizer(group.value("normalizer", str, dict, default=None))
    except (TypeError, ValueError) as error:
        raise group.error(str(error), "normalizer") from None
    return None if normalizer is None else normalizer.config()


def _name(group: Table, name: str) -> str:
    """What a tokenizer is called, and its file: what it is, behind the name of its group if that has one."""
    prefix = group.value("name", str, default=None)
    if prefix is None:
        return name
    if not re.fullmatch(r"\w[\w.+-]*", prefix):
        raise group.error(f"must be letters, digits and . _ + -, not {prefix!r}", "name")
    return f"{prefix}-{name}"
