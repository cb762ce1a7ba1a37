"""What a vocabulary has, what of it a text uses, and what it has no piece for.

An ordinary id is one that is in use and is neither a special token's nor that of what is unknown.
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

# The pieces of byte fallback, and the byte each stands for.
_BYTES = {name: bytes([byte]) for byte, name in enumerate(BYTE_NAMES)}


def find_ordinary(tokenizer: AnyTokenizer) -> NDArray[np.bool_]:
    """Which ids are in use for text that is known: not special tokens, not the unknown one.

    Parameters
    ----------
    tokenizer : Tokenizer, or what `fasttok.wrap` gives
        The tokenizer.

    Returns
    -------
    ndarray of bool, shape (vocab_size,)
        True for an ordinary id.

    Examples
    --------
    >>> import fasttok as ft
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
    """The share of a vocabulary that a text uses.

    Parameters
    ----------
    counts : ndarray of int64, shape (v,)
        How often each id occurs.
    is_ordinary : ndarray of bool, shape (v,)
        Which ids count.
    least : int
        How often an id must occur.

    Returns
    -------
    float
        The numerator is the ordinary ids that occur so often, the denominator all ordinary ids; NaN without
        any.

    Notes
    -----
    Every id weighs the same. It grows with the text, so it compares tokenizers on the same text only.

    Examples
    --------
    >>> import numpy as np
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
    definition="Ordinary pieces that occur, divided by all ordinary pieces.",
    source="fasttok's own",
    better="more",
)


def vocabulary_use_10(counts: NDArray[Any], is_ordinary: NDArray[np.bool_]) -> Quotient:
    """The share of a vocabulary that a text uses at least ten times.

    Parameters
    ----------
    counts, is_ordinary : ndarray
        As for `vocabulary_use`.

    Returns
    -------
    float
        As `vocabulary_use` with ``least=10``.

    Examples
    --------
    >>> import numpy as np
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
    definition="Ordinary pieces that occur ten times or more, divided by all ordinary pieces.",
    source="fasttok's own",
    better="more",
)


def find_unused(counts: NDArray[Any], is_ordinary: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The ordinary ids that a text does not use.

    Parameters
    ----------
    counts : ndarray of int64, shape (v,)
        How often each id occurs.
    is_ordinary : ndarray of bool, shape (v,)
        Which ids count; see `find_ordinary`.

    Returns
    -------
    ndarray of int64
        Ids, ascending. Their share of all ordinary ids is 1 - `vocabulary_use`.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.Tokenizer(ft.WordPieceModel(["low", "##er", "new"]), "bert")
    >>> counts = np.bincount(tok.encode("low lower"), minlength=tok.vocab_size)
    >>> [tok.id_to_piece(i) for i in find_unused(counts, find_ordinary(tok))]
    [b'new']
    """
    return np.flatnonzero(is_ordinary & (counts == 0))


def unk_rate(n_unknown: Total, n_tokens: Total) -> Quotient:
    """The share of tokens that are the unknown token.

    Parameters
    ----------
    n_unknown : int or ndarray
        The numerator: unknown tokens; 0 where a tokenizer has no such token.
    n_tokens : int or ndarray
        The denominator: all tokens.

    Returns
    -------
    float or ndarray of float64
        From 0 to 1; NaN without tokens.

    Notes
    -----
    Weighted by length. Tokenizers differ in what one unknown token stands for: a character, a run of them, a
    word; and with byte fallback nothing is unknown.

    Examples
    --------
    >>> unk_rate(1, 200)
    0.005
    """
    return divide(n_unknown, n_tokens)


UNK_RATE = Metric(
    "unk_rate",
    ("unknown", "tokens"),
    unk_rate,
    label="Unknown",
    definition="Unknown tokens, divided by all tokens.",
    source="fasttok's own",
    better="less",
)


def lossless_rate(n_lossless: Total, n_documents: Total) -> Quotient:
    """The share of documents that come back byte for byte from their ids.

    Parameters
    ----------
    n_lossless : int or ndarray
        The numerator: documents x with ``decode(encode(x)) == x``.
    n_documents : int or ndarray
        The denominator: all documents.

    Returns
    -------
    float or ndarray of float64
        From 0 to 1; NaN without documents.

    Notes
    -----
    Every document weighs the same, so it falls with their length.

    Examples
    --------
    >>> lossless_rate(9, 10)
    0.9
    """
    return divide(n_lossless, n_documents)


LOSSLESS_RATE = Metric(
    "lossless_rate",
    ("lossless", "documents"),
    lossless_rate,
    label="Lossless",
    definition="Documents that come back from their ids byte for byte, divided by all documents.",
    source="fasttok's own",
    better="more",
)


def mean_piece_length(pieces: Ragged, is_ordinary: NDArray[np.bool_]) -> Quotient:
    """The mean length of the pieces of a vocabulary.

    Parameters
    ----------
    pieces : Ragged of uint8
        The bytes of each id, as `Tokenizer.pieces` has them: with marks that are not of the text, such as ▁
        and ##.
    is_ordinary : ndarray of bool
        Which ids count.

    Returns
    -------
    float
        The numerator is the bytes of all ordinary pieces, the denominator their number; in bytes. NaN without
        any.

    Notes
    -----
    Every piece weighs the same, however often it occurs. A piece is as long as it is written, with ▁ as three
    bytes; but of byte fallback, where all of ``<0x00>`` to ``<0xFF>`` are ordinary pieces, each of these is
    the one byte that it stands for.

    Examples
    --------
    >>> import numpy as np
    >>> mean_piece_length(Ragged.from_bytes([b"the", b"a"]), np.ones(2, bool))
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
    definition="Bytes of all ordinary pieces, divided by their number; not weighted by use. The pieces of "
    "byte fallback are a byte each.",
    source="fasttok's own",
)


def overlap(tokenizer: AnyTokenizer, other: AnyTokenizer) -> Quotient:
    """Jaccard similarity of two vocabularies.

    Parameters
    ----------
    tokenizer, other : Tokenizer, or what `fasttok.wrap` gives
        The tokenizers.

    Returns
    -------
    float
        The numerator is the pieces that both have, the denominator those that one of them has; from 0 to 1,
        NaN if both are empty.

    Notes
    -----
    Every piece weighs the same. Pieces are compared as bytes, those of ordinary ids, with ▁ (U+2581) as a
    space, so that conventions for white space differ less. Where all of ``<0x00>`` to ``<0xFF>`` are there,
    each is the byte that it stands for. Other marks, as ## and </w>, stay. After Jaccard (1912).

    Examples
    --------
    >>> import fasttok as ft
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
    """The ordinary pieces; those of byte fallback, if all are there, as the bytes they stand for."""
    rows = pieces.take(np.flatnonzero(is_ordinary)).to_bytes()
    return [_BYTES.get(row, row) for row in rows] if _BYTES.keys() <= set(rows) else rows
