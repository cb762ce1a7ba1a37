"""`Encoded`: ids of documents, with the spans and masks of tokens and documents that metrics need."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import FasttokError
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.evaluation.wrappers import AnyTokenizer
from fasttok.text.pretokenizers.metaspace import MARK
from fasttok.tokenizer.offsets import Encoding
from fasttok.tokenizer.tokenizer import Tokenizer


@dataclass(frozen=True, eq=False)
class Encoded:
    """Ids of documents, as `encode` returns them. Spans and masks are computed on first access.

    Attributes
    ----------
    tokenizer : Tokenizer, or result of `fasttok.wrap`
        Tokenizer that encoded the documents.
    documents : Ragged of uint8
        Text, one row per document.
    ids : Ragged of uint32
        Ids, one row per document.

    Examples
    --------
    >>> import fasttok as ft
    >>> from fasttok.evaluation.encoded import Encoded
    >>> tok = ft.Tokenizer(ft.ByteModel(), "gpt2")
    >>> documents = ft.Ragged.from_bytes([b"low"])
    >>> encoded = Encoded(tok, documents, tok.encode_batch(documents.to_bytes()))
    >>> encoded.byte_spans.tolist(), encoded.is_lossless.tolist()
    ([[0, 1], [1, 2], [2, 3]], [True])
    """

    tokenizer: AnyTokenizer
    documents: Ragged
    ids: Ragged

    @cached_property
    def byte_spans(self) -> NDArray[np.int64]:
        """Start and end of each token in bytes of ``documents.values``: int64, shape (n, 2).

        Spans include white space, whatever the setting `trim_offsets` of the tokenizer. They may overlap.
        For a lossless `fasttok.Tokenizer`, the spans are computed from the lengths of the pieces in O(n). For
        wrapped and other tokenizers, each document is encoded again, unless `encode` was called with
        ``with_spans=True``.
        """
        tokenizer, offsets = self.tokenizer, self.documents.offsets
        if isinstance(tokenizer, Tokenizer) and tokenizer.is_lossless:
            bounds = lengths_to_offsets(tokenizer.text_decoder().lengths(self.ids.values)) + offsets[0]
            return np.stack([bounds[:-1], bounds[1:]], axis=1)
        locating = untrimmed(tokenizer)
        return _join_spans(map(locating.encode_with_offsets, self.documents.to_bytes()), self.documents)

    @cached_property
    def is_text(self) -> NDArray[np.bool_]:
        """Mask of the tokens that can be part of a word: bool, shape (n,).

        Tokens that are only a space are False, because libraries locate the ▁ that they put before a text
        differently: some at the first character of the text, others at an empty span before that character.
        Tokens with an empty span at the end of a document are also False; otherwise they would be counted for
        the first word of the next document.
        """
        ends = np.repeat(self.documents.offsets[1:], self.ids.lengths)
        is_text: NDArray[np.bool_] = self.byte_spans[:, 0] < ends
        return is_text & ~np.isin(self.ids.values, _find_spaces(self.tokenizer))

    @cached_property
    def is_lossless(self) -> NDArray[np.bool_]:
        """Mask of the documents that decoding restores byte for byte: bool, shape (k,)."""
        tokenizer = self.tokenizer
        if isinstance(tokenizer, Tokenizer) and tokenizer.is_lossless:
            return np.ones(len(self.ids), np.bool_)
        rows = zip(self.ids, self.documents.to_bytes(), strict=True)
        return np.array([tokenizer.decode_bytes(ids) == text for ids, text in rows], np.bool_)


def _find_spaces(tokenizer: AnyTokenizer) -> list[int]:
    """Return the ids that are only a space: their piece is a space, or ▁ if decoding turns it into one."""
    spaces = _find_piece(tokenizer.pieces, b" ")
    marks = _find_piece(tokenizer.pieces, MARK)
    return spaces + [i for i in marks if tokenizer.decode_bytes([i]) != MARK]


def _find_piece(pieces: Ragged, piece: bytes) -> list[int]:
    """Return the ids of a piece."""
    rows = np.flatnonzero(pieces.lengths == len(piece))
    letters = pieces.values[pieces.offsets[rows, None] + np.arange(len(piece))]
    found: list[int] = rows[(letters == np.frombuffer(piece, np.uint8)).all(axis=1)].tolist()
    return found


def encode(
    tokenizer: AnyTokenizer, documents: Ragged, *, workers: int | None = None, with_spans: bool = False
) -> Encoded:
    """Encode documents, without the special tokens of a template.

    Parameters
    ----------
    tokenizer : Tokenizer, or result of `fasttok.wrap`
        Tokenizer to use.
    documents : Ragged of uint8
        Text, one row per document.
    workers : int, optional
        Number of threads; default: all CPUs. The result does not depend on it.
    with_spans : bool
        Whether `byte_spans` of the result will be needed. If True, and the tokenizer is wrapped or not
        lossless, spans and ids are computed together, on one thread, so that the text is encoded only once.

    Returns
    -------
    Encoded
        Ids of the documents.

    Raises
    ------
    FasttokError
        If the tokenizer fails on a document. The error gives the index of the document.

    Examples
    --------
    >>> import fasttok as ft
    >>> from fasttok.evaluation.encoded import encode
    >>> tok = ft.train(ft.Corpus.from_texts(["low lower"]), vocab_size=258)
    >>> encoded = encode(tok, ft.Ragged.from_bytes([b"lower", b"low"]))
    >>> encoded.ids.lengths.tolist(), encoded.byte_spans.tolist()
    ([3, 1], [[0, 3], [3, 4], [4, 5], [5, 8]])
    """
    texts = documents.to_bytes()
    if not with_spans or _spans_follow(tokenizer):
        return Encoded(tokenizer, documents, tokenizer.encode_batch(texts, workers=workers))
    try:
        locating = untrimmed(tokenizer)
        encodings = [locating.encode_with_offsets(text) for text in texts]
    except FasttokError:
        tokenizer.encode_batch(texts, workers=workers)  # raises again, with the index of the document
        raise
    encoded = Encoded(tokenizer, documents, Ragged.from_arrays([encoding.ids for encoding in encodings]))
    encoded.__dict__["byte_spans"] = _join_spans(encodings, documents)  # fill the cached property
    return encoded


def untrimmed(tokenizer: AnyTokenizer) -> AnyTokenizer:
    """Return the tokenizer without `trim_offsets`, so that the spans of its tokens include white space.

    Otherwise, a token of only white space would have an empty span, and be taken for a part of the next word.
    """
    return tokenizer.with_settings(trim_offsets=None) if isinstance(tokenizer, Tokenizer) else tokenizer


def _spans_follow(tokenizer: AnyTokenizer) -> bool:
    """Return whether the spans of tokens follow from their ids alone."""
    return isinstance(tokenizer, Tokenizer) and tokenizer.is_lossless


def _join_spans(encodings: Iterable[Encoding], documents: Ragged) -> NDArray[np.int64]:
    """Return the spans of all tokens, in bytes of ``documents.values``."""
    starts = documents.offsets.tolist()
    spans = [encoding.byte_spans + start for encoding, start in zip(encodings, starts, strict=False)]
    return np.concatenate([np.empty((0, 2), np.int64), *spans])
