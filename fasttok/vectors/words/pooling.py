"""`DocumentVectors`: one vector per text, from the vectors of its tokens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_batch, checked_choice, checked_size, checked_text
from fasttok.core.ragged import Ragged
from fasttok.models.unigram._elementary import log
from fasttok.tokenizer.tokenizer import Tokenizer
from fasttok.vectors._sums import sum_rows

DIGITS = 12  # of cosines; the following ones depend on the library that multiplies matrices
_SMOOTHING = 0.001  # of smooth inverse frequency
_CHUNK = 1 << 14  # texts that are pooled at a time

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class DocumentVectors:
    """Vectors of texts; `WordVectors.pool` makes them.

    Attributes
    ----------
    vectors : ndarray of float32, shape (n, dim)
        One row per text; zero for a text without a known token that has a vector.

    Examples
    --------
    >>> import fasttok as ft
    >>> texts = ["a c", "b c", "c d", "a d", "b d"]
    >>> tok = ft.train(ft.Corpus.from_texts(texts), model="word", pretokenizer="whitespace_split")
    >>> vec = ft.vectors.cooccurrence(texts, tok).ppmi().svd(dim=2)
    >>> docs = vec.pool(texts, weights="idf")
    >>> docs, len(docs)
    (DocumentVectors(5 texts, dim=2), 5)
    """

    vectors: NDArray[np.float32]
    _tokenizer: Tokenizer
    _rows: NDArray[np.float32]  # of the ids, multiplied by their weights
    _common: Floats | None  # unit vector of the component that is removed

    def embed(self, texts: Iterable[str | bytes]) -> NDArray[np.float32]:
        """Return the vectors of other texts, with the same weights and without the same common component.

        Parameters
        ----------
        texts : iterable of str or bytes
            The texts.

        Returns
        -------
        ndarray of float32, shape (m, dim)
            One row per text.

        Raises
        ------
        TypeError
            If `texts` are not texts.
        UnknownCharacterError
            If a text cannot be encoded.

        Examples
        --------
        >>> import fasttok as ft
        >>> texts = ["a c", "b c", "c d", "a d", "b d"]
        >>> tok = ft.train(ft.Corpus.from_texts(texts), model="word", pretokenizer="whitespace_split")
        >>> docs = ft.vectors.cooccurrence(texts, tok).ppmi().svd(dim=2).pool(texts)
        >>> docs.embed(["c a", "d"]).shape
        (2, 2)
        """
        found = _average(self._tokenizer.encode_batch(_checked(texts)), self._rows)
        return _without(found, self._common).astype(np.float32)

    def search(self, query: str, k: int = 5) -> list[tuple[int, float]]:
        """Return the texts that are nearest to a query.

        Parameters
        ----------
        query : str
            The query.
        k : int
            Number of texts.

        Returns
        -------
        list of tuple of int and float
            Index of each text, and the cosine of its vector and that of the query, rounded to 12 digits; the
            largest first, and equal ones in the order of the texts. The cosine with a vector that is zero
            is 0.

        Raises
        ------
        TypeError, ValueError
            If `query` is not a ``str``, none of its tokens has a vector, or `k` is below 1.
        UnknownCharacterError
            If the query cannot be encoded.

        Notes
        -----
        The search is exact and takes O(n * dim) time for n texts.

        Examples
        --------
        >>> import fasttok as ft
        >>> texts = ["a c", "b c", "c d", "a d", "b d"]
        >>> tok = ft.train(ft.Corpus.from_texts(texts), model="word", pretokenizer="whitespace_split")
        >>> docs = ft.vectors.cooccurrence(texts, tok).ppmi().svd(dim=2).pool(texts, weights="mean")
        >>> docs.search("d b", k=1)
        [(0, 1.0)]
        """
        k = checked_size("k", k, 1)
        [vector] = self.embed([checked_text("query", query)])
        if not vector.any():
            raise ValueError(f"query must have a token with a vector, but {query[:60]!r} has none")
        cosines = (self._units @ _scale(vector[None])[0]).round(DIGITS)
        order = np.argsort(-cosines, kind="stable")[:k]
        return list(zip(order.tolist(), cosines[order].tolist(), strict=True))

    @cached_property
    def _units(self) -> Floats:
        """Vectors, divided by their lengths."""
        return _scale(self.vectors)

    def __len__(self) -> int:
        return len(self.vectors)

    def __repr__(self) -> str:
        n, dim = self.vectors.shape
        return f"DocumentVectors({n:,} text{'s' * (n != 1)}, dim={dim})"


def pool(
    tokenizer: Tokenizer,
    table: NDArray[np.float32],
    counts: NDArray[np.int64],
    texts: Iterable[str | bytes],
    weights: Any,
) -> DocumentVectors:
    """Return one vector per text; see `WordVectors.pool`."""
    checked_choice("weights", weights, "sif", "idf", "mean")
    ids = tokenizer.encode_batch(_checked(texts))
    if len(ids) == 0:
        raise ValueError("texts must have at least one text")
    factors = np.ones(len(table))
    if weights == "sif":
        factors = _SMOOTHING / (_SMOOTHING + counts / max(1, int(counts.sum())))
    elif weights == "idf":
        factors = log((1 + len(ids)) / (1.0 + _count_texts(ids, len(table)))) + 1
    if tokenizer.unk_id is not None:
        factors[tokenizer.unk_id] = 0
    rows = (table * factors[:, None]).astype(np.float32)
    found = _average(ids, rows)
    common = _find_common(found) if weights == "sif" else None
    return DocumentVectors(_without(found, common).astype(np.float32), tokenizer, rows, common)


def _checked(texts: Any) -> Iterable[str | bytes]:
    return checked_batch("texts", texts)


def _count_texts(ids: Ragged, n_ids: int) -> NDArray[np.int64]:
    """Return the number of texts that each id is in."""
    texts = np.repeat(np.arange(len(ids)), ids.lengths)
    pairs = np.unique(texts * n_ids + ids.values)
    return np.bincount(pairs % n_ids, minlength=n_ids)


def _average(ids: Ragged, rows: NDArray[np.float32]) -> Floats:
    """Return the mean of the rows of each text's ids, without those that are zero."""
    has_vector: NDArray[np.bool_] = (rows != 0).any(axis=1)
    result = np.zeros((len(ids), rows.shape[1]))
    for first in range(0, len(ids), _CHUNK):
        part = ids[first : first + _CHUNK]
        n = np.diff(np.concatenate([[0], np.cumsum(has_vector[part.values])])[part.offsets])
        sums = sum_rows(rows, part.values.astype(np.int64), part.offsets)
        result[first : first + _CHUNK] = sums / np.maximum(n, 1)[:, None]
    return result


def _scale(vectors: NDArray[np.float32]) -> Floats:
    """Return rows divided by their lengths, except those that are zero."""
    rows = vectors.astype(np.float64)
    norms = np.sqrt(np.square(rows).sum(axis=1))
    rows /= np.where(norms > 0, norms, 1)[:, None]
    return rows


def _find_common(vectors: Floats) -> Floats:
    """Return the first right singular vector of a matrix."""
    _, directions = np.linalg.eigh(vectors.T @ vectors)
    common: Floats = directions[:, -1]
    return common


def _without(vectors: Floats, common: Floats | None) -> Floats:
    """Return the vectors without their component in the direction of a unit vector."""
    if common is None:
        return vectors
    left = vectors - np.outer(vectors @ common, common)
    # What is left of a vector in this direction is rounding, whose direction means nothing.
    left[np.square(left).sum(axis=1) <= 1e-12 * np.square(vectors).sum(axis=1)] = 0
    return left
