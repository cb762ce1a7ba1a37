"""Decoders that use the text that the model gives for each piece (`Model.decoded_pieces`).

Every default decoder starts with one of them. The other decoders read pieces as they are in the vocabulary.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_flag
from fasttok.decoders.base import Decoder
from fasttok.models.base import Model

# A space that clean-up removes, and the start of the word after it, as in the WordPiece decoder of Hugging
# Face tokenizers.
CLEANED = re.compile(rb" (?:[.?!,]|n't|'m|'s|'ve|'re)")


@dataclass(frozen=True)
class Pieces(Decoder):
    """Decoder that writes the text of each piece, without word prefixes and suffixes.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.Tokenizer(ft.WordPieceModel(["un", "##able"]), "none", decoder="pieces").decode([0, 1])
    'unable'
    """

    name = "pieces"
    sees_first = False
    sees_last = False
    reads_model = True

    def rewrite_pieces(
        self, model: Model, ids: NDArray[np.int64], *, is_first: bool, is_last: bool
    ) -> list[bytes]:
        return model.decoded_pieces.take(ids).to_bytes()


@dataclass(frozen=True)
class SpaceBefore(Decoder):
    """Decoder that writes a space before each added token and each piece that begins a word.

    No space is written at the start of a text. `Model.begins_word` marks the pieces that begin a word.

    Parameters
    ----------
    clean_up : bool
        Whether to omit spaces that English text does not have: those before ``.``, ``?``, ``!``, ``,``,
        ``n't``, ``'m``, ``'s``, ``'ve`` and ``'re``.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.Tokenizer(ft.WordPieceModel(["un", "##able", "."]), "bert", decoder="space_before")
    >>> tok.decode([0, 1, 0, 2])
    'unable un.'
    """

    clean_up: bool = True

    name = "space_before"
    sees_last = False
    reads_model = True

    def __post_init__(self) -> None:
        checked_flag("clean_up", self.clean_up)

    def rewrite_pieces(
        self, model: Model, ids: NDArray[np.int64], *, is_first: bool, is_last: bool
    ) -> list[bytes]:
        rows = model.decoded_pieces.take(ids).to_bytes()
        if is_first:
            return rows
        begins = [False] * len(rows) if model.begins_word is None else model.begins_word[ids].tolist()
        return [
            self._clean(b" " + row if row and begin else row) for row, begin in zip(rows, begins, strict=True)
        ]

    def rewrite_added(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        return token if is_first else self._clean(b" " + token)

    def _clean(self, row: bytes) -> bytes:
        return row[1:] if self.clean_up and CLEANED.match(row) else row

    def without_clean_up(self) -> Decoder:
        return replace(self, clean_up=False)


@dataclass(frozen=True)
class SpaceAfter(Decoder):
    """Decoder that writes a space after each piece that ends a word, except at the end of a text.

    `Model.ends_word` marks the pieces that end a word.
    """

    name = "space_after"
    sees_first = False
    reads_model = True

    def rewrite_pieces(
        self, model: Model, ids: NDArray[np.int64], *, is_first: bool, is_last: bool
    ) -> list[bytes]:
        rows = model.decoded_pieces.take(ids).to_bytes()
        if is_last or model.ends_word is None:
            return rows
        ends = model.ends_word[ids].tolist()
        return [row + b" " if end else row for row, end in zip(rows, ends, strict=True)]
