"""`WordModel` and `WordTrainer`: every pretoken is a token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged
from fasttok.counts.table import PretokenCounts
from fasttok.models.pieces import BYTE_NAMES
from fasttok.models.units.base import UnitModel, UnitTrainer


class WordModel(UnitModel):
    """Words: each pretoken becomes the id of the piece that it is.

    One that is no piece becomes its bytes, or the unknown token, or is an error.

    Parameters
    ----------
    pieces : Ragged of uint8, or sequence of str or bytes
        The pretoken that each id stands for; any bytes. An empty row is an id that no text becomes, as that
        of a special token.
    unk_id : int, optional
        The id of pretokens that are no piece, one for each. Its row must be empty.
    byte_fallback : bool
        Whether such pretokens become their bytes instead. Then ``<0x00>`` to ``<0xFF>`` must be pieces; they
        are never found in text, and decoding writes their byte.

    Attributes
    ----------
    begins_word : ndarray of bool, shape (n,)
        Whether each piece is a pretoken, and not a byte of one.

    Raises
    ------
    ValueError
        If a piece stands twice, pieces for bytes are missing, or the row of `unk_id` is not empty.

    Notes
    -----
    A pretoken takes a look into the cache, or one into a hash table. Where the pretokenizer drops white
    space, decoding cannot tell where a word begins that is written in bytes, and joins it to the one before.

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
    ) -> None:
        super().__init__(pieces, unk_id=unk_id, byte_fallback=byte_fallback)
        self.begins_word = self.is_unit


@dataclass(frozen=True)
class WordTrainer(UnitTrainer):
    """Take the pretokens that occur for a vocabulary.

    Ids are those of special tokens, of bytes if there are such, then of pretokens: the most frequent first,
    equally frequent ones in the order of their bytes.

    Parameters
    ----------
    vocab_size : int, optional
        The most ids there may be: special tokens, bytes, pretokens. By default all pretokens are kept.
    min_frequency : int
        A pretoken that occurs less often is left out.
    special_tokens : sequence of str
        Texts with ids of their own; plain text never becomes them.
    unk : str, optional
        The special token that every unknown pretoken becomes; one that is not among `special_tokens` is added
        after them. Without one, encoding an unknown pretoken is an error.
    byte_fallback : bool
        Whether an unknown pretoken becomes its bytes instead. A pretoken that reads like the name of a byte,
        ``<0x41>``, then is unknown.

    Raises
    ------
    ValueError
        If a value is out of range.
    TypeError
        If an argument is of the wrong type.

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
        n_looked_at = n_frequent if most is None else min(n_frequent, most + len(taken))
        words = (word for word, _ in counts.most_common(n_looked_at))  # in the order of the counts
        return [word for word in words if word not in taken][:most]
