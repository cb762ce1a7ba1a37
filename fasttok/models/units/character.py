"""`CharacterModel` and `CharacterTrainer`: models in which every character is a token."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from fasttok.core.ragged import Ragged
from fasttok.counts.characters import count_characters
from fasttok.counts.table import PretokenCounts
from fasttok.models.loss import count_lost
from fasttok.models.pieces import check_texts
from fasttok.models.units.base import UnitModel, UnitTrainer


class CharacterModel(UnitModel):
    """Character model: encodes every character by one id.

    A character (code point) that is not a piece is unknown. Encoding writes its bytes or the unknown token,
    or raises an error.

    Parameters
    ----------
    pieces : Ragged of uint8, or sequence of str or bytes
        Character of each id, in UTF-8, or one byte that is not UTF-8. An empty row is an id that text never
        gets, such as a special token's id.
    unk_id : int, optional
        Id of each unknown character. It can be the id of a piece.
    byte_fallback : bool
        Whether to encode unknown characters as bytes instead. The pieces must then include ``<0x00>`` to
        ``<0xFF>``. These pieces never match text, and decoding writes their byte.
    user_defined : collection of int
        Ids of pieces that are found before single characters, the longest one at each position. They can have
        several characters.
    unused : collection of int
        Ids of pieces that text never gets. They can have several characters.
    fuse_unk : bool
        Whether a run of unknown characters becomes one unknown token, even across pretokens, as in
        sentencepiece. `unk_id` must then be an id without a piece.

    Raises
    ------
    TypeError
        If a piece or `unk_id` has the wrong type.
    ValueError
        If a piece is more than one character or occurs twice, byte pieces are missing, `unk_id` is out of
        range, `user_defined` or `unused` contains an id without a piece, or a user-defined piece is not UTF-8
        or contains U+0000.

    Notes
    -----
    Encoding a pretoken of n bytes takes O(n) time. Repeated pretokens come from the cache.

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
        user_defined: Collection[int] = (),
        unused: Collection[int] = (),
        fuse_unk: bool = False,
    ) -> None:
        super().__init__(pieces, unk_id=unk_id, byte_fallback=byte_fallback, unused=unused, fuse_unk=fuse_unk)
        self.user_defined = self._checked_pieces("user_defined", user_defined)
        if both := self.user_defined & self.unused:
            raise ValueError(f"id {min(both)} is both in user_defined and in unused")
        check_texts(self.pieces.take(np.array(sorted(self.user_defined), np.int64)))
        rows = self.pieces.to_bytes()
        for i in np.flatnonzero(self.is_unit).tolist():
            if i not in self.user_defined and len(rows[i].decode(errors="surrogateescape")) != 1:
                raise ValueError(f"piece {i}, {rows[i]!r}, is not one character; each piece must be one")


@dataclass(frozen=True)
class CharacterTrainer(UnitTrainer):
    """Trainer of character models, whose vocabulary is the characters of the corpus.

    Ids are numbered in this order: special tokens, byte pieces (if any), characters by code point. A byte
    0xNN that is not UTF-8 counts as the character U+DCNN.

    Parameters
    ----------
    vocab_size : int, optional
        Maximum number of ids: special tokens, byte pieces and characters. The most frequent characters are
        kept; ties go to the smaller code point. Default: all characters.
    min_frequency : int
        Minimum count of a character; rarer ones are discarded.
    special_tokens : sequence of str
        Special tokens. Plain text never gets their ids.
    unk : str, optional
        Special token that replaces each unknown character. It is added after `special_tokens` if it is not
        one of them. Without it, encoding an unknown character raises an error.
    byte_fallback : bool
        Whether to encode unknown characters as bytes instead.

    Raises
    ------
    ValueError
        If a value is out of range.
    TypeError
        If an argument has the wrong type.

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

    def _count_lost(self, counts: PretokenCounts, units: list[bytes]) -> dict[str, int | float]:
        return count_lost(counts, np.array([ord(unit.decode(errors="surrogateescape")) for unit in units]))
