"""`TestCorpus`: text on which tokenizers are measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np

from fasttok.core.checks import (
    checked_choice,
    checked_instance,
    checked_mapping,
    checked_text,
    checked_word,
    describe,
    suggest,
)
from fasttok.core.errors import CorpusError
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.corpus.corpus import Corpus
from fasttok.evaluation.columns import Text
from fasttok.evaluation.metrics.morphology import Morphemes
from fasttok.evaluation.words import WORDS


@dataclass(frozen=True, eq=False)
class TestCorpus:
    """Text in memory on which tokenizers are measured, in one or several languages.

    Parameters
    ----------
    name : str
        Name of the corpus in rows and errors.
    documents : mapping of str to Ragged of uint8
        Text by language, one row per document. A single language can have the name "".
    words : {"whitespace", "dzongkha", "unicode"}
        Definition of a word; see `fasttok.evaluation.words.find_words`.
    baseline : str, optional
        Language with which the other languages are compared. If given, the text must be parallel: document i
        has the same meaning in all languages.
    morphemes : mapping of str to Morphemes, optional
        Words with their morpheme boundaries, by language; see
        `fasttok.evaluation.metrics.morphology.read_morphemes`.

    Raises
    ------
    CorpusError
        If there is no text, a language has no text, or the languages of parallel text have different numbers
        of documents.
    ValueError
        If `baseline` is not a language of the corpus, one of several languages has the name "", or `words` is
        unknown.

    Examples
    --------
    >>> import fasttok as ft
    >>> texts = {"en": ["one house", "two"], "de": ["ein Haus", "zwei"]}
    >>> corpora = {language: ft.Corpus.from_texts(rows) for language, rows in texts.items()}
    >>> corpus = ft.TestCorpus.from_corpora("houses", corpora, words="whitespace", baseline="en")
    >>> corpus.languages, corpus.documents["de"].to_bytes()
    (('en', 'de'), [b'ein Haus', b'zwei'])
    """

    name: str
    documents: Mapping[str, Ragged]
    words: str
    baseline: str | None = None
    morphemes: Mapping[str, Morphemes] = field(default_factory=dict)

    __test__: ClassVar[bool] = False  # keeps pytest from collecting the class because of its name

    def __post_init__(self) -> None:
        checked_word("name", self.name)
        checked_choice("words", self.words, *WORDS)
        checked_mapping("documents", self.documents, "languages to Ragged")
        if self.baseline is not None:
            checked_text("baseline", self.baseline)
        for language, text in self.documents.items():
            checked_text("each language in documents", language)
            checked_instance(f"documents[{language!r}]", text, Ragged, "a Ragged of uint8")
        for language, morphemes in checked_mapping(
            "morphemes", self.morphemes, "languages to Morphemes"
        ).items():
            checked_text("each language in morphemes", language)
            checked_instance(f"morphemes[{language!r}]", morphemes, Morphemes, "Morphemes")
        if not self.documents:
            raise CorpusError(f"test corpus {self.name!r} has no text")
        if "" in self.documents and len(self.documents) > 1:
            raise ValueError(
                f"test corpus {self.name!r} has several languages, so none of them can have the name ''"
            )
        for language, documents in self.documents.items():
            if documents.offsets[0] == documents.offsets[-1]:
                part = f", language {language!r}," if language else ""
                raise CorpusError(f"test corpus {self.name!r}{part} has no text")
        if self.baseline is None:
            return
        if self.baseline not in self.documents:
            raise ValueError(
                f"the baseline {describe(self.baseline)} is not a language of test corpus {self.name!r}, "
                "which has " + ", ".join(map(repr, self.documents)) + suggest(self.baseline, self.documents)
            )
        n = len(self.documents[self.baseline])
        others = [
            f"{language} has {len(documents):,}"
            for language, documents in self.documents.items()
            if len(documents) != n
        ]
        if others:
            raise CorpusError(
                f"test corpus {self.name!r} is not parallel: {self.baseline} has {n:,} documents, "
                + ", ".join(others[:5])
                + (f", and {len(others) - 5} more languages differ" if len(others) > 5 else "")
            )

    @classmethod
    def from_corpora(
        cls,
        name: str,
        corpora: Corpus | Mapping[str, Corpus],
        *,
        words: str,
        baseline: str | None = None,
        morphemes: Mapping[str, Morphemes] | None = None,
    ) -> TestCorpus:
        """Read the text of a corpus, or of one corpus per language, into memory.

        Parameters
        ----------
        name : str
            Name of the test corpus.
        corpora : Corpus, or mapping of str to Corpus
            Corpus without a language name, or corpora by language. To read parallel sentences from a file,
            use ``Corpus.from_files(path, document="line")``.
        words, baseline, morphemes
            Parameters of `TestCorpus`.

        Returns
        -------
        TestCorpus
            Test corpus with all documents in memory.

        Raises
        ------
        CorpusError, ValueError
            If a corpus cannot be read, or for the reasons given for `TestCorpus`.

        Examples
        --------
        >>> import fasttok as ft
        >>> texts = ft.Corpus.from_texts(["low", "slow lower"])
        >>> ft.TestCorpus.from_corpora("tiny", texts, words="whitespace").languages
        ('',)
        """
        parts = {"": corpora} if isinstance(corpora, Corpus) else corpora
        checked_mapping("corpora", parts, "languages to Corpus, or a Corpus")
        for language, corpus in parts.items():
            checked_instance(f"corpora[{language!r}]", corpus, Corpus, "a Corpus")
        if not parts:
            raise CorpusError(f"corpora is empty, so test corpus {describe(name)} has no text")
        checked_word("name", name)
        checked_choice("words", words, *WORDS)
        documents = {language: _read(corpus) for language, corpus in parts.items()}
        return cls(name, documents, words, baseline, {} if morphemes is None else morphemes)

    @property
    def languages(self) -> tuple[str, ...]:
        """Names of the languages, in the given order."""
        return tuple(self.documents)

    @cached_property
    def texts(self) -> Mapping[str, Text]:
        """Documents by language, with the words that were found in them. Words are found once and kept."""
        return {language: Text(documents, self.words) for language, documents in self.documents.items()}


def _read(corpus: Corpus) -> Ragged:
    """Return all documents of a corpus, one row per document."""
    batches = [batch.documents for batch in corpus.batches()]
    lengths = np.concatenate([np.empty(0, np.int64), *(rows.lengths for rows in batches)])
    texts = [rows.values[rows.offsets[0] : rows.offsets[-1]] for rows in batches]
    return Ragged(np.concatenate([np.empty(0, np.uint8), *texts]), lengths_to_offsets(lengths))
