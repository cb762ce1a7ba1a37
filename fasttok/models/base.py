"""The contract of a model with the tokenizer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.models._cache import PretokenCache
from fasttok.ragged import Ragged


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

    @abstractmethod
    def encode_pretokens(
        self,
        text: NDArray[np.uint8],
        boundaries: NDArray[np.int64],
        cache: PretokenCache,
        out: NDArray[np.uint32] | None = None,
    ) -> Ragged:
        """Encode the pretokens between consecutive `boundaries` in `text`.

        Parameters
        ----------
        text : ndarray of uint8
            UTF-8, or any bytes.
        boundaries : ndarray of int64, shape (k + 1,)
            Where pretokens begin and end.
        cache : PretokenCache
            Used by this call alone while it runs, and only ever with this model.
        out : ndarray of uint32, optional
            Where to write the ids, instead of to a new array: at least ``SPARE_IDS`` longer than the
            pretokens have bytes.

        Returns
        -------
        Ragged of uint32
            A row a pretoken.
        """

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
