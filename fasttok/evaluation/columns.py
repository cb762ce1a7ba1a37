"""`Column`: a count per document. Metrics are functions of the totals of columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_callable, checked_text, checked_word
from fasttok.core.ragged import Ragged
from fasttok.evaluation.encoded import Encoded
from fasttok.evaluation.held_out import count_bits
from fasttok.evaluation.words import (
    count_by_document,
    count_characters,
    count_places,
    count_tokens_of_words,
    find_words,
)


class Text:
    """Documents of one language, with counts that do not depend on a tokenizer.

    Parameters
    ----------
    documents : Ragged of uint8
        Text, one row per document.
    words : {"whitespace", "dzongkha", "unicode"}
        Definition of a word; see `fasttok.evaluation.words.find_words`.

    Attributes
    ----------
    documents : Ragged of uint8
        Text, one row per document.
    n_characters : ndarray of int64, shape (k,)
        Number of code points of each of k documents.
    words : ndarray of int64, shape (n, 2)
        Start and end of each of n words, in bytes of ``documents.values``.

    Examples
    --------
    >>> import fasttok as ft
    >>> from fasttok.evaluation.columns import Text
    >>> text = Text(ft.Ragged.from_bytes([b"low", b"slow lower"]), "whitespace")
    >>> text.n_characters.tolist(), text.words.tolist()
    ([3, 10], [[0, 3], [3, 7], [8, 13]])
    """

    def __init__(self, documents: Ragged, words: str) -> None:
        self.documents = documents
        self._rule = words

    @cached_property
    def n_characters(self) -> NDArray[np.int64]:
        """Number of code points of each document."""
        return count_characters(self.documents)

    @cached_property
    def words(self) -> NDArray[np.int64]:
        """Start and end of each word, in bytes of ``documents.values``."""
        return find_words(self.documents, self._rule)

    def count_words(self, is_counted: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Count the words of each document for which the mask `is_counted` is True."""
        return count_by_document(self.documents, self.words[is_counted, 0])


