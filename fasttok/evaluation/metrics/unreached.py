"""Unreached pieces: pieces that encoding does not seem to produce for any text."""

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

# Text put before and after each tried text: nothing, one of three letters, or a digit.
_CONTEXTS = [(b"", b""), *((x, y) for n in (b"a", b"q", b"z", b"1") for x, y in ((n, b""), (b"", n), (n, n)))]


def find_unreached(tokenizer: AnyTokenizer, counts: NDArray[Any] | None = None) -> NDArray[np.int64]:
    """Return the ordinary ids that encoding produces for none of the tried texts; see `find_ordinary`.

    Parameters
    ----------
    tokenizer : Tokenizer, or result of `fasttok.wrap`
        Tokenizer to test.
    counts : ndarray of int64, shape (vocab_size,), optional
        Number of occurrences of each id in a text. Ids that occur are reached and not tested.

    Returns
    -------
    ndarray of int64
        Unreached ids in ascending order.

    Notes
    -----
    An id is reached if its count is not 0, or if it occurs among the ids of a tried text. The tried texts of
    an id are its decoded text, its piece with ▁ replaced by a space, and its piece without a ## prefix. Each
    text is encoded alone, and with "a", "q", "z" or "1" before it, after it, or on both sides, because some
    pieces occur only inside or at the end of words. An id that occurs only in other contexts is returned
    although it can be reached. Byte-level BPE has no such ids, unless the pretokenizer splits a piece: if any
    text produces the id, its piece alone does, too. An id is not tested and never returned if its piece or
    its decoded text is not UTF-8 or contains U+FFFD, because it is usually part of a character.

    There are at most thirteen passes; each pass encodes the texts of the ids that are not reached yet. A
    piece is usually unreached because it was only an intermediate step towards longer pieces, or because the
    pretokenizer changed after training.

    Examples
    --------
    >>> import fasttok as ft
    >>> from fasttok.evaluation.metrics.unreached import find_unreached
    >>> tok = ft.Tokenizer(ft.WordPieceModel(["q", "a", "ab", "##b", "a b"]), "bert")
    >>> [tok.id_to_piece(i) for i in find_unreached(tok)]
    [b'a b']
    """
    is_reached = np.zeros(tokenizer.vocab_size, np.bool_) if counts is None else counts > 0
    texts: list[bytes] = []
    ids: list[int] = []  # id that each text should produce
    for i in np.flatnonzero(find_ordinary(tokenizer) & ~is_reached).tolist():
        piece, written = tokenizer.id_to_piece(i), tokenizer.decode_bytes([i])
        if _is_whole(piece) and _is_whole(written):
            found = dict.fromkeys([written, piece.replace(MARK, b" "), piece.removeprefix(b"##")])
            texts += found
            ids += [i] * len(found)
    id_of = np.array(ids, np.int64)
    for before, after in _CONTEXTS:
        left = np.flatnonzero(~is_reached[id_of])
        rows = _encode_known(tokenizer, [before + texts[i] + after for i in left])
        is_reached[rows.values] = True
    return np.unique(id_of[~is_reached[id_of]])


def unreached_pieces(n_unreached: Total) -> Quotient:
    """Return the number of unreached pieces, as a float.

    Parameters
    ----------
    n_unreached : int
        Number of ids that `find_unreached` returns for the counts of the text.

    Returns
    -------
    float
        Number of pieces.

    Examples
    --------
    >>> from fasttok.evaluation.metrics.unreached import unreached_pieces
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
    definition="Number of ordinary pieces that do not occur in the corpus and that encoding their own text, "
    "alone or next to a letter or digit, does not produce.",
    source="after Land and Bartolo 2024, arXiv 2405.05417",
    better="less",
)


def _encode_known(tokenizer: AnyTokenizer, texts: Sequence[bytes]) -> Ragged:
    """Return the ids of each text. A text that the tokenizer cannot encode gets no ids."""
    try:
        return tokenizer.encode_batch(texts)
    except (UnknownCharacterError, ScoringError):
        if len(texts) == 1:
            return Ragged.from_rows([[]])
    return Ragged.from_arrays([_encode_known(tokenizer, [text])[0] for text in texts])


def _is_whole(text: bytes) -> bool:
    """Return whether a text consists of whole characters: valid UTF-8 without U+FFFD."""
    return "\ufffd" not in text.decode(errors="replace")
