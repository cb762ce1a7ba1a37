"""The contract of a model with the tokenizer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.models._cache import SPARE_IDS, PretokenCache
from fasttok.models._encoder import PretokenEncoder
from fasttok.models.dropout import Dropout
from fasttok.ragged import Ragged
from fasttok.text._spans import Boundaries


class Model(ABC):
    """Turns pretokens into ids. Immutable; what it remembers is in caches that the tokenizer owns.

    Attributes
    ----------
    kind : str
        The name of the model's family, as `fasttok.train` takes it.
    pieces : Ragged of uint8
        The bytes of each id; an empty row is an id that the model does not use.
    """

    kind: str
    pieces: Ragged

    @property
    @abstractmethod
    def encoder(self) -> PretokenEncoder:
        """The kernel that encodes; never changed, shared by all threads."""

    def dropout_encoder(
        self, dropout: Dropout, documents: NDArray[np.int64], starts: NDArray[np.int64]
    ) -> PretokenEncoder:
        """The kernel that encodes some rows of text with dropout, once.

        Parameters
        ----------
        dropout : Dropout
            How likely a merge is skipped, and what the chance depends on.
        documents, starts : ndarray of int64, shape (k,)
            Of every row, the number of its document, and where in the document it begins, in bytes.

        Raises
        ------
        ValueError
            If the model has no merges.
        """
        raise ValueError(f"dropout skips merges, and a model of kind {self.kind!r} has none")

    def encode_pretokens(
        self, text: NDArray[np.uint8], boundaries: NDArray[np.int64], cache: PretokenCache
    ) -> Ragged:
        """Encode the pretokens between consecutive `boundaries` in `text`, for looking at.

        Parameters
        ----------
        text : ndarray of uint8
            UTF-8, or any bytes.
        boundaries : ndarray of int64, shape (k + 1,)
            Where pretokens begin and end.
        cache : PretokenCache
            Used by this call alone while it runs, and only ever with this model.

        Returns
        -------
        Ragged of uint32
            A row a pretoken.
        """
        out = np.empty(int(boundaries[-1] - boundaries[0]) + SPARE_IDS, np.uint32)
        offsets = np.empty(len(boundaries), np.int64)
        n = self.encoder.encode(text, boundaries, Boundaries(boundaries), cache, out, offsets)
        return Ragged(out[:n], offsets)

    @property
    @abstractmethod
    def is_lossless(self) -> bool:
        """Whether the pieces of any pretoken's ids, joined, are the pretoken."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """What the native file holds of the model; plain JSON."""

    @classmethod
    @abstractmethod
    def from_dict(cls, fields: dict[str, Any]) -> Model:
        """The inverse of `to_dict`.

        Raises
        ------
        KeyError, TypeError, ValueError
            If the fields are not a model.
        """

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_dict, (self.to_dict(),)
