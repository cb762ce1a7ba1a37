"""What is counted in every document: the columns that figures are totals of."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged
from fasttok.evaluation.encoded import Encoded
from fasttok.evaluation.metrics.compression import count_places
from fasttok.evaluation.words import (
    count_by_document,
    count_characters,
    count_tokens_of_words,
    find_words,
)

Columns = dict[str, NDArray[np.int64]]


class Text:
    """The documents of a language, and what is known of them whatever the tokenizer; found when asked for."""

    def __init__(self, documents: Ragged, words: str) -> None:
        self.documents = documents
        self._rule = words

    @cached_property
    def n_characters(self) -> NDArray[np.int64]:
        """The characters of each document."""
        return count_characters(self.documents)

    @cached_property
    def words(self) -> NDArray[np.int64]:
        """Where words stand."""
        return find_words(self.documents, self._rule)

    def count_words(self, is_counted: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many of the words that are to be counted each document has."""
        return count_by_document(self.documents, self.words[is_counted, 0])


class Cut:
    """A text, and what a tokenizer makes of it."""

    def __init__(self, text: Text, encoded: Encoded) -> None:
        self.text = text
        self.encoded = encoded

    @cached_property
    def tokens_of_words(self) -> NDArray[np.int64]:
        """How many tokens each word has."""
        return count_tokens_of_words(self.text.words, self.encoded.byte_spans[self.encoded.is_text])

    def count_unknown(self) -> NDArray[np.int64]:
        """The unknown tokens of each document."""
        unk_id, ids = self.encoded.tokenizer.unk_id, self.encoded.ids
        if unk_id is None:
            return np.zeros(len(ids), np.int64)
        return count_by_document(ids, np.flatnonzero(ids.values == unk_id))


_COLUMNS: dict[str, Callable[[Cut], NDArray[np.int64]]] = {
    "documents": lambda cut: np.ones(len(cut.encoded.ids), np.int64),
    "bytes": lambda cut: cut.text.documents.lengths,
    "characters": lambda cut: cut.text.n_characters,
    "places": lambda cut: count_places(cut.text.n_characters),
    "words": lambda cut: cut.text.count_words(np.ones(len(cut.text.words), np.bool_)),
    "tokens": lambda cut: cut.encoded.ids.lengths,
    "cuts": lambda cut: count_places(cut.encoded.ids.lengths),
    "unknown": Cut.count_unknown,
    "lossless": lambda cut: cut.encoded.is_lossless.astype(np.int64),
    "continued": lambda cut: cut.text.count_words(cut.tokens_of_words >= 2),
    "single": lambda cut: cut.text.count_words(cut.tokens_of_words == 1),
}


def count_columns(cut: Cut, names: Collection[str]) -> Columns:
    """What is counted in every document.

    Parameters
    ----------
    cut : Cut
        The text, and what a tokenizer makes of it.
    names : collection of str
        Which columns; names of what is not counted by document are passed over.

    Returns
    -------
    dict of str to ndarray of int64, shape (k,)
        Each column that is named: its count in each of k documents.
    """
    return {name: count(cut) for name, count in _COLUMNS.items() if name in names}
