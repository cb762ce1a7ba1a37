"""Compare vocabularies by the lengths of their pieces, their longest pieces and their overlaps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from fasttok.decoders.derived import derive_decoder
from fasttok.decoders.text import TextDecoder
from fasttok.display.colours import visible
from fasttok.text.pretokenizers.metaspace import MARK
from fasttok.tokenizer.tokenizer import Tokenizer

LONGEST = 16  # length in characters; longer pieces are counted with this length


def pieces_of(tok: Tokenizer) -> set[bytes]:
    """Return the pieces as decoded text, including the space before a word, without special tokens.

    ``Ġthe``, ``▁the`` and a ``the`` that begins a word are therefore the same piece.
    """
    decoder = derive_decoder(tok.pretokenizer, tok.model).without_clean_up()
    written = TextDecoder(decoder, tok.model).written.to_bytes()
    return {piece.replace(MARK, b" ") for piece in written if piece}


def piece_lengths(pieces: Iterable[bytes]) -> list[float]:
    """Return the percentages of pieces with 1, 2, …, and with `LONGEST` or more characters."""
    lengths = [min(len(piece.decode(errors="surrogateescape")), LONGEST) for piece in pieces]
    found = np.bincount(lengths, minlength=LONGEST + 1)[1:]
    shares: list[float] = (100 * found / max(1, len(lengths))).tolist()
    return shares


def longest_pieces(pieces: Iterable[bytes], n: int) -> list[str]:
    """Return the `n` longest pieces that contain a letter, in visible form."""
    texts = [
        text for piece in pieces if any(map(str.isalpha, text := piece.decode(errors="surrogateescape")))
    ]
    texts.sort(key=lambda text: (-len(text), text))
    return [visible(text.encode(errors="surrogateescape")) for text in texts[:n]]


def overlaps(vocabularies: Sequence[set[bytes]]) -> list[list[float]]:
    """Return the Jaccard index of every pair of vocabularies; 1 if both are empty."""
    numbers: dict[bytes, int] = {}
    for pieces in vocabularies:
        for piece in pieces:
            numbers.setdefault(piece, len(numbers))
    is_in = np.zeros((len(numbers), len(vocabularies)), np.float32)  # exact for sums below 2^24
    for column, pieces in enumerate(vocabularies):
        is_in[[numbers[piece] for piece in pieces], column] = 1
    shared = (is_in.T @ is_in).astype(np.float64)
    sizes = np.diag(shared)
    either = sizes[:, None] + sizes[None, :] - shared
    result: list[list[float]] = np.divide(shared, either, out=np.ones_like(shared), where=either > 0).tolist()
    return result
