"""Documents for language models: ids, with the symbols that begin and end a document."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_batch, checked_dimension, describe, describe_type
from fasttok.core.ids import Rows, as_known_rows, as_rows
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.corpus.corpus import Corpus
from fasttok.tokens.store import TokenStore

Texts = Corpus | Iterable[str | bytes]
TEXT_TYPES = (str, bytes, bytearray, memoryview)
KEPT = (Corpus, Ragged, np.ndarray, Set, Mapping, *TEXT_TYPES)  # iterables of which no list is made
CHUNK = 1 << 22  # ids that are read together


class Part(NamedTuple):
    """Some documents of a source: their ids, and the number of bytes of their text if it is known."""

    rows: Ragged
    n_bytes: int | None


@dataclass(frozen=True)
class Source:
    """Documents in the ids of one vocabulary.

    Attributes
    ----------
    vocab_size : int
        Number of ids.
    separator_id : int or None
        Id at the end of each document.
    fingerprint : str or None
        Fingerprint of the tokenizer, if it is known.
    n_bytes : int or None
        Number of bytes of the text; None if unknown, or if it is known part by part.
    read : callable
        Function that returns an iterator over the documents.
    """

    vocab_size: int
    separator_id: int | None
    fingerprint: str | None
    n_bytes: int | None
    read: Callable[[], Iterator[Part]]


def open_source(source: Any, tok: Any, vocab_size: int | None = None) -> Source:
    """Return the documents of a store, of rows of ids, or of texts.

    Parameters
    ----------
    source : TokenStore, Ragged, Corpus, or iterable of rows of ids or of texts
        The documents.
    tok : Tokenizer, or result of `fasttok.wrap`, or int, optional
        Tokenizer, or number of ids.
    vocab_size : int, optional
        Number of ids, if it is known.

    Raises
    ------
    TypeError, ValueError, IndexError
        If an argument has the wrong type, or one is missing, or an id is not in the vocabulary.
    """
    if isinstance(source, TokenStore):
        if tok is not None:
            raise ValueError("tok must not be given for a TokenStore, which knows its vocabulary")
        checked_dimension("vocab_size of source", source.vocab_size)
        rows = Ragged(source.ids, source.offsets)
        return Source(
            source.vocab_size,
            source.separator_id,
            source.tokenizer_fingerprint,
            source.source_bytes,
            lambda: _split(rows),
        )
    if isinstance(source, Iterable) and not isinstance(source, KEPT):
        source = list(source)
    is_texts = isinstance(source, Corpus) or _has_texts(source)
    if tok is None and (is_texts or vocab_size is None):
        needed = "the tokenizer that encodes texts" if is_texts else "their tokenizer, or the number of ids"
        raise TypeError(f"tok must be given for {'texts' if is_texts else 'rows of ids'}: {needed}")
    if is_texts:
        if isinstance(tok, type) or not all(hasattr(tok, name) for name in ("encode_batch", "vocab_size")):
            raise TypeError(f"tok must be a Tokenizer, or the result of ft.wrap, not {describe(tok)}")
        return Source(tok.vocab_size, None, _fingerprint(tok), None, lambda: _encode(source, tok))
    n_ids = _count_ids(vocab_size if tok is None else tok)
    known = as_known_rows(as_rows(_checked_rows(source), "source"), n_ids)
    return Source(n_ids, None, _fingerprint(tok), None, lambda: _split(known))


def join(rows: Ragged, end_id: int, begin: int) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Return the symbols of documents in one array, and the start of each document, followed by the end.

    A document is the symbol `begin`, its ids and `end_id`, which is not added if it is the last id already.
    """
    lengths = rows.lengths
    lasts = rows.offsets[1:] - 1
    has_end = lengths > 0
    has_end[has_end] = rows.values[lasts[has_end]] == end_id
    offsets = lengths_to_offsets(lengths + 2 - has_end)
    symbols = np.full(offsets[-1], end_id, np.uint32)
    is_id = np.ones(len(symbols), np.bool_)
    is_id[offsets[:-1]] = False
    is_id[offsets[1:][~has_end] - 1] = False
    symbols[is_id] = rows.values[rows.offsets[0] : rows.offsets[-1]]
    symbols[offsets[:-1]] = begin
    return symbols, offsets


def _has_texts(source: Any) -> bool:
    if isinstance(source, TEXT_TYPES):
        return True
    if isinstance(source, np.ndarray):
        return source.dtype.kind in "SU"
    return isinstance(source, list) and len(source) > 0 and isinstance(source[0], (str, bytes))


def _count_ids(tok: Any) -> int:
    size = tok if isinstance(tok, type) else getattr(tok, "vocab_size", tok)
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)):
        raise TypeError(f"tok must be a Tokenizer or the number of ids, not {describe(tok)}")
    return checked_dimension("tok" if size is tok else "vocab_size of tok", size)


def _checked_rows(source: Any) -> Rows:
    if isinstance(source, type) or not isinstance(source, (Ragged, Iterable)):
        raise TypeError(
            f"source must be a TokenStore, a Corpus, or rows of ids or texts, not {describe_type(source)}"
        )
    rows: Rows = source
    return rows


def _fingerprint(tok: Any) -> str | None:
    return tok.fingerprint() if hasattr(tok, "fingerprint") else None


def _split(rows: Ragged) -> Iterator[Part]:
    """Yield documents in parts of about `CHUNK` ids."""
    first = 0
    while first < len(rows):
        last = int(np.searchsorted(rows.offsets, rows.offsets[first] + CHUNK, side="right")) - 1
        last = max(last, first + 1)
        yield Part(rows[first:last], None)
        first = last


def _encode(source: Texts, tok: Any) -> Iterator[Part]:
    """Yield documents as ids, batch by batch."""
    corpus = source if isinstance(source, Corpus) else Corpus.from_texts(checked_batch("source", source))
    for batch in corpus.batches():
        with batch.locating_errors():
            yield Part(tok.encode_batch(batch.documents.to_bytes()), len(batch.documents.values))
