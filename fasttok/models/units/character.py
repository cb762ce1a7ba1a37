"""`CharacterModel` and `CharacterTrainer`: every character is a token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fasttok.core.ragged import Ragged
from fasttok.counts.characters import count_characters
from fasttok.counts.table import PretokenCounts
from fasttok.models.units.base import UnitModel, UnitTrainer


class CharacterModel(UnitModel):
    """Characters: each one of the text becomes the id of its piece.

    One that is no piece becomes its bytes, or the unknown token, or is an error.

    Parameters
    ----------
    pieces : Ragged of uint8, or sequence of str or bytes
        What each id stands for: one character in UTF-8, or one byte that is not UTF-8. An empty row is an id
        that no text becomes, as that of a special token.
    unk_id : int, optional
        The id of characters that are no piece, one for each. Its row must be empty.
    byte_fallback : bool
        Whether such characters become their bytes instead. Then ``<0x00>`` to ``<0xFF>`` must be pieces; they
        are never found in text, and decoding writes their byte.

    Raises
    ------
    ValueError
        If a piece is more than one character or stands twice, pieces for bytes are missing, or the row of
        `unk_id` does not exist or is not empty.

    Notes
    -----
    O(n) for a pretoken of n bytes; one met before takes a look into the cache.

    Examples
    --------
    >>> import fasttok as ft
    >>> model = ft.CharacterModel(["", "a", "b", "é"], unk_id=0)
    >>> tok = ft.Tokenizer(model, "gpt2", {"<unk>": 0})
    >>> tok.encode("abcé").tolist()
    [1, 2, 0, 3]
    """

    kind = "character"
    takes_whole = False

    def __init__(
        self,
        pieces: Ragged | Sequence[str | bytes],
        *,
        unk_id: int | None = None,
        byte_fallback: bool = False,
    ) -> None:
        super().__init__(pieces, unk_id=unk_id, byte_fallback=byte_fallback)
        rows = self.pieces.to_bytes()
        for i in np.flatnonzero(self.is_unit).tolist():
            if len(rows[i].decode(errors="surrogateescape")) != 1:
                raise ValueError(f"piece {i}, {rows[i]!r}, is not one character")


@dataclass(frozen=True)
class CharacterTrainer(UnitTrainer):
    """Take the characters that occur for a vocabulary.

    Ids are those of special tokens, of bytes if there are such, then of characters by code point. A byte that
    is not UTF-8 is a character as well, U+DC80 to U+DCFF.

    Parameters
    ----------
    vocab_size : int, optional
        The most ids there may be: special tokens, bytes, characters. The most frequent characters are kept,
        of equally frequent ones those of lesser code points. By default all are.
    min_frequency : int
        A character that occurs less often is left out.
    special_tokens : sequence of str
        Texts with ids of their own; plain text never becomes them.
    unk : str, optional
        The special token that every unknown character becomes; one that is not among `special_tokens` is
        added after them. Without one, encoding an unknown character is an error.
    byte_fallback : bool
        Whether an unknown character becomes its bytes instead.

    Raises
    ------
    ValueError
        If a value is out of range.
    TypeError
        If an argument is of the wrong type.

    Examples
    --------
    >>> import fasttok as ft
    >>> counts = ft.PretokenCounts.from_dict({"été": 3, "taxi": 1})
    >>> model = ft.CharacterTrainer(vocab_size=4, unk="<unk>").train(counts).model
    >>> [bytes(piece).decode() for piece in model.pieces]
    ['', 'a', 't', 'é']
    """

    _model_type = CharacterModel

    def _choose_units(self, counts: PretokenCounts, most: int | None) -> list[bytes]:
        totals = count_characters(counts)
        characters = np.flatnonzero(totals >= self.min_frequency)
        kept = np.argsort(-totals[characters], kind="stable")[:most]
        in_order = np.sort(characters[kept]).tolist()
        return [chr(code_point).encode(errors="surrogateescape") for code_point in in_order]
