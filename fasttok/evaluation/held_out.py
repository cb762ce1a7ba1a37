"""Bits of documents under a language model that was trained on other documents of the same text."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged
from fasttok.lm.ngram import NGram

ORDER = 3  # length of the n-grams of the model
UNITS = 1024  # parts of a bit that are counted


def split_documents(documents: Ragged) -> NDArray[np.bool_] | None:
    """Split documents into two halves.

    Parameters
    ----------
    documents : Ragged of uint8
        Text, one row per document.

    Returns
    -------
    ndarray of bool, shape (k,), or None
        Whether each document is in the second half. None if there are not two different documents.

    Notes
    -----
    The different documents, in the order of their BLAKE2b hashes of 16 bytes, belong to the first and to the
    second half in turn. So equal documents are in the same half, and the order of the documents has no
    influence.

    Examples
    --------
    >>> import fasttok as ft
    >>> from fasttok.evaluation.held_out import split_documents
    >>> split_documents(ft.Ragged.from_bytes([b"low", b"lower", b"low", b"slow"])).tolist()
    [True, False, True, False]
    """
    hashes = [hashlib.blake2b(text, digest_size=16).digest() for text in documents.to_bytes()]
    places = {one: i for i, one in enumerate(sorted(set(hashes)))}
    if len(places) < 2:
        return None
    return np.array([places[one] % 2 == 1 for one in hashes], np.bool_)


def count_bits(
    documents: Ragged, ids: Ragged, vocab_size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the bits of each document under a trigram model of the other half of the documents.

    Parameters
    ----------
    documents : Ragged of uint8
        Text, one row per document.
    ids : Ragged of uint32
        Ids of the documents.
    vocab_size : int
        Number of ids of the tokenizer.

    Returns
    -------
    n_units : ndarray of int64, shape (k,)
        Bits of the ids and of one end symbol of each of k documents, in units of 1/1,024, rounded.
    n_bytes : ndarray of int64, shape (k,)
        Bytes of each document. Both are 0 if there are not two different documents.

    Examples
    --------
    >>> import fasttok as ft
    >>> from fasttok.evaluation.held_out import count_bits
    >>> documents = ft.Ragged.from_bytes([b"ab", b"abb", b"a"])
    >>> n_units, n_bytes = count_bits(documents, ft.Ragged.from_rows([[0, 1], [0, 1, 1], [0]]), 2)
    >>> (n_units / 1024).round(1).tolist(), n_bytes.tolist()
    ([4.0, 5.0, 4.2], [2, 3, 1])
    """
    is_second = split_documents(documents)
    n_units = np.zeros(len(documents), np.int64)
    if is_second is None:
        return n_units, n_units
    halves = [np.flatnonzero(is_second == half) for half in (False, True)]
    for train, test in (halves, halves[::-1]):
        model = NGram(ORDER).fit(ids.take(train), vocab_size)
        n_units[test] = np.rint(UNITS * model.bits(ids.take(test))).astype(np.int64)
    return n_units, documents.lengths
