"""`ByteModel` and `ByteTrainer`: every byte is a token."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from fasttok.core.ragged import Ragged, read_only
from fasttok.counts.table import PretokenCounts
from fasttok.models._pieces import PieceTable
from fasttok.models.base import Model, Trained, Trainer
from fasttok.models.options import as_texts, check_not_empty
from fasttok.models.units._units import UnitEncoder

BYTES = np.arange(256)


class ByteModel(Model):
    """Bytes: id i is byte i.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.Tokenizer(ft.ByteModel(), "gpt2", {"<s>": 256})
    >>> tok.encode("naïve").tolist()
    [110, 97, 195, 175, 118, 101]
    """

    kind = "byte"

    def __init__(self) -> None:
        self.pieces = Ragged(read_only(BYTES.astype(np.uint8)), read_only(np.arange(257)))

    @cached_property
    def encoder(self) -> UnitEncoder:
        no_units = PieceTable(self.pieces.values, self.pieces.offsets, np.zeros(256, np.uint8))
        encoder = UnitEncoder(no_units, True, BYTES.astype(np.uint32), -1)
        encoder.set_lengths(np.ones(256, np.uint32))
        return encoder

    @property
    def is_lossless(self) -> bool:
        return True  # every byte is a piece

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> ByteModel:
        return cls()


@dataclass(frozen=True)
class ByteTrainer(Trainer):
    """Take all bytes for a vocabulary, whatever occurs: id i is byte i, and special tokens follow.

    Parameters
    ----------
    special_tokens : sequence of str
        Texts with ids of their own, from 256 on; plain text never becomes them.

    Raises
    ------
    ValueError
        If a special token is empty or stands twice.
    TypeError
        If they are no sequence of ``str``.

    Examples
    --------
    >>> import fasttok as ft
    >>> counts = ft.PretokenCounts.from_dict({"low": 5, "lower": 2})
    >>> ft.ByteTrainer(special_tokens=["<s>"]).train(counts).special_tokens
    {'<s>': 256}
    """

    special_tokens: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "special_tokens", as_texts("special_tokens", self.special_tokens))

    def train(self, counts: PretokenCounts, *, workers: int | None = None, progress: bool = False) -> Trained:
        """Make a model.

        Parameters
        ----------
        counts : PretokenCounts
            The training corpus; there is nothing to be learned from it.
        workers, progress
            Taken as every trainer takes them, and of no use here.

        Returns
        -------
        Trained
            The `ByteModel` and the id of each special token.

        Raises
        ------
        ValueError
            If the corpus is empty, as for every trainer.
        """
        check_not_empty(counts)
        return Trained(ByteModel(), {token: 256 + i for i, token in enumerate(self.special_tokens)})
