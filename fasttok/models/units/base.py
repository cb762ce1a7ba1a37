"""What the models that are a vocabulary and nothing else have in common, and their trainers."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_flag, checked_integer
from fasttok.core.ragged import Ragged, read_only
from fasttok.counts.table import PretokenCounts
from fasttok.models._pieces import PieceTable
from fasttok.models.base import Model, Trained, Trainer
from fasttok.models.options import as_texts, check_not_empty
from fasttok.models.pieces import BYTE_NAMES, as_pieces, check_id, find_byte_ids, ids_by_piece, write_bytes
from fasttok.models.units._units import UnitEncoder

AnyUnits = TypeVar("AnyUnits", bound="UnitModel")


class UnitModel(Model):
    """Units of text that have an id, and what becomes of the others.

    Attributes
    ----------
    pieces : Ragged of uint8
        The bytes of each id, as given.
    unk_id : int or None
        The id of a unit that is no piece.
    byte_ids : ndarray of uint32, shape (256,), or None
        The ids of the bytes that such a unit becomes instead.
    takes_whole : bool
        Whether a pretoken is one unit; otherwise each of its characters is.
    """

    takes_whole: ClassVar[bool]

    def __init__(
        self,
        pieces: Ragged | Sequence[str | bytes],
        *,
        unk_id: int | None = None,
        byte_fallback: bool = False,
    ) -> None:
        self.pieces = as_pieces(pieces)
        self.unk_id = check_id("unk_id", unk_id, self.pieces)
        ids = ids_by_piece(self.pieces)
        self.byte_ids = read_only(find_byte_ids(ids)) if byte_fallback else None

    @cached_property
    def is_unit(self) -> NDArray[np.bool_]:
        """Whether each piece is looked for in text."""
        mask = self.pieces.lengths > 0
        if self.byte_ids is not None:
            mask[self.byte_ids] = False
        return read_only(mask)

    @cached_property
    def encoder(self) -> UnitEncoder:
        table = PieceTable(self.pieces.values, self.pieces.offsets, self.is_unit.view(np.uint8))
        unk_id = -1 if self.unk_id is None else self.unk_id
        encoder = UnitEncoder(table, self.takes_whole, self.byte_ids, unk_id)
        lengths = self.pieces.lengths.astype(np.uint32)
        if self.byte_ids is not None:
            lengths[self.byte_ids] = 1
        encoder.set_lengths(lengths)
        return encoder

    @property
    def decoded_pieces(self) -> Ragged:
        return write_bytes(self.pieces, self.byte_ids)

    @property
    def is_lossless(self) -> bool:
        return self.byte_ids is not None  # otherwise what training did not see has no id

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "unk_id": self.unk_id,
            "byte_fallback": self.byte_ids is not None,
            "pieces": [piece.decode(errors="surrogateescape") for piece in self.pieces.to_bytes()],
        }

    @classmethod
    def from_dict(cls: type[AnyUnits], fields: dict[str, Any]) -> AnyUnits:
        unk_id, byte_fallback, pieces = fields["unk_id"], fields["byte_fallback"], fields["pieces"]
        if unk_id is not None and type(unk_id) is not int:
            raise TypeError("unk_id must be an id or null")
        if not isinstance(byte_fallback, bool):
            raise TypeError("byte_fallback must be true or false")
        if not isinstance(pieces, list) or not all(type(piece) is str for piece in pieces):
            raise TypeError("pieces must be a list of texts")
        rows = [piece.encode(errors="surrogateescape") for piece in pieces]
        return cls(rows, unk_id=unk_id, byte_fallback=byte_fallback)


@dataclass(frozen=True)
class UnitTrainer(Trainer):
    """The options of a vocabulary and the order of its ids; which units there are is for others to say."""

    vocab_size: int | None = None
    min_frequency: int = 1
    special_tokens: tuple[str, ...] = ()
    unk: str | None = None
    byte_fallback: bool = False

    _model_type: ClassVar[type[UnitModel]]

    def __post_init__(self) -> None:
        for option in ("vocab_size", "min_frequency"):
            value = getattr(self, option)
            if value is not None or option == "min_frequency":
                object.__setattr__(self, option, checked_integer(option, value))
        checked_flag("byte_fallback", self.byte_fallback)
        tokens = as_texts("special_tokens", self.special_tokens)
        if self.unk is not None and self.unk not in tokens:
            tokens += as_texts("unk", [self.unk])
        object.__setattr__(self, "special_tokens", tokens)
        if self.min_frequency < 1:
            raise ValueError(f"min_frequency must be at least 1, not {self.min_frequency}")
        if self.vocab_size is not None and self.vocab_size <= self.n_reserved:
            raise ValueError(
                f"vocab_size must be at least {self.n_reserved + 1} ({self.n_reserved} ids are special "
                f"tokens or bytes), not {self.vocab_size}"
            )

    @property
    def n_reserved(self) -> int:
        """How many ids are special tokens or bytes."""
        return len(self.special_tokens) + 256 * self.byte_fallback

    def train(self, counts: PretokenCounts, *, workers: int | None = None, progress: bool = False) -> Trained:
        """Learn a model. O(n) in the characters of the distinct pretokens.

        Parameters
        ----------
        counts : PretokenCounts
            The training corpus.
        workers, progress
            Taken as every trainer takes them, and of no use here: there is little to do.

        Returns
        -------
        Trained
            The model and the id of each special token.

        Raises
        ------
        ValueError
            If there is nothing to train on, or nothing occurs `min_frequency` times.

        Warns
        -----
        UserWarning
            If there are fewer pieces than `vocab_size` asks for.
        """
        check_not_empty(counts)
        most = None if self.vocab_size is None else self.vocab_size - self.n_reserved
        units = self._choose_units(counts, most)
        if not units:
            raise ValueError(
                f"there is no {self._model_type.kind} that occurs at least {self.min_frequency} times"
            )
        n_ids = self.n_reserved + len(units)
        if self.vocab_size is not None and n_ids < self.vocab_size:
            warnings.warn(
                f"the vocabulary has {n_ids:,} ids, not {self.vocab_size:,}: there are no more "
                f"{self._model_type.kind}s that occur at least {self.min_frequency} times",
                stacklevel=2,
            )
        special_tokens = {token: i for i, token in enumerate(self.special_tokens)}
        names = BYTE_NAMES if self.byte_fallback else []
        model = self._model_type(
            [b""] * len(special_tokens) + names + units,
            unk_id=None if self.unk is None else special_tokens[self.unk],
            byte_fallback=self.byte_fallback,
        )
        return Trained(model, special_tokens)

    @abstractmethod
    def _choose_units(self, counts: PretokenCounts, most: int | None) -> list[bytes]:
        """The pieces in the order of their ids, at most so many."""
