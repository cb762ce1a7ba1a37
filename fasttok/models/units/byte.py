"""`ByteModel` and `ByteTrainer`: models in which every byte is a token."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from fasttok.core.checks import checked_texts
from fasttok.core.ragged import Ragged, read_only
from fasttok.counts.table import PretokenCounts
from fasttok.models._pieces import PieceTable
from fasttok.models.base import Model, Trained, Trainer
from fasttok.models.options import check_arguments
from fasttok.models.units._units import UnitEncoder

BYTES = np.arange(256)  # all byte values, which are also the ids


class ByteModel(Model):
    """Byte model: encodes every byte by the id with the same value.

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
    """Trainer of byte models, whose vocabulary is the same for every corpus: id i is byte i.

    Parameters
    ----------
    special_tokens : sequence of str
        Special tokens. Their ids start at 256, and plain text never gets them.

    Raises
    ------
    ValueError
        If a special token is empty or occurs twice.
    TypeError
        If `special_tokens` is not a sequence of ``str``.

    Examples
    --------
    >>> import fasttok as ft
    >>> counts = ft.PretokenCounts.from_dict({"low": 5, "lower": 2})
    >>> ft.ByteTrainer(special_tokens=["<s>"]).train(counts).special_tokens
    {'<s>': 256}
    """

    special_tokens: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "special_tokens", checked_texts("special_tokens", self.special_tokens))

    def train(self, counts: PretokenCounts, *, workers: int | None = None, progress: bool = False) -> Trained:
        """Make the model; nothing is learned from the corpus.

        Parameters
        ----------
        counts : PretokenCounts
            Training corpus.
        workers, progress
            Accepted as by every trainer, but not used.

        Returns
        -------
        Trained
            `ByteModel` and id of each special token.

        Raises
        ------
        ValueError
            If the corpus is empty, as for every trainer.
        """
        check_arguments(counts, workers, progress)
        return Trained(ByteModel(), {token: 256 + i for i, token in enumerate(self.special_tokens)})
