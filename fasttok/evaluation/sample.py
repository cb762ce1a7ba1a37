"""`TestCorpus`: the text that tokenizers are measured on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from fasttok.core.checks import checked_choice
from fasttok.core.errors import CorpusError
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.corpus.corpus import Corpus
from fasttok.evaluation.metrics.morphology import Morphemes
from fasttok.evaluation.words import WORDS


@dataclass(frozen=True, eq=False)
class TestCorpus:
    """The text that tokenizers are measured on; read once, shared by all of them, never changed.

    Parameters
    ----------
    name : str
        Its name, in rows and in errors.
    documents : mapping of str to Ragged of uint8
        The text in each language, a row per document. The language is "" where there is but one and it has no
        name.
    words : {"whitespace", "dzongkha", "unicode"}
        What a word is; see `fasttok.evaluation.words.find_words`.
    baseline : str, optional
        The language with which others are compared. The text is parallel then: document i says the same in
        all languages.
    morphemes : mapping of str to Morphemes, optional
        Words with the boundaries of their morphemes, by language; see
        `fasttok.evaluation.metrics.morphology.read_morphemes`.

    Raises
    ------
    CorpusError
        If there is no text, in all or in a language; or if parallel text has not the same number of documents
        in all languages.
    ValueError
        If the baseline is no language, one of several languages has no name, or there is no such rule of
        words.

    Examples
    --------
    >>> import fasttok as ft
    >>> texts = {"en": ["one house", "two"], "de": ["ein Haus", "zwei"]}
    >>> corpora = {language: ft.Corpus.from_texts(rows) for language, rows in texts.items()}
    >>> corpus = TestCorpus.from_corpora("houses", corpora, words="whitespace", baseline="en")
    >>> corpus.languages, corpus.documents["de"].to_bytes()
    (('en', 'de'), [b'ein Haus', b'zwei'])
    """

    name: str
    documents: Mapping[str, Ragged]
    words: str
    baseline: str | None = None
    morphemes: Mapping[str, Morphemes] = field(default_factory=dict)

    __test__: ClassVar[bool] = False  # pytest takes what is called Test for tests

    def __post_init__(self) -> None:
        checked_choice("words", self.words, *WORDS)
        if not self.documents:
            raise CorpusError(f"test corpus {self.name!r} has no text")
        if "" in self.documents and len(self.documents) > 1:
            raise ValueError(f"a language of test corpus {self.name!r} has no name")
        for language, documents in self.documents.items():
            if documents.offsets[0] == documents.offsets[-1]:
                place = f", language {language!r}," if language else ""
                raise CorpusError(f"test corpus {self.name!r}{place} has no text")
        if self.baseline is None:
            return
        if self.baseline not in self.documents:
            raise ValueError(f"the baseline {self.baseline!r} is no language of test corpus {self.name!r}")
        n = len(self.documents[self.baseline])
        others = [
            f"{language} {len(documents):,}"
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
        """Read the text of one corpus, or of one a language, into memory; otherwise as `TestCorpus`.

        Aligned sentences are read from files by ``Corpus.from_files(path, document="line")``.

        Raises
        ------
        CorpusError, ValueError
            As `TestCorpus` does, and as reading a `Corpus` does.
        """
        parts = {"": corpora} if isinstance(corpora, Corpus) else corpora
        documents = {language: _read(corpus) for language, corpus in parts.items()}
        return cls(name, documents, words, baseline, morphemes or {})

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of the text, in the order given."""
        return tuple(self.documents)


def _read(corpus: Corpus) -> Ragged:
    batches = [batch.documents for batch in corpus.batches()]
    lengths = np.concatenate([np.empty(0, np.int64), *(rows.lengths for rows in batches)])
    texts = [rows.values[rows.offsets[0] : rows.offsets[-1]] for rows in batches]
    return Ragged(np.concatenate([np.empty(0, np.uint8), *texts]), lengths_to_offsets(lengths))
