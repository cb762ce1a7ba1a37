"""`UnitModel` and `UnitTrainer`: base classes of models that look up whole units of text in a vocabulary."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from fasttok.core._trie import Trie
from fasttok.core.checks import checked_flag, checked_integer, checked_texts, checked_word
from fasttok.core.errors import warn
from fasttok.core.ragged import Ragged, read_only
from fasttok.counts.table import PretokenCounts
from fasttok.models._pieces import PieceTable
from fasttok.models.base import Model, Trained, Trainer
from fasttok.models.options import check_arguments, describe_minimum
from fasttok.models.pieces import (
    BYTE_NAMES,
    as_pieces,
    check_different,
    check_have_pieces,
    check_id,
    check_not_fallback,
    checked_ids,
    find_all_byte_ids,
    write_bytes,
)
from fasttok.models.units._units import UnitEncoder

AnyUnits = TypeVar("AnyUnits", bound="UnitModel")


class UnitModel(Model):
    """Base class of models that encode each unit of text, a character or a pretoken, by one id.

    Attributes
    ----------
    pieces : Ragged of uint8
        Bytes of each id, as given.
    unk_id : int or None
        Id of a unit that is not a piece (an unknown unit).
    byte_ids : ndarray of uint32, shape (256,), or None
        Ids that encode the bytes of unknown units instead.
    user_defined, unused : frozenset of int
        Ids of pieces that are found before all others, and of pieces that text never gets.
    fuse_unk : bool
        Whether a run of unknown units becomes one unknown token, even across pretokens.
    takes_whole : bool
        Whether a unit is a whole pretoken; otherwise it is a character.
    """

    takes_whole: ClassVar[bool]
    user_defined: frozenset[int] = frozenset()

    def __init__(
        self,
        pieces: Ragged | Sequence[str | bytes],
        *,
        unk_id: int | None = None,
        byte_fallback: bool = False,
        unused: Collection[int] = (),
        fuse_unk: bool = False,
    ) -> None:
        checked_flag("byte_fallback", byte_fallback)
        self.pieces = as_pieces(pieces)
        self.unk_id = check_id("unk_id", unk_id, self.pieces, may_be_piece=True)
        check_different(self.pieces)
        self.byte_ids = read_only(find_all_byte_ids(self.pieces)) if byte_fallback else None
        self.unused = self._checked_pieces("unused", unused)
        self.fuse_unk = checked_flag("fuse_unk", fuse_unk)
        if fuse_unk and self.unk_id is not None and self.unk_id < len(self.pieces):
            check_id("unk_id", self.unk_id, self.pieces)  # a run could contain the piece itself

    def _checked_pieces(self, option: str, ids: Collection[int]) -> frozenset[int]:
        """Return ids of pieces as a set; raise an error if one has no piece or is that of a byte."""
        found = checked_ids(option, ids)
        check_have_pieces(option, found, self.pieces, self.byte_ids)
        return found

    @cached_property
    def is_unit(self) -> NDArray[np.bool_]:
        """Whether each piece can match text."""
        mask = self.pieces.lengths > 0
        if self.byte_ids is not None:
            mask[self.byte_ids] = False
        mask[list(self.unused)] = False
        return read_only(mask)

    @cached_property
    def encoder(self) -> UnitEncoder:
        is_matched = self.is_unit.copy()
        is_matched[list(self._excluded)] = False
        table = PieceTable(self.pieces.values, self.pieces.offsets, is_matched.view(np.uint8))
        unk_id = -1 if self.unk_id is None else self.unk_id
        encoder = UnitEncoder(
            table, self.takes_whole, self.byte_ids, unk_id, self._make_trie(), self.fuse_unk
        )
        lengths = self.pieces.lengths.astype(np.uint32)
        if self.byte_ids is not None:
            lengths[self.byte_ids] = 1
        if self.unk_id is not None:
            lengths[self.unk_id : self.unk_id + 1] = 0  # any character
        encoder.set_lengths(lengths)
        return encoder

    def _make_trie(self) -> Trie | None:
        """Return the trie of the user-defined pieces; None if there are none."""
        ids = sorted(self.user_defined - self._excluded, key=lambda i: bytes(self.pieces[i]))
        values = np.array(ids, np.int32)
        return Trie.build(self.pieces.take(values), values) if ids else None

    def _excluding(self: AnyUnits, ids: frozenset[int]) -> AnyUnits:
        check_not_fallback(self.pieces, ids, self.byte_ids)
        return self._copy_excluding(ids, "encoder")

    @property
    def decoded_pieces(self) -> Ragged:
        return write_bytes(self.pieces, self.byte_ids)

    @property
    def is_lossless(self) -> bool:
        return self.byte_ids is not None  # without byte ids, some unit is always unknown

    def to_dict(self) -> dict[str, Any]:
        options: dict[str, Any] = {"fuse_unk": True} if self.fuse_unk else {}
        for option in ("user_defined", "unused"):
            if ids := sorted(getattr(self, option)):
                options[option] = ids
        return {
            "kind": self.kind,
            "unk_id": self.unk_id,
            "byte_fallback": self.byte_ids is not None,
            **options,
            "pieces": [piece.decode(errors="surrogateescape") for piece in self.pieces.to_bytes()],
        }

    @classmethod
    def from_dict(cls: type[AnyUnits], fields: dict[str, Any]) -> AnyUnits:
        unk_id, byte_fallback, pieces = fields["unk_id"], fields["byte_fallback"], fields["pieces"]
        if unk_id is not None and type(unk_id) is not int:
            raise TypeError(f"unk_id must be an id or null, not {unk_id!r}")
        if not isinstance(byte_fallback, bool):
            raise TypeError(f"byte_fallback must be true or false, not {byte_fallback!r}")
        if not isinstance(pieces, list) or not all(type(piece) is str for piece in pieces):
            raise TypeError("pieces must be a list of str")
        rows = [piece.encode(errors="surrogateescape") for piece in pieces]
        options = {name: fields[name] for name in ("fuse_unk", "user_defined", "unused") if name in fields}
        return cls(rows, unk_id=unk_id, byte_fallback=byte_fallback, **options)


@dataclass(frozen=True)
class UnitTrainer(Trainer):
    """Base class of trainers of unit models: checks the options and numbers the pieces.

    Derived classes choose the units.
    """

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
        tokens = checked_texts("special_tokens", self.special_tokens)
        if self.unk is not None and checked_word("unk", self.unk) not in tokens:
            tokens += (self.unk,)
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
        """Number of ids of special tokens and bytes."""
        return len(self.special_tokens) + 256 * self.byte_fallback

    def train(self, counts: PretokenCounts, *, workers: int | None = None, progress: bool = False) -> Trained:
        """Train a model, in O(n) time for n characters of distinct pretokens.

        Parameters
        ----------
        counts : PretokenCounts
            Training corpus.
        workers, progress
            Accepted as by every trainer, but not used: training is fast.

        Returns
        -------
        Trained
            Model and id of each special token.

        Raises
        ------
        ValueError
            If there is nothing to train on, or nothing occurs `min_frequency` times.

        Warns
        -----
        UserWarning
            If the vocabulary is smaller than `vocab_size`.
        """
        check_arguments(counts, workers, progress)
        most = None if self.vocab_size is None else self.vocab_size - self.n_reserved
        units = self._choose_units(counts, most)
        if not units:
            raise ValueError(
                f"no {self._model_type.kind} of the corpus occurs{describe_minimum(self.min_frequency)}; "
                "lower min_frequency"
            )
        n_ids = self.n_reserved + len(units)
        if self.vocab_size is not None and n_ids < self.vocab_size:
            warn(
                f"the vocabulary has {n_ids:,} ids, not {self.vocab_size:,}: no other "
                f"{self._model_type.kind} occurs{describe_minimum(self.min_frequency)}"
            )
        special_tokens = {token: i for i, token in enumerate(self.special_tokens)}
        names = BYTE_NAMES if self.byte_fallback else []
        model = self._model_type(
            [b""] * len(special_tokens) + names + units,
            unk_id=None if self.unk is None else special_tokens[self.unk],
            byte_fallback=self.byte_fallback,
        )
        lost = {} if self.byte_fallback else self._count_lost(counts, units)
        return Trained(model, special_tokens, lost=lost)

    @abstractmethod
    def _choose_units(self, counts: PretokenCounts, most: int | None) -> list[bytes]:
        """Return the pieces in the order of their ids, at most `most` unless it is None."""

    @abstractmethod
    def _count_lost(self, counts: PretokenCounts, units: list[bytes]) -> dict[str, int | float]:
        """Count the text that is not in the pieces that `_choose_units` returned; see `Trained`."""
