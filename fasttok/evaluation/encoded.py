"""`Encoded`: what a tokenizer makes of a text, and what is asked about that."""

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
    """The ids of documents. What takes longer than these is found when first asked for.

    Attributes
    ----------
    tokenizer : Tokenizer, or what `fasttok.wrap` gives
        What encoded them.
    documents : Ragged of uint8
        The text, a row per document.
    ids : Ragged of uint32
        The ids, a row per document.
    """

    tokenizer: AnyTokenizer
    documents: Ragged
    ids: Ragged

    @cached_property
    def byte_spans(self) -> NDArray[np.int64]:
        """Where each token stands: int64 of shape (n, 2), in bytes of ``documents.values``.

        Those of a lossless tokenizer follow from the lengths of its pieces, O(n). Those of others are found
        document by document, which encodes the text again unless `encode` was told that they are needed.
        """
        tokenizer, offsets = self.tokenizer, self.documents.offsets
        if isinstance(tokenizer, Tokenizer) and tokenizer.is_lossless:
            bounds = lengths_to_offsets(tokenizer.text_decoder().lengths(self.ids.values)) + offsets[0]
            return np.stack([bounds[:-1], bounds[1:]], axis=1)
        return _join_spans(map(tokenizer.encode_with_offsets, self.documents.to_bytes()), self.documents)

    @cached_property
    def is_text(self) -> NDArray[np.bool_]:
        """Whether each token could be part of a word: bool of shape (n,).

        A token that is a space alone is not, wherever it stands. Where it is put before a text, as ▁ is, some
        libraries place it at the first character, and others before it. Nor is an empty one at the end of its
        document, which would stand at the first word of the next.
        """
        ends = np.repeat(self.documents.offsets[1:], self.ids.lengths)
        is_text: NDArray[np.bool_] = self.byte_spans[:, 0] < ends
        return is_text & ~np.isin(self.ids.values, _find_spaces(self.tokenizer))

    @cached_property
    def is_lossless(self) -> NDArray[np.bool_]:
        """Whether each document comes back from its ids, byte for byte: bool of shape (k,)."""
        tokenizer = self.tokenizer
        if isinstance(tokenizer, Tokenizer) and tokenizer.is_lossless:
            return np.ones(len(self.ids), np.bool_)
        rows = zip(self.ids, self.documents.to_bytes(), strict=True)
        return np.array([tokenizer.decode_bytes(ids) == text for ids, text in rows], np.bool_)


def _find_spaces(tokenizer: AnyTokenizer) -> list[int]:
    """The ids that are a space and nothing else: by their piece, or by ▁ where that is what marks a space."""
    spaces = _find_piece(tokenizer.pieces, b" ")
    marks = _find_piece(tokenizer.pieces, MARK)
    return spaces + [i for i in marks if tokenizer.decode_bytes([i]) != MARK]


def _find_piece(pieces: Ragged, piece: bytes) -> list[int]:
    """The ids of a piece."""
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
    tokenizer : Tokenizer, or what `fasttok.wrap` gives
        The tokenizer.
    documents : Ragged of uint8
        The text, a row per document.
    workers : int, optional
        Threads; the result does not depend on it.
    with_spans : bool
        Whether `Encoded.byte_spans` will be asked for. A tokenizer that is not lossless then finds them
        together with the ids, document by document on one thread, and does not encode the text twice.

    Raises
    ------
    FasttokError
        If the tokenizer fails on a document, which the error names.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["low lower"]), vocab_size=258)
    >>> encoded = encode(tok, ft.Ragged.from_bytes([b"lower", b"low"]))
    >>> encoded.ids.lengths.tolist(), encoded.byte_spans.tolist()
    ([3, 1], [[0, 3], [3, 4], [4, 5], [5, 8]])
    """
    texts = documents.to_bytes()
    if not with_spans or _spans_follow(tokenizer):
        return Encoded(tokenizer, documents, tokenizer.encode_batch(texts, workers=workers))
    try:
        encodings = [tokenizer.encode_with_offsets(text) for text in texts]
    except FasttokError:
        tokenizer.encode_batch(texts, workers=workers)  # fails as well, and names the document
        raise
    encoded = Encoded(tokenizer, documents, Ragged.from_arrays([encoding.ids for encoding in encodings]))
    encoded.__dict__["byte_spans"] = _join_spans(encodings, documents)  # as if it had been asked for already
    return encoded


def _spans_follow(tokenizer: AnyTokenizer) -> bool:
    """Whether the places of tokens follow from their ids alone."""
    return isinstance(tokenizer, Tokenizer) and tokenizer.is_lossless


def _join_spans(encodings: Iterable[Encoding], documents: Ragged) -> NDArray[np.int64]:
    """The places of the tokens of each document, in bytes of all documents."""
    starts = documents.offsets.tolist()
    spans = [encoding.byte_spans + start for encoding, start in zip(encodings, starts, strict=False)]
    return np.concatenate([np.empty((0, 2), np.int64), *spans])
