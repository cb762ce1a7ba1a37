"""Vocabulary metrics: use of the vocabulary, unknown tokens, lossless documents and piece lengths.

An ordinary id is an id that is in use and is neither a special token nor the unknown token.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged
from fasttok.evaluation.metric import Metric
from fasttok.evaluation.metrics.totals import Quotient, Total, divide
from fasttok.evaluation.wrappers import AnyTokenizer
from fasttok.models.pieces import BYTE_NAMES
from fasttok.text.pretokenizers.metaspace import MARK

# Byte of each byte-fallback piece.
_BYTES = {name: bytes([byte]) for byte, name in enumerate(BYTE_NAMES)}


def find_ordinary(tokenizer: AnyTokenizer) -> NDArray[np.bool_]:
    """Return a mask of the ordinary ids: ids in use that are neither special nor the unknown token.

    Parameters
    ----------
    tokenizer : Tokenizer, or result of `fasttok.wrap`
        Tokenizer to inspect.

    Returns
    -------
    ndarray of bool, shape (vocab_size,)
        True for ordinary ids.

    Examples
    --------
    >>> import fasttok as ft
    >>> from fasttok.evaluation.metrics.vocabulary import find_ordinary
    >>> model = ft.WordPieceModel(["", "low"], unk_id=0)
    >>> find_ordinary(ft.Tokenizer(model, "bert", {"[UNK]": 0}))
    array([False,  True])
    """
    is_ordinary = tokenizer.pieces.lengths > 0
    is_ordinary[list(tokenizer.special_tokens.values())] = False
    if tokenizer.unk_id is not None:
        is_ordinary[tokenizer.unk_id] = False
    return is_ordinary


def vocabulary_use(counts: NDArray[Any], is_ordinary: NDArray[np.bool_], least: int = 1) -> Quotient:
    """Return the share of the ordinary ids that a text uses.

    Parameters
    ----------
    counts : ndarray of int64, shape (v,)
        Number of occurrences of each id.
    is_ordinary : ndarray of bool, shape (v,)
        Mask of the ordinary ids; see `find_ordinary`.
    least : int
        Minimum number of occurrences of an id.

    Returns
    -------
    float
        Ordinary ids that occur at least `least` times, divided by all ordinary ids. NaN if no id is ordinary.

    Notes
    -----
    Every id has the same weight. The share grows with the length of the text, so compare tokenizers on the
    same text only.

    Examples
    --------
    >>> import numpy as np
    >>> from fasttok.evaluation.metrics.vocabulary import vocabulary_use
    >>> counts, is_ordinary = np.array([9, 0, 1, 5]), np.array([True, True, True, False])
    >>> vocabulary_use(counts, is_ordinary), vocabulary_use(counts, is_ordinary, least=5)
    (0.6666666666666666, 0.3333333333333333)
    """
    n_used = int(np.count_nonzero(is_ordinary & (counts >= least)))
    return divide(n_used, int(np.count_nonzero(is_ordinary)))


VOCABULARY_USE = Metric(
    "vocabulary_use",
    ("counts", "is_ordinary"),
    vocabulary_use,
    "ordinary",
    label="Vocabulary used",
    definition="Ordinary pieces that occur in the text, divided by all ordinary pieces of the vocabulary. "
    "Special tokens, the unknown token and unused ids are not ordinary.",
    source="fasttok",
    better="more",
)


def vocabulary_use_10(counts: NDArray[Any], is_ordinary: NDArray[np.bool_]) -> Quotient:
    """Return the share of the ordinary ids that a text uses at least ten times.

    Parameters
    ----------
    counts : ndarray of int64, shape (v,)
        Number of occurrences of each id.
    is_ordinary : ndarray of bool, shape (v,)
        Mask of the ordinary ids; see `find_ordinary`.

    Returns
    -------
    float
        Result of `vocabulary_use` with ``least=10``.

    Examples
    --------
    >>> import numpy as np
    >>> from fasttok.evaluation.metrics.vocabulary import vocabulary_use_10
    >>> vocabulary_use_10(np.array([9, 10]), np.array([True, True]))
    0.5
    """
    return vocabulary_use(counts, is_ordinary, least=10)


VOCABULARY_USE_10 = Metric(
    "vocabulary_use_10",
    ("counts", "is_ordinary"),
    vocabulary_use_10,
    "ordinary",
    label="Used ≥ 10 times",
    definition="Ordinary pieces that occur ten times or more in the text, divided by all ordinary pieces of "
    "the vocabulary.",
    source="fasttok",
    better="more",
)


def find_unused(counts: NDArray[Any], is_ordinary: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the ordinary ids that a text does not use.

    Parameters
    ----------
    counts : ndarray of int64, shape (v,)
        Number of occurrences of each id.
    is_ordinary : ndarray of bool, shape (v,)
        Mask of the ordinary ids; see `find_ordinary`.

    Returns
    -------
    ndarray of int64
        Ids in ascending order. Their share of all ordinary ids is 1 - `vocabulary_use`.

    Examples
    --------
    >>> import numpy as np
    >>> import fasttok as ft
    >>> from fasttok.evaluation.metrics.vocabulary import find_ordinary, find_unused
    >>> tok = ft.Tokenizer(ft.WordPieceModel(["low", "##er", "new"]), "bert")
    >>> counts = np.bincount(tok.encode("low lower"), minlength=tok.vocab_size)
    >>> [tok.id_to_piece(i) for i in find_unused(counts, find_ordinary(tok))]
    [b'new']
    """
    return np.flatnonzero(is_ordinary & (counts == 0))


