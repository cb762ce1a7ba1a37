"""Pieces of a vocabulary that no text seems to become."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import ScoringError, UnknownCharacterError
from fasttok.core.ragged import Ragged
from fasttok.evaluation.metric import Metric
from fasttok.evaluation.metrics.totals import Quotient, Total, divide
from fasttok.evaluation.metrics.vocabulary import find_ordinary
from fasttok.evaluation.wrappers import AnyTokenizer
from fasttok.text.pretokenizers.metaspace import MARK

# Contexts of a piece that is not reached alone: letters with which few pieces combine, and a number, which
# combines with none.
_SIDES = [(b"", b""), *((x, y) for n in (b"a", b"q", b"z", b"1") for x, y in ((n, b""), (b"", n), (n, n)))]


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
    An id that stands for part of a character, so that its piece or what decoding writes is not UTF-8 or has
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
    """The pieces of a vocabulary that no text seems to become.

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


UNREACHED_PIECES = Metric(
    "unreached_pieces",
    ("unreached",),
    unreached_pieces,
    "ordinary",
    label="Unreached pieces",
    unit="pieces",
    definition="Ordinary pieces that the corpus does not have, and that encoding does not give for their own "
    "text, alone or beside a letter.",
    source="after Land and Bartolo 2024, arXiv 2405.05417",
    better="less",
)


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
