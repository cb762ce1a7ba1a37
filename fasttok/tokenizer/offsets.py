"""`Encoding`: ids, and the place in the text of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fasttok.text.unicode._utf8 import locate_code_points


@dataclass(frozen=True, eq=False)
class Encoding:
    """The ids of a text and the place of each; what `Tokenizer.encode_with_offsets` gives.

    Both kinds of spans ascend and lie within the text. Of a lossless tokenizer those in bytes do not overlap;
    they are next to each other and together the whole text. Those in code points overlap where tokens share a
    character.

    Where text is rewritten before it is cut, a token stands where what it was made of stands. What was made
    of nothing, as the ▁ before the first word, has an empty span. Several tokens that were made of one
    character all have its span, as in ``tokenizers``; with the rules of sentencepiece, and for the spaces of
    `Metaspace`, only the last has it, and the others have empty ones. What was dropped, a mark behind a
    letter for example, is in no span; with those rules it is in that of the token before it.

    Attributes
    ----------
    ids : ndarray of uint32, shape (n,)
        The ids.
    byte_spans : ndarray of int64, shape (n, 2)
        Where each token begins and ends, in bytes of the text in UTF-8, or of the bytes given.
    char_spans : ndarray of int64, shape (n, 2)
        The same in code points, the positions of a ``str``: from the one that the token's first byte
        belongs to, to the end of the one that its last byte belongs to. So a token that holds part of a
        character has all of it in its span. A byte that is not UTF-8 is one code point.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["naïve"]), vocab_size=257)
    >>> encoding = tok.encode_with_offsets("naïve")
    >>> [tok.id_to_piece(i) for i in encoding.ids]
    [b'n', b'a\\xc3', b'\\xaf', b'v', b'e']
    >>> encoding.byte_spans.tolist()
    [[0, 1], [1, 3], [3, 4], [4, 5], [5, 6]]
    >>> encoding.char_spans.tolist()
    [[0, 1], [1, 3], [2, 3], [3, 4], [4, 5]]
    """

    ids: NDArray[np.uint32]
    byte_spans: NDArray[np.int64]
    char_spans: NDArray[np.int64]


def locate(text: bytes, ids: NDArray[np.uint32], byte_spans: NDArray[np.int64]) -> Encoding:
    """The encoding of tokens at the given bytes of the text, of which neither end decreases. O(n)."""
    char_spans = np.empty_like(byte_spans)
    locate_code_points(np.frombuffer(text, np.uint8), byte_spans, char_spans)
    return Encoding(ids, byte_spans, char_spans)
