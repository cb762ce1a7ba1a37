"""`Column`: a count per document; totals of columns are what metrics are functions of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged
from fasttok.evaluation.encoded import Encoded
from fasttok.evaluation.words import (
    count_by_document,
    count_characters,
    count_places,
    count_tokens_of_words,
    find_words,
)


class Text:
    """The documents of a language, and what is known of them whatever the tokenizer.

    Attributes
    ----------
    documents : Ragged of uint8
        The text, one row per document.
    n_characters : ndarray of int64, shape (k,)
        Characters of each document.
    words : ndarray of int64, shape (n, 2)
        Begin and end of each word, in bytes of ``documents.values``.
    """

    def __init__(self, documents: Ragged, words: str) -> None:
        self.documents = documents
        self._rule = words

    @cached_property
    def n_characters(self) -> NDArray[np.int64]:
        """The characters of each document."""
        return count_characters(self.documents)

    @cached_property
    def words(self) -> NDArray[np.int64]:
        """Begin and end of each word."""
        return find_words(self.documents, self._rule)

    def count_words(self, is_counted: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Count in each document the words that are to be counted."""
        return count_by_document(self.documents, self.words[is_counted, 0])


class Cut:
    """A text cut into tokens by a tokenizer.

    Attributes
    ----------
    text : Text
        The text.
    encoded : Encoded
        The tokens: their ``ids``, their ``byte_spans``, and the ``tokenizer``.
    tokens_of_words : ndarray of int64, shape (n,)
        Number of tokens of each word.
    """

    def __init__(self, text: Text, encoded: Encoded) -> None:
        self.text = text
        self.encoded = encoded

    @cached_property
    def tokens_of_words(self) -> NDArray[np.int64]:
        """Number of tokens of each word."""
        return count_tokens_of_words(self.text.words, self.encoded.byte_spans[self.encoded.is_text])

    def count_unknown(self) -> NDArray[np.int64]:
        """Count the unknown tokens of each document."""
        unk_id, ids = self.encoded.tokenizer.unk_id, self.encoded.ids
        if unk_id is None:
            return np.zeros(len(ids), np.int64)
        return count_by_document(ids, np.flatnonzero(ids.values == unk_id))


@dataclass(frozen=True)
class Column:
    """A count per document, whose sum over documents a `Metric` can be a function of.

    Parameters
    ----------
    name : str
        Name of the column, for errors.
    count : callable
        Function of a `fasttok.evaluation.columns.Cut`, a text and its tokens, that returns whole numbers, one
        per document: an ndarray of int64 of shape (k,).
    definition : str
        What is counted, in a sentence.

    Examples
    --------
    >>> import fasttok as ft
    >>> from fasttok.evaluation.encoded import encode
    >>> column = Column("long", lambda cut: (cut.encoded.ids.lengths > 3).astype("int64"))
    >>> tok = ft.Tokenizer(ft.ByteModel(), "gpt2")
    >>> documents = ft.Ragged.from_bytes([b"low", b"lower"])
    >>> count_columns(Cut(Text(documents, "whitespace"), encode(tok, documents)), [column])[column]
    array([0, 1])
    """

    name: str
    count: Callable[[Cut], NDArray[np.int64]]
    definition: str = ""


COLUMNS = {
    column.name: column
    for column in (
        Column("documents", lambda cut: np.ones(len(cut.encoded.ids), np.int64), "Documents."),
        Column("bytes", lambda cut: cut.text.documents.lengths, "Bytes of text in UTF-8, as it is given."),
        Column("characters", lambda cut: cut.text.n_characters, "Code points of text, as it is given."),
        Column(
            "places",
            lambda cut: count_places(cut.text.n_characters),
            "Places between two characters: characters - 1 of each document that has any.",
        ),
        Column(
            "words",
            lambda cut: cut.text.count_words(np.ones(len(cut.text.words), np.bool_)),
            "Words, by the rule of the test corpus.",
        ),
        Column("tokens", lambda cut: cut.encoded.ids.lengths, "Tokens, without those of a template."),
        Column(
            "cuts",
            lambda cut: count_places(cut.encoded.ids.lengths),
            "Cuts between two tokens: tokens - 1 of each document that has any.",
        ),
        Column("unknown", Cut.count_unknown, "Unknown tokens."),
        Column(
            "lossless",
            lambda cut: cut.encoded.is_lossless.astype(np.int64),
            "Documents that come back byte for byte from their ids.",
        ),
        Column(
            "continued",
            lambda cut: cut.text.count_words(cut.tokens_of_words >= 2),
            "Words with two or more tokens.",
        ),
        Column(
            "single",
            lambda cut: cut.text.count_words(cut.tokens_of_words == 1),
            "Words with exactly one token.",
        ),
    )
}
OF_SPANS = (
    "continued",
    "single",
)  # columns that ask where tokens are, which not every tokenizer knows at once
Key = str | Column  # of a total


def count_columns(cut: Cut, totals: Iterable[Key]) -> dict[Key, NDArray[np.int64]]:
    """Count in every document.

    Parameters
    ----------
    cut : Cut
        The text and its tokens.
    totals : iterable of str or Column
        The columns; names of totals that are not counted per document are passed over.

    Returns
    -------
    dict of str or Column to ndarray of int64, shape (k,)
        The count of each column in each of k documents.

    Raises
    ------
    ValueError
        If a column does not count whole numbers, one per document.
    """
    found: dict[Key, NDArray[np.int64]] = {}
    for total in totals:
        column = COLUMNS.get(total) if isinstance(total, str) else total
        if column is not None:
            found[total] = _check_counts(column.name, column.count(cut), len(cut.encoded.ids))
    return found


def _check_counts(name: str, counts: object, n_documents: int) -> NDArray[np.int64]:
    array = np.asarray(counts)
    if array.shape != (n_documents,) or array.dtype.kind not in "biu":
        raise ValueError(
            f"the column {name!r} must count whole numbers, one for each of {n_documents:,} documents; "
            f"it returned {array.dtype} of shape {array.shape}"
        )
    return array.astype(np.int64, copy=False)