def unk_rate(n_unknown: Total, n_tokens: Total) -> Quotient:
    """Return the share of tokens that are the unknown token.

    Parameters
    ----------
    n_unknown : int or ndarray
        Number of unknown tokens; 0 if the tokenizer has no unknown token.
    n_tokens : int or ndarray
        Number of all tokens.

    Returns
    -------
    float or ndarray of float64
        Share from 0 to 1. NaN if there are no tokens.

    Notes
    -----
    One unknown token replaces a character, several characters or a whole word, depending on the tokenizer.
    Byte-level tokenizers, and tokenizers with byte fallback and all 256 byte pieces, produce no unknown
    tokens.

    Examples
    --------
    >>> from fasttok.evaluation.metrics.vocabulary import unk_rate
    >>> unk_rate(1, 200)
    0.005
    """
    return divide(n_unknown, n_tokens)


UNK_RATE = Metric(
    "unk_rate",
    ("unknown", "tokens"),
    unk_rate,
    label="Unknown",
    definition="Number of unknown tokens, divided by the number of all tokens.",
    source="fasttok",
    better="less",
)


def lossless_rate(n_lossless: Total, n_documents: Total) -> Quotient:
    """Return the share of documents that decoding restores byte for byte.

    Parameters
    ----------
    n_lossless : int or ndarray
        Number of documents x with ``decode(encode(x)) == x``.
    n_documents : int or ndarray
        Number of all documents.

    Returns
    -------
    float or ndarray of float64
        Share from 0 to 1. NaN if there are no documents.

    Notes
    -----
    Every document has the same weight. A single changed byte makes a document lossy, so the rate is lower for
    longer documents.

    Examples
    --------
    >>> from fasttok.evaluation.metrics.vocabulary import lossless_rate
    >>> lossless_rate(9, 10)
    0.9
    """
    return divide(n_lossless, n_documents)


LOSSLESS_RATE = Metric(
    "lossless_rate",
    ("lossless", "documents"),
    lossless_rate,
    label="Lossless",
    definition="Documents that encoding and decoding restore byte for byte, divided by all documents.",
    source="fasttok",
    better="more",
)


def mean_piece_length(pieces: Ragged, is_ordinary: NDArray[np.bool_]) -> Quotient:
    """Return the mean length of the ordinary pieces of a vocabulary, in bytes.

    Parameters
    ----------
    pieces : Ragged of uint8
        Bytes of each of v ids, as in `Tokenizer.pieces`. Marks such as ▁ and ## are included.
    is_ordinary : ndarray of bool, shape (v,)
        Mask of the ordinary ids; see `find_ordinary`.

    Returns
    -------
    float
        Bytes of all ordinary pieces, divided by their number. NaN if no id is ordinary.

    Notes
    -----
    Every piece has the same weight, independent of its frequency. Marks count with their own bytes: ▁ has
    three. If all of ``<0x00>`` to ``<0xFF>`` are ordinary pieces, each counts as one byte.

    Examples
    --------
    >>> import numpy as np
    >>> import fasttok as ft
    >>> from fasttok.evaluation.metrics.vocabulary import mean_piece_length
    >>> mean_piece_length(ft.Ragged.from_bytes([b"the", b"a"]), np.ones(2, bool))
    2.0
    """
    rows = _take_text(pieces, is_ordinary)
    return divide(sum(map(len, rows)), len(rows))


MEAN_PIECE_LENGTH = Metric(
    "mean_piece_length",
    ("pieces", "is_ordinary"),
    mean_piece_length,
    "ordinary",
    label="Piece length",
    unit="bytes",
    definition="Total length of all ordinary pieces of the vocabulary in bytes, divided by their number, not "
    "weighted by frequency. If all 256 byte-fallback pieces are ordinary, each counts as one byte.",
    source="fasttok",
)


def overlap(tokenizer: AnyTokenizer, other: AnyTokenizer) -> Quotient:
    """Return the Jaccard similarity of two vocabularies.

    Parameters
    ----------
    tokenizer, other : Tokenizer, or result of `fasttok.wrap`
        Tokenizers to compare.

    Returns
    -------
    float
        Number of pieces in both vocabularies, divided by the number of pieces in at least one of them; from 0
        to 1. NaN if both vocabularies are empty.

    Notes
    -----
    Only ordinary pieces count, with equal weight, and they are compared as bytes. ▁ (U+2581) is replaced by a
    space, so that different conventions for white space matter less. If a vocabulary contains all of
    ``<0x00>`` to ``<0xFF>``, each of these is replaced by its byte. Other marks, such as ## and </w>, are
    kept. After Jaccard (1912).

    Examples
    --------
    >>> import fasttok as ft
    >>> from fasttok.evaluation.metrics.vocabulary import overlap
    >>> a = ft.Tokenizer(ft.WordPieceModel(["low", "er", "new"]), "bert")
    >>> b = ft.Tokenizer(ft.WordPieceModel(["low", "est"]), "bert")
    >>> overlap(a, b)
    0.25
    """
    ours, theirs = _ordinary_pieces(tokenizer), _ordinary_pieces(other)
    return divide(len(ours & theirs), len(ours | theirs))


def _ordinary_pieces(tokenizer: AnyTokenizer) -> set[bytes]:
    return {row.replace(MARK, b" ") for row in _take_text(tokenizer.pieces, find_ordinary(tokenizer))}


def _take_text(pieces: Ragged, is_ordinary: NDArray[np.bool_]) -> list[bytes]:
    """Return the ordinary pieces.

    If all 256 byte-fallback pieces are ordinary, each of them is replaced by its byte.
    """
    rows = pieces.take(np.flatnonzero(is_ordinary)).to_bytes()
    return [_BYTES.get(row, row) for row in rows] if _BYTES.keys() <= set(rows) else rows
