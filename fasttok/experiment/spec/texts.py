"""The text of an experiment, as its file names it: what is trained on, what is measured on."""

from __future__ import annotations

import os
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from fasttok.corpus.readers import COMPRESSIONS
from fasttok.corpus.sample import parallel_sample
from fasttok.experiment.spec.toml import Table, find_files_of, suggest

OF_TRAINING = ("files", "sample")  # the keys that say where text is
OF_TEST = ("files", "parallel", "sample")
READING = ("document", "separator", "field")  # and those that say how it is read
MOST = 1 << 63  # more than a count can be
DOCUMENTS = ("whole", "line", "paragraph")


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

    @property
    def rule(self) -> tuple[str | None, ...]:
        """What a document is; counts of different rules do not add."""
        return self.options.get("document"), self.options.get("separator")


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
        By language, a file of words cut into morphemes; see
        `fasttok.evaluation.metrics.morphology.read_morphemes`.
    """

    __test__ = False  # to pytest

    name: str
    texts: dict[str, Text]
    baseline: str | None
    morphemes: dict[str, str]


def read_training(table: Table, folder: str) -> tuple[TrainingText, ...]:
    """What ``[corpus.train]`` says; paths start from the folder."""
    parts: list[TrainingText] = []
    for language in table.values:
        table.check_name(language, language)
        part = table.table(language)
        part.check_keys(*OF_TRAINING, *READING, "weight")
        weight = part.value("weight", int, float, default=1)
        if not 0 < weight < MOST:
            raise part.error(f"must be above 0 and below 2^63, not {weight!r}", "weight")
        languages = _find_languages(part, _source(part, OF_TRAINING), folder)
        files = tuple(path for paths in languages.values() for path in paths)
        parts.append(TrainingText(language, Text(files, _reading(part)), weight))
        if parts[-1].text.rule != parts[0].text.rule:
            raise part.error(f"what a document is differs from {parts[0].language}: their counts do not add")
    return tuple(parts)


def read_test(table: Table, folder: str) -> tuple[TestText, ...]:
    """What ``[corpus.test]`` says; paths start from the folder."""
    for name in table.values:
        table.check_name(name, name)
    return tuple(_read_test_text(name, table.table(name), folder) for name in table.values)


def _read_test_text(name: str, part: Table, folder: str) -> TestText:
    part.check_keys(*OF_TEST, *READING, "baseline", "morphemes")
    source = _source(part, OF_TEST)
    is_parallel = source == "parallel" or (source == "sample" and part.values["sample"] == "parallel")
    languages = _find_languages(part, source, folder)
    if is_parallel or len(languages) > 1:  # of a single one it is not said which it is
        for language in languages:
            part.check_name(language, source)
    morphemes = _find_morphemes(part.table("morphemes"), languages, folder)
    reading, baseline = _reading(part), None
    if is_parallel:
        for key in ("document", "separator"):
            if key in part.values:
                raise part.error("of parallel text every line is a document", key)
        reading["document"] = "line"
        # The sample has English for certain; elsewhere nobody knows.
        is_given = "baseline" in part.values or source == "parallel"
        baseline = part.choice("baseline", languages) if is_given else "eng"
    elif "baseline" in part.values:
        raise part.error("only parallel text has one: write parallel for files", "baseline")
    elif len(languages) == 1:
        languages = {"": next(iter(languages.values()))}
    texts = {language: Text(tuple(paths), reading) for language, paths in languages.items()}
    return TestText(name, texts, baseline, morphemes)


def _source(part: Table, sources: tuple[str, ...]) -> str:
    given = [source for source in sources if source in part.values]
    if len(given) != 1:
        raise part.error(f"where is its text? Write one of {', '.join(sources)}")
    return given[0]


def _find_languages(part: Table, source: str, folder: str) -> dict[str, list[str]]:
    """The files of each language, which is the stem of their names."""
    if source == "sample":
        return SAMPLES[part.choice("sample", SAMPLES)]()
    languages: dict[str, list[str]] = {}
    for path in find_files_of(part, source, folder):
        stem, suffix = os.path.splitext(os.path.basename(path))
        language = os.path.splitext(stem)[0] if suffix in COMPRESSIONS else stem
        languages.setdefault(language, []).append(path)
    return languages


def _find_morphemes(table: Table, languages: dict[str, list[str]], folder: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for language in table.values:
        if language not in languages:
            raise table.error(f"no language of this corpus; {suggest(language, languages)}", language)
        files = find_files_of(table, language, folder)
        if len(files) > 1:
            raise table.error("must be a single file", language)
        found[language] = files[0]
    return found


def _reading(part: Table) -> dict[str, str]:
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
