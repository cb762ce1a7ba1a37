"""What a vocabulary has, what of it a text uses, and what it has no piece for.

An ordinary id is one that is in use and is neither a special token's nor that of what is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.errors import UnknownCharacterError
from fasttok.evaluation.foreign import AnyTokenizer
from fasttok.evaluation.totals import Quotient, Total, divide
from fasttok.ragged import Ragged

_SIDES = [(b"", b""), *((x, y) for n in (b"a", b"q") for x, y in ((n, b""), (b"", n), (n, n)))]


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


def find_unused(counts: NDArray[Any], is_ordinary: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The ordinary ids that do not occur, ascending; arguments as of `vocabulary_use`.

    Examples
    --------
    >>> import numpy as np
    >>> find_unused(np.array([9, 0, 1, 0]), np.array([True, True, True, False]))
    array([1])
    """
    return np.flatnonzero(is_ordinary & (counts == 0))


def find_unreached(tokenizer: AnyTokenizer) -> NDArray[np.int64]:
    """The ordinary ids that encoding does not give for their own text.

    Parameters
    ----------
    tokenizer : Tokenizer, or what `fasttok.wrap` gives
        The tokenizer.

    Returns
    -------
    ndarray of int64
        Ids, ascending.

    Notes
    -----
    The text of an id is what decoding writes for it alone. It is encoded as it is; then, as some pieces are
    found only inside words or at their end, behind, before and between letters: "a", and "q", with which few
    pieces combine. An id is reached if it is among the ids of one of these. So what only other neighbours
    bring out is listed though a text could have it. For BPE over bytes that cannot be: what merging makes of
    a text it makes of the piece alone, unless the pretokenizer cuts it. An id whose text is not UTF-8, part
    of a character, is not tested.

    Seven texts an id are encoded at most. What is never reached was there only for larger pieces to be made
    of, or pretokens are cut otherwise now.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.Tokenizer(ft.WordPieceModel(["q", "a", "ab", "##b", "a b"]), "bert")
    >>> [tok.id_to_piece(i) for i in find_unreached(tok)]
    [b'a b']
    """
    candidates, texts = [], []
    for i in np.flatnonzero(find_ordinary(tokenizer)).tolist():
        text = tokenizer.decode_bytes([i])
        if _is_utf8(text):
            candidates.append(i)
            texts.append(text)
    ids = np.array(candidates, np.int64)
    left = np.arange(len(ids))  # what is not reached yet
    for before, behind in _SIDES:
        rows = _encode_known(tokenizer, [before + texts[i] + behind for i in left])
        row_of = np.repeat(np.arange(len(left)), rows.lengths)
        is_reached = np.bincount(row_of[rows.values == ids[left[row_of]]], minlength=len(left)) > 0
        left = left[~is_reached]
    return ids[left]


def _encode_known(tokenizer: AnyTokenizer, texts: Sequence[bytes]) -> Ragged:
    """The ids of texts; none of a text with a character that the tokenizer does not know."""
    try:
        return tokenizer.encode_batch(texts)
    except UnknownCharacterError:
        if len(texts) == 1:
            return Ragged.from_rows([[]])
    return Ragged.from_arrays([_encode_known(tokenizer, [text])[0] for text in texts])


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


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
    Every piece weighs the same, however often it occurs. ``pieces.lengths[is_ordinary]`` has all lengths.

    Examples
    --------
    >>> import numpy as np
    >>> mean_piece_length(Ragged.from_bytes([b"the", b"a"]), np.ones(2, bool))
    2.0
    """
    return divide(int(pieces.lengths[is_ordinary].sum()), int(np.count_nonzero(is_ordinary)))


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
    Pieces are compared as bytes, those of ordinary ids, with ▁ (U+2581) as a space, so that conventions for
    white space differ less. Other marks, as ## and </w>, stay.

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
    rows = tokenizer.pieces.take(np.flatnonzero(find_ordinary(tokenizer))).to_bytes()
    return {row.replace("▁".encode(), b" ") for row in rows}