class Cut:
    """Text with its tokens from one tokenizer: the argument of the function of a `Column`.

    Parameters
    ----------
    text : Text
        Documents of one language.
    encoded : Encoded
        Tokens of the same documents, with ``ids``, ``byte_spans`` and ``tokenizer``.

    Attributes
    ----------
    text : Text
        Documents of one language.
    encoded : Encoded
        Tokens of the same documents.
    tokens_of_words : ndarray of int64, shape (n,)
        Number of tokens of each of n words.

    Examples
    --------
    >>> import fasttok as ft
    >>> from fasttok.evaluation.columns import Text
    >>> from fasttok.evaluation.encoded import encode
    >>> tok = ft.Tokenizer(ft.ByteModel(), "gpt2")
    >>> documents = ft.Ragged.from_bytes([b"low", b"slow lower"])
    >>> cut = ft.Cut(Text(documents, "whitespace"), encode(tok, documents))
    >>> cut.encoded.ids.lengths.tolist(), cut.tokens_of_words.tolist()
    ([3, 10], [3, 4, 5])
    """

    def __init__(self, text: Text, encoded: Encoded) -> None:
        self.text = text
        self.encoded = encoded

    @cached_property
    def tokens_of_words(self) -> NDArray[np.int64]:
        """Number of tokens of each word."""
        return count_tokens_of_words(self.text.words, self.encoded.byte_spans[self.encoded.is_text])

    @cached_property
    def model_bits(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Bits and bytes of each document; see `fasttok.evaluation.held_out.count_bits`."""
        return count_bits(self.text.documents, self.encoded.ids, self.encoded.tokenizer.vocab_size)

    def count_unknown(self) -> NDArray[np.int64]:
        """Count the unknown tokens of each document."""
        unk_id, ids = self.encoded.tokenizer.unk_id, self.encoded.ids
        if unk_id is None:
            return np.zeros(len(ids), np.int64)
        return count_by_document(ids, np.flatnonzero(ids.values == unk_id))


@dataclass(frozen=True)
class Column:
    """Count per document. Its sum over all documents is a total, of which a `Metric` can be a function.

    Parameters
    ----------
    name : str
        Name of the column in error messages.
    count : callable
        Function that takes a `Cut`, a text with its tokens, and returns one whole number per document: an
        ndarray of int64, shape (k,).
    definition : str
        One sentence that says what is counted.

    Raises
    ------
    TypeError, ValueError
        If `name` or `definition` is not a ``str``, `name` is empty, or `count` is not a function.

    Examples
    --------
    Share of documents with more than three tokens:

    >>> import fasttok as ft
    >>> long = ft.Column("long", lambda cut: (cut.encoded.ids.lengths > 3).astype("int64"))
    >>> metric = ft.Metric("long_rate", of=(long, "documents"), definition="Long documents, divided by all.")
    >>> texts = ft.Corpus.from_texts(["low", "lower"])
    >>> corpus = ft.TestCorpus.from_corpora("tiny", texts, words="whitespace")
    >>> [row] = ft.measure({"bytes": ft.Tokenizer(ft.ByteModel(), "gpt2")}, corpus, metric, seed=1)
    >>> row["value"], row["n"]
    (0.5, 2)
    """

    name: str
    count: Callable[[Cut], NDArray[np.int64]]
    definition: str = ""

    def __post_init__(self) -> None:
        checked_word("name", self.name)
        checked_callable("count", self.count)
        checked_text("definition", self.definition)


# Predefined columns by name.
COLUMNS = {
    column.name: column
    for column in (
        Column("documents", lambda cut: np.ones(len(cut.encoded.ids), np.int64), "Number of documents."),
        Column(
            "bytes", lambda cut: cut.text.documents.lengths, "Number of UTF-8 bytes, before normalization."
        ),
        Column(
            "characters",
            lambda cut: cut.text.n_characters,
            "Number of Unicode code points, before normalization.",
        ),
        Column(
            "places",
            lambda cut: count_places(cut.text.n_characters),
            "Number of boundaries between two characters: characters - 1, or 0 for an empty document.",
        ),
        Column(
            "words",
            lambda cut: cut.text.count_words(np.ones(len(cut.text.words), np.bool_)),
            "Number of words, as the test corpus defines a word.",
        ),
        Column(
            "tokens",
            lambda cut: cut.encoded.ids.lengths,
            "Number of tokens, without the special tokens that a template adds.",
        ),
        Column(
            "cuts",
            lambda cut: count_places(cut.encoded.ids.lengths),
            "Number of boundaries between two tokens: tokens - 1, or 0 for a document without tokens.",
        ),
        Column("unknown", Cut.count_unknown, "Number of unknown tokens."),
        Column(
            "lossless",
            lambda cut: cut.encoded.is_lossless.astype(np.int64),
            "Number of documents that encoding and decoding restore byte for byte.",
        ),
        Column(
            "model_bits",
            lambda cut: cut.model_bits[0],
            "Bits of the tokens and of one end symbol under a trigram model of the other half of the "
            "documents, in units of 1/1,024.",
        ),
        Column(
            "modelled_bytes",
            lambda cut: cut.model_bits[1],
            "Number of UTF-8 bytes, or 0 for a text without two different documents.",
        ),
        Column(
            "continued",
            lambda cut: cut.text.count_words(cut.tokens_of_words >= 2),
            "Number of words that are split into two or more tokens.",
        ),
        Column(
            "single",
            lambda cut: cut.text.count_words(cut.tokens_of_words == 1),
            "Number of words that are exactly one token.",
        ),
    )
}
SPAN_COLUMNS = ("continued", "single")  # columns that need the spans of tokens, which can be slow to compute
Key = str | Column  # key of a total: the name of a known total, or a custom column


def count_columns(cut: Cut, totals: Iterable[Key]) -> dict[Key, NDArray[np.int64]]:
    """Compute the count of each column in each document.

    Parameters
    ----------
    cut : Cut
        Text with its tokens.
    totals : iterable of str or Column
        Columns to count. Names of totals that are not counted per document are ignored.

    Returns
    -------
    dict of str or Column to ndarray of int64, shape (k,)
        Count of each column in each of k documents.

    Raises
    ------
    ValueError
        If the function of a column does not return one whole number per document.
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
            f"the function of column {name!r} must return one whole number for each of {n_documents:,} "
            f"documents, not {array.dtype} of shape {array.shape}"
        )
    return array.astype(np.int64, copy=False)
