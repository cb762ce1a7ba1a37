"""`WordModel` and `WordTrainer`: models in which every pretoken is a token."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged
from fasttok.counts.table import PretokenCounts
from fasttok.models.pieces import BYTE_NAMES
from fasttok.models.units.base import UnitModel, UnitTrainer


class WordModel(UnitModel):
    """Word model: encodes every pretoken by one id.

    A pretoken that is not a piece is unknown. Encoding writes its bytes or the unknown token, or raises an
    error.

    Parameters
    ----------
    pieces : Ragged of uint8, or sequence of str or bytes
        Pretoken of each id; any bytes. An empty row is an id that text never gets, such as a special token's
        id.
    unk_id : int, optional
        Id of each unknown pretoken. It can be the id of a piece.
    byte_fallback : bool
        Whether to encode unknown pretokens as bytes instead. The pieces must then include ``<0x00>`` to
        ``<0xFF>``. These pieces never match text, and decoding writes their byte.
    unused : collection of int
        Ids of pieces that text never gets.
    fuse_unk : bool
        Whether a run of unknown pretokens becomes one unknown token, as in sentencepiece. `unk_id` must then
        be an id without a piece.

    Attributes
    ----------
    begins_word : ndarray of bool, shape (n,)
        Whether each piece is a whole pretoken; False for byte pieces and empty rows.

    Raises
    ------
    TypeError
        If a piece or `unk_id` has the wrong type.
    ValueError
        If a piece occurs twice, byte pieces are missing, `unk_id` is out of range, or `unused` contains an id
        without a piece.

    Notes
    -----
    Encoding a pretoken takes one lookup in a hash table. If the pretokenizer discards white space, decoding
    cannot find the start of a word that is encoded as bytes, and joins it to the word before.

    Examples
    --------
    >>> import fasttok as ft
    >>> model = ft.WordModel(["", "the", " cat"], unk_id=0)
    >>> tok = ft.Tokenizer(model, "gpt2", {"[UNK]": 0})
    >>> tok.encode("the new cat").tolist()
    [1, 0, 2]
    """

    kind = "word"
    takes_whole = True
    begins_word: NDArray[np.bool_]

    def __init__(
        self,
        pieces: Ragged | Sequence[str | bytes],
        *,
        unk_id: int | None = None,
        byte_fallback: bool = False,
        unused: Collection[int] = (),
        fuse_unk: bool = False,
    ) -> None:
        super().__init__(pieces, unk_id=unk_id, byte_fallback=byte_fallback, unused=unused, fuse_unk=fuse_unk)
        self.begins_word = self.is_unit


@dataclass(frozen=True)
class WordTrainer(UnitTrainer):
    """Trainer of word models, whose vocabulary is the pretokens of the corpus.

    Ids are numbered in this order: special tokens, byte pieces (if any), pretokens by count in descending
    order. Ties go to the pretoken whose bytes are smaller.

    Parameters
    ----------
    vocab_size : int, optional
        Maximum number of ids: special tokens, byte pieces and pretokens. Default: all pretokens.
    min_frequency : int
        Minimum count of a pretoken; rarer ones are discarded.
    special_tokens : sequence of str
        Special tokens. Plain text never gets their ids.
    unk : str, optional
        Special token that replaces each unknown pretoken. It is added after `special_tokens` if it is not one
        of them. Without it, encoding an unknown pretoken raises an error.
    byte_fallback : bool
        Whether to encode unknown pretokens as bytes instead. A pretoken with the same text as a byte piece,
        such as ``<0x41>``, is then unknown.

    Raises
    ------
    ValueError
        If a value is out of range.
    TypeError
        If an argument has the wrong type.

    Examples
    --------
    >>> import fasttok as ft
    >>> counts = ft.PretokenCounts.from_dict({"low": 5, "lower": 2, "newest": 6, "widest": 2})
    >>> model = ft.WordTrainer(vocab_size=4, unk="[UNK]").train(counts).model
    >>> [bytes(piece).decode() for piece in model.pieces]
    ['', 'newest', 'low', 'lower']
    """

    _model_type = WordModel

    def _choose_units(self, counts: PretokenCounts, most: int | None) -> list[bytes]:
        n_frequent = int(np.count_nonzero(counts.counts >= self.min_frequency))
        taken = set(BYTE_NAMES) if self.byte_fallback else set()
        n_candidates = n_frequent if most is None else min(n_frequent, most + len(taken))
        words = (word for word, _ in counts.most_common(n_candidates))
        return [word for word in words if word not in taken][:most]

    def _count_lost(self, counts: PretokenCounts, units: list[bytes]) -> dict[str, int | float]:
        n, n_known = counts.total, sum(counts.counts[: len(units)].tolist())  # the units are the first rows
        if n == n_known:
            return {}
        return {
            "pretokens": n - n_known,
            "share_of_pretokens": (n - n_known) / n,
            "distinct_pretokens": len(counts) - len(units),
        }
