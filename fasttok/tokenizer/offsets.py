"""`Encoding`: ids with the span of each token in the text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fasttok.text.unicode._utf8 import locate_code_points


@dataclass(frozen=True, eq=False)
class Encoding:
    """Ids of a text with the span of each token, as returned by `Tokenizer.encode_with_offsets`.

    Spans are in ascending order and within the text. If the tokenizer is lossless, the spans in bytes are
    adjacent and cover the whole text. The spans in code points overlap if tokens share a character.

    If the text is rewritten before pretokenization, the span of a token is that of the raw text that the
    token comes from:

    - An inserted character has an empty span, for example the ▁ before the first word.
    - If one raw character becomes several tokens, all of them have its span, as in Hugging Face
      ``tokenizers``. With the normalizers of sentencepiece, such as "nmt_nfkc", and for the spaces of
      `Metaspace`, only the last token has the span; the spans of the other tokens are empty.
    - A removed character is in no span, for example an accent that the normalizer strips. With the
      normalizers of sentencepiece, the character belongs to the span of the token before it.

    Attributes
    ----------
    ids : ndarray of uint32, shape (n,)
        The ids.
    byte_spans : ndarray of int64, shape (n, 2)
        Start and end of each token in bytes of the text in UTF-8, or of the given bytes.
    char_spans : ndarray of int64, shape (n, 2)
        Start and end of each token in code points, so that ``text[start:end]`` slices a ``str``. A token with
        only some bytes of a character has the whole character in its span. A byte that is not valid UTF-8
        counts as one code point.

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
    """Return the encoding of tokens with spans in bytes; their starts and ends must be ascending. O(n)."""
    char_spans = np.empty_like(byte_spans)
    locate_code_points(np.frombuffer(text, np.uint8), byte_spans, char_spans)
    return Encoding(ids, byte_spans, char_spans)
