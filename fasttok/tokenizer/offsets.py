"""`Encoding`: ids with the span of each token in the text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.models.base import Model
from fasttok.models.bpe.alphabets import Bytes
from fasttok.models.unigram.model import UnigramModel
from fasttok.models.units.byte import ByteModel
from fasttok.text.added import WHITE_SPACE, AddedTokens
from fasttok.text.unicode._utf8 import locate_code_points
from fasttok.tokenizer._trim import trim_spans
from fasttok.tokenizer.settings import TrimOffsets
from fasttok.tokenizer.template import Parts

_TRIMMED = WHITE_SPACE + "Ġ"  # the space of GPT-2's byte alphabet


@dataclass(frozen=True, eq=False)
class Encoding:
    """Ids of a text with the span of each token, as returned by `Tokenizer.encode_with_offsets`.

    Spans are within the text. A span in code points has exactly the characters of which the span in bytes has
    a byte. If the tokenizer is lossless, the spans in bytes are adjacent and cover the whole text. The tokens
    of a template have the span (0, 0). White space can be excluded from spans; see `TrimOffsets`.

    Spans overlap where tokens share characters: in code points, if the bytes of a character are split between
    tokens; in both units, if a normalizer made several tokens from the same characters. Starts ascend, and so
    do ends, except those of the tokens of a template, of tokens of only white space that is excluded, and of
    components of other packages that return their spans in another order.

    If the text is rewritten before pretokenization, the span of a token is that of the raw text that the
    token comes from:

    - An inserted character has an empty span, for example the ▁ before the first word. The text of `Prepend`
      and the prefixes of `MetaspaceSplit` and `ByteLevel` have the span of the character after them instead,
      as in Hugging Face ``tokenizers``.
    - A character that was composed of several raw characters, such as é of e and U+0301, has the span of the
      first of them, as in Hugging Face ``tokenizers``. With the normalizers of sentencepiece, it has the span
      of all of them.
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
    type_ids : ndarray of uint8 or uint32, shape (n,)
        Type id of each token, as given in the template; without a template, 0.

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
    type_ids: NDArray[Any]


def locate(
    text: bytes, ids: NDArray[np.uint32], byte_spans: NDArray[np.int64], type_ids: NDArray[Any] | None = None
) -> Encoding:
    """Return the encoding of tokens with spans in bytes. O(n), or O(n log n) if spans do not ascend.

    Raises
    ------
    ValueError
        If a span is not within the text, because a component of another package has returned wrong spans.
    """
    if type_ids is None:
        type_ids = np.zeros(len(ids), np.uint8)
    char_spans = np.empty_like(byte_spans)
    wrong = locate_code_points(np.frombuffer(text, np.uint8), byte_spans, char_spans)
    if wrong >= 0:
        start, end = byte_spans[wrong].tolist()
        raise ValueError(
            f"token {wrong} has the span ({start}, {end}), which is not within the {len(text)} bytes of "
            "the text: a normalizer, pretokenizer or model of another package has returned wrong spans"
        )
    return Encoding(ids, byte_spans, char_spans, type_ids)


def surround(encoding: Encoding, before: Parts, after: Parts) -> Encoding:
    """Return the encoding with the special tokens of a template around it; their spans are (0, 0)."""
    sizes = (len(before), len(after)), (0, 0)
    ids = [np.array([part.id for part in parts], np.uint32) for parts in (before, after)]
    types = [np.array([part.type_id for part in parts], encoding.type_ids.dtype) for parts in (before, after)]
    return Encoding(
        np.concatenate([ids[0], encoding.ids, ids[1]]),
        np.pad(encoding.byte_spans, sizes),
        np.pad(encoding.char_spans, sizes),
        np.concatenate([types[0], encoding.type_ids, types[1]]),
    )


class Trimmer:
    """Number of white space characters at both ends of each token of a vocabulary; see `TrimOffsets`.

    Parameters
    ----------
    model : Model
        Model. The white space of its pieces is the space byte if they are bytes, otherwise Unicode's.
    added : AddedTokens
        Added tokens of the tokenizer.
    n_ids : int
        Largest id of the vocabulary plus one.
    """

    def __init__(self, model: Model, added: AddedTokens, n_ids: int) -> None:
        has_bytes = isinstance(model, ByteModel) or isinstance(getattr(model, "alphabet", None), Bytes)
        spaces = " " if has_bytes else _TRIMMED
        texts = [piece.decode(errors="replace") for piece in model.pieces.to_bytes()]
        counts = np.zeros((2, n_ids), np.int32)
        counts[:, : len(texts)] = np.array([_count_spaces(text, spaces) for text in texts]).T
        # Tokens whose text is that of their span: those with `lstrip` or `rstrip`, and the unknown token of
        # Unigram.
        self._takes_spaces = np.zeros(n_ids, np.bool_)
        if isinstance(model, UnigramModel) and model.unk_id is not None:
            self._takes_spaces[model.unk_id] = True
        for number, (token, i) in enumerate(added.items()):
            text = added.normalized_texts.get(number, token.text.encode()).decode()
            counts[:, i] = _count_spaces(text, _TRIMMED)
            self._takes_spaces[i] |= token.lstrip or token.rstrip
        self._before, self._after = counts
        self._has_flags = bool(self._takes_spaces.any())

    def trim(self, text: bytes, encoding: Encoding, setting: TrimOffsets) -> Encoding:
        """Return the encoding with white space excluded from the spans. O(n)."""
        ids = encoding.ids
        before, after = self._before[ids], self._after[ids]
        for i in np.flatnonzero(self._takes_spaces[ids]) if self._has_flags else ():
            start, end = encoding.byte_spans[i]
            before[i], after[i] = _count_spaces(text[start:end].decode(errors="replace"), _TRIMMED)
        byte_spans, char_spans = encoding.byte_spans.copy(), encoding.char_spans.copy()
        data = np.frombuffer(text, np.uint8)
        trim_spans(data, before, after, setting.add_prefix_space, byte_spans, char_spans)
        return Encoding(ids, byte_spans, char_spans, encoding.type_ids)


def _count_spaces(text: str, spaces: str) -> tuple[int, int]:
    """Return the number of characters in `spaces` at the beginning and at the end of a text."""
    return len(text) - len(text.lstrip(spaces)), len(text) - len(text.rstrip(spaces))
