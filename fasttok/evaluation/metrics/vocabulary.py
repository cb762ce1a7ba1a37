"""What a vocabulary has, what of it a text uses, and what it has no piece for.

An ordinary id is one that is in use and is neither a special token's nor that of what is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import ScoringError, UnknownCharacterError
from fasttok.core.ragged import Ragged
from fasttok.evaluation.metrics.totals import Quotient, Total, divide
from fasttok.evaluation.wrappers import AnyTokenizer
from fasttok.models.pieces import BYTE_NAMES
from fasttok.text.pretokenizers.metaspace import MARK

# The pieces of byte fallback, and the byte each stands for.
_BYTES = {name: bytes([byte]) for byte, name in enumerate(BYTE_NAMES)}
# What stands before and behind a piece, where it is not reached alone: letters with which few pieces combine,
# and a number, which combines with none.
_SIDES = [(b"", b""), *((x, y) for n in (b"a", b"q", b"z", b"1") for x, y in ((n, b""), (b"", n), (n, n)))]


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


def find_unreached(tokenizer: AnyTokenizer, counts: NDArray[Any] | None = None) -> NDArray[np.int64]:
    """The ordinary ids that no text seems to become.

    Parameters
    ----------
    tokenizer : Tokenizer, or what `fasttok.wrap` gives
        The tokenizer.
    counts : ndarray of int64, shape (vocab_size,), optional
        How often each id occurs in a text at hand; those that do are reached.

    Returns
    -------
    ndarray of int64
        Ids, ascending.

    Notes
    -----
    An id is reached if it is among the ids of any text that is tried. For each id these are what decoding
    writes for it alone, and its piece with ▁ as a space and without ## before it; as they are, and, as some
    pieces are found only inside words or at their end, with "a", "q", "z" or "1" before, behind, or on both
    sides. So what only other neighbours bring out is listed though a text could have it. For BPE over bytes
    that cannot be: what merging makes of a text it makes of the piece alone, unless the pretokenizer cuts it.
    An id that stands for part of a character, so that its piece or what decoding writes is no UTF-8 or has
    U+FFFD, is not tested.

    Thirteen passes over the ids at most, each over what the ones before have not reached. What is never
    reached was there only for larger pieces to be made of, or pretokens are cut otherwise now.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.Tokenizer(ft.WordPieceModel(["q", "a", "ab", "##b", "a b"]), "bert")
    >>> [tok.id_to_piece(i) for i in find_unreached(tok)]
    [b'a b']
    """
    is_reached = np.zeros(tokenizer.vocab_size, np.bool_) if counts is None else counts > 0
    texts: list[bytes] = []
    ids: list[int] = []  # of each text
    for i in np.flatnonzero(find_ordinary(tokenizer) & ~is_reached).tolist():
        piece, written = tokenizer.id_to_piece(i), tokenizer.decode_bytes([i])
        if _is_whole(piece) and _is_whole(written):
            found = dict.fromkeys([written, piece.replace(MARK, b" "), piece.removeprefix(b"##")])
            texts += found
            ids += [i] * len(found)
    id_of = np.array(ids, np.int64)
    for before, behind in _SIDES:
        left = np.flatnonzero(~is_reached[id_of])
        rows = _encode_known(tokenizer, [before + texts[i] + behind for i in left])
        is_reached[rows.values] = True
    return np.unique(id_of[~is_reached[id_of]])


def unreached_pieces(n_unreached: Total) -> Quotient:
    """How many pieces of a vocabulary no text seems to become.

    Parameters
    ----------
    n_unreached : int
        The ordinary ids that `find_unreached` lists, those that occur in the text at hand not among them.

    Returns
    -------
    float
        In pieces: the number itself, which is divided by nothing.

    Examples
    --------
    >>> unreached_pieces(3)
    3.0
    """
    return divide(n_unreached, 1)


def _encode_known(tokenizer: AnyTokenizer, texts: Sequence[bytes]) -> Ragged:
    """The ids of texts; none of a text that the tokenizer fails on, as it does not know a character."""
    try:
        return tokenizer.encode_batch(texts)
    except (UnknownCharacterError, ScoringError):
        if len(texts) == 1:
            return Ragged.from_rows([[]])
    return Ragged.from_arrays([_encode_known(tokenizer, [text])[0] for text in texts])


def _is_whole(text: bytes) -> bool:
    return "\ufffd" not in text.decode(errors="replace")


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
