"""Text of an experiment: corpora, test corpora and fingerprints of files."""

from __future__ import annotations

import hashlib
import json
import os

from fasttok.core.errors import CorpusError
from fasttok.corpus.corpus import Corpus
from fasttok.corpus.files import suffix_of
from fasttok.evaluation.metrics.morphology import read_morphemes
from fasttok.evaluation.sample import TestCorpus
from fasttok.experiment.spec.spec import Experiment
from fasttok.experiment.spec.texts import TestText, Text
from fasttok.formats.registry import files_of

CHUNK = 1 << 20  # bytes that are hashed at a time


def open_corpus(text: Text) -> Corpus:
    """Return the corpus of the files."""
    return Corpus.from_files(text.files, **text.options)  # type: ignore[arg-type]


def read_test_corpus(experiment: Experiment, text: TestText) -> TestCorpus:
    """Read a test corpus into memory.

    Raises
    ------
    ExperimentError
        If a language has no text, the languages of parallel text have different numbers of lines, or a file
        is damaged.
    OSError
        If a file cannot be opened.
    """
    try:
        return TestCorpus.from_corpora(
            text.name,
            {language: open_corpus(part) for language, part in text.texts.items()},
            words=experiment.words,
            baseline=text.baseline,
            morphemes={language: read_morphemes(path) for language, path in text.morphemes.items()},
        )
    except CorpusError as error:
        raise experiment.error(str(error), "corpus", "test", text.name) from None


def fingerprint_text(text: Text) -> str:
    """Return a SHA-256 over the options for reading, and the suffix and content of each file."""
    options = {"field": "text", **text.options}  # the field was in the options of earlier versions, too
    digest = hashlib.sha256(json.dumps(options, sort_keys=True).encode())
    for path in text.files:
        digest.update(f"\n{suffix_of(path)} {fingerprint_file(path)}".encode())
    return digest.hexdigest()


def fingerprint_file(path: str) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def fingerprint_tokenizer(path: str) -> str:
    """Return the SHA-256 of a tokenizer's file, or of the files that `fasttok.load` reads in a folder."""
    if not os.path.isdir(path):
        return fingerprint_file(path)
    files = {os.path.relpath(file, path): fingerprint_file(file) for file in files_of(path)}
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def fingerprint_test(text: TestText, words: str) -> str:
    """Return a SHA-256 over a test corpus and the definition of a word."""
    parts = {
        "name": text.name,
        "texts": {language: fingerprint_text(part) for language, part in text.texts.items()},
        "baseline": text.baseline,
        "words": words,
        "morphemes": {language: fingerprint_file(path) for language, path in text.morphemes.items()},
    }
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
