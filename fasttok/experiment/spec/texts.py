"""Training and test text of an experiment, as experiment.toml specifies it."""

from __future__ import annotations

import os
import sysconfig
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from fasttok.corpus.compression import COMPRESSIONS
from fasttok.corpus.corpus import Corpus
from fasttok.corpus.sample import parallel_sample
from fasttok.experiment.spec.toml import Table, find_files_of, suggest

TRAINING_SOURCES = ("files", "sample")  # keys that specify the source of training text
TEST_SOURCES = ("files", "parallel", "sample")  # keys that specify the source of test text
# Keys that specify how documents are read.
READING_KEYS = ("format", "document", "separator", "field", "encoding", "nulls", "errors")
WEIGHT_LIMIT = 1 << 63  # exclusive upper limit of a weight, because counts are int64
DOCUMENTS = ("whole", "line", "paragraph")  # values of the key "document"


@dataclass(frozen=True)
class Text:
    """Files with the options for reading documents from them.

    Attributes
    ----------
    files : tuple of str
        Paths of existing files, in order.
    options : dict
        Keyword arguments of `Corpus.from_files` that are given, and ``document`` or ``separator``.
    """

    files: tuple[str, ...]
    options: dict[str, str]

    @property
    def rule(self) -> tuple[str | None, ...]:
        """Definition of a document. Counts with different definitions cannot be added."""
        return self.options.get("document"), self.options.get("separator")


@dataclass(frozen=True)
class TrainingText:
    """Training text of one language, and the weight of its counts."""

    language: str
    text: Text
    weight: int | float


@dataclass(frozen=True)
class TestText:
    """Test corpus on which tokenizers are measured: text by language.

    Attributes
    ----------
    name : str
        Name of the test corpus.
    texts : dict of str to Text
        Files of each language.
    baseline : str or None
        Language with which the others are compared; None unless the text is parallel.
    morphemes : dict of str to str
        Path of a gold segmentation into morphemes, by language; see
        `fasttok.evaluation.metrics.morphology.read_morphemes`.
    """

    __test__ = False  # keeps pytest from collecting the class because of its name

    name: str
    texts: dict[str, Text]
    baseline: str | None
    morphemes: dict[str, str]


def read_training(table: Table, folder: str) -> tuple[TrainingText, ...]:
    """Read ``[corpus.train]``; relative paths start from `folder`."""
    parts: list[TrainingText] = []
    for language in table.values:
        table.check_name(language, language)
        part = table.table(language)
        part.check_keys(*TRAINING_SOURCES, *READING_KEYS, "weight")
        weight = part.value("weight", int, float, default=1)
        if not 0 < weight < WEIGHT_LIMIT:
            raise part.error(f"must be above 0 and below 2^63, not {weight!r}", "weight")
        languages = _find_languages(part, _source(part, TRAINING_SOURCES), folder)
        files = tuple(path for paths in languages.values() for path in paths)
        parts.append(TrainingText(language, _checked(part, Text(files, _reading(part))), weight))
        if parts[-1].text.rule != parts[0].text.rule:
            raise part.error(
                f"document or separator differs from that of {parts[0].language!r}; all languages need the "
                "same value, because their counts are added"
            )
    return tuple(parts)


def read_test(table: Table, folder: str) -> tuple[TestText, ...]:
    """Read ``[corpus.test]``; relative paths start from `folder`."""
    for name in table.values:
        table.check_name(name, name)
    return tuple(_read_test_text(name, table.table(name), folder) for name in table.values)


def _read_test_text(name: str, part: Table, folder: str) -> TestText:
    part.check_keys(*TEST_SOURCES, *READING_KEYS, "baseline", "morphemes")
    source = _source(part, TEST_SOURCES)
    is_parallel = source == "parallel" or (source == "sample" and part.values["sample"] == "parallel")
    languages = _find_languages(part, source, folder)
    if is_parallel or len(languages) > 1:  # the name of a single language is not used
        for language in languages:
            part.check_name(language, source)
    morphemes = _find_morphemes(part.table("morphemes"), languages, folder)
    reading, baseline = _reading(part), None
    if is_parallel:
        for key in ("document", "separator"):
            if key in part.values:
                raise part.error("parallel text always has one document per line; remove this key", key)
        reading["document"] = "line"
        # Only the parallel sample has a default, because it always contains English.
        is_given = "baseline" in part.values or source == "parallel"
        baseline = part.choice("baseline", languages) if is_given else "eng"
    elif "baseline" in part.values:
        raise part.error(
            "only parallel text has a baseline; use the key parallel instead of files", "baseline"
        )
    elif len(languages) == 1:
        languages = {"": next(iter(languages.values()))}
    texts = {language: Text(tuple(paths), reading) for language, paths in languages.items()}
    _checked(part, Text(tuple(chain.from_iterable(languages.values())), reading))
    return TestText(name, texts, baseline, morphemes)


def _source(part: Table, sources: tuple[str, ...]) -> str:
    """Return the key that specifies the source of the text."""
    given = [source for source in sources if source in part.values]
    if len(given) != 1:
        found = " and ".join(given) or "none"
        raise part.error(f"must have exactly one of {', '.join(sources)}, to specify its text; found {found}")
    return given[0]


def _find_languages(part: Table, source: str, folder: str) -> dict[str, list[str]]:
    """Return the files by language. The stem of a file name is the language."""
    if source == "sample":
        return SAMPLES[part.choice("sample", SAMPLES)]()
    languages: dict[str, list[str]] = {}
    for path in find_files_of(part, source, folder):
        stem, suffix = os.path.splitext(os.path.basename(path))
        language = os.path.splitext(stem)[0] if suffix in COMPRESSIONS else stem
        languages.setdefault(language, []).append(path)
    return languages


def _find_morphemes(table: Table, languages: dict[str, list[str]], folder: str) -> dict[str, str]:
    """Return the gold segmentation file of each language that has one."""
    found: dict[str, str] = {}
    for language in table.values:
        if language not in languages:
            raise table.error(f"not a language of this corpus; {suggest(language, languages)}", language)
        files = find_files_of(table, language, folder)
        if len(files) > 1:
            raise table.error("must be a single file", language)
        found[language] = files[0]
    return found


def _reading(part: Table) -> dict[str, str]:
    """Return the keyword arguments of `Corpus.from_files`."""
    options = {key: part.value(key, str) for key in READING_KEYS if key in part.values}
    if "separator" not in part.values:
        options["document"] = part.choice("document", DOCUMENTS, "whole")
    elif "document" in part.values:
        raise part.error("document and separator exclude each other; remove one", "separator")
    elif not options["separator"]:
        raise part.error("must not be empty", "separator")
    return options


def _checked(part: Table, text: Text) -> Text:
    """Return the text, if the options for reading are valid and fit the beginning of each file."""
    try:
        Corpus.from_files(text.files, **text.options)  # type: ignore[arg-type]
    except ValueError as error:
        key = next((key for key in text.options if str(error).startswith((f"{key} ", f"{key}:"))), None)
        raise part.error(str(error), *([key] if key else [])) from None
    return text


def _python_sources() -> dict[str, list[str]]:
    """Return the modules of Python's standard library."""
    library = Path(sysconfig.get_paths()["stdlib"])
    return {"python": sorted(str(path) for path in library.glob("*.py"))}


def _parallel_sample() -> dict[str, list[str]]:
    return {language: [str(path)] for language, path in parallel_sample().items()}


# Texts that are available without the user's own files.
SAMPLES = {"python": _python_sources, "parallel": _parallel_sample}
