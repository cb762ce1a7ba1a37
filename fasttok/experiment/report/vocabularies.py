"""What the vocabularies of a comparison have: how long their pieces are, what two of them share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from fasttok.decoders.derived import derive_decoder
from fasttok.decoders.text import TextDecoder
from fasttok.display.colours import visible
from fasttok.text.pretokenizers.metaspace import MARK
from fasttok.tokenizer.tokenizer import Tokenizer

LONGEST = 16  # characters; longer pieces are counted together


def pieces_of(tok: Tokenizer) -> set[bytes]:
    """The pieces as the text they stand for, the space before a word included; no special tokens.

    So ``Ġthe``, ``▁the`` and a ``the`` that begins a word are one piece, whatever their files call them.
    """
    decoder = derive_decoder(tok.pretokenizer, tok.model).without_clean_up()
    written = TextDecoder(decoder, tok.model).written.to_bytes()
    return {piece.replace(MARK, b" ") for piece in written if piece}


def piece_lengths(pieces: Iterable[bytes]) -> list[float]:
    """The share of the pieces that have 1, 2, … characters, and `LONGEST` or more; in percent."""
    lengths = [min(len(piece.decode(errors="surrogateescape")), LONGEST) for piece in pieces]
    found = np.bincount(lengths, minlength=LONGEST + 1)[1:]
    shares: list[float] = (100 * found / max(1, len(lengths))).tolist()
    return shares


def longest_pieces(pieces: Iterable[bytes], n: int) -> list[str]:
    """The pieces with the most characters of those that hold a letter, as a reader sees them."""
    texts = [
        text for piece in pieces if any(map(str.isalpha, text := piece.decode(errors="surrogateescape")))
    ]
    texts.sort(key=lambda text: (-len(text), text))
    return [visible(text.encode(errors="surrogateescape")) for text in texts[:n]]


def overlaps(vocabularies: Sequence[set[bytes]]) -> list[list[float]]:
    """For every two vocabularies, pieces in both by pieces in either; 1 where both are empty."""
    numbers: dict[bytes, int] = {}
    for pieces in vocabularies:
        for piece in pieces:
            numbers.setdefault(piece, len(numbers))
    has = np.zeros((len(numbers), len(vocabularies)), np.float32)  # sums below 2^24 are exact
    for column, pieces in enumerate(vocabularies):
        has[[numbers[piece] for piece in pieces], column] = 1
    shared = (has.T @ has).astype(np.float64)
    sizes = np.diag(shared)
    either = sizes[:, None] + sizes[None, :] - shared
    result: list[list[float]] = np.divide(shared, either, out=np.ones_like(shared), where=either > 0).tolist()
    return result
