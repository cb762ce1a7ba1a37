"""Normalizers: what is done to text before it is cut into pretokens.

A normalizer gives text for text, and for every byte that comes out where in the text that came in it was
made from; so a token can be found again in the original.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fasttok.ragged import Ragged
from fasttok.text.cuts import REWRITES_ANYTHING, RewritingCuts
from fasttok.text.utf8 import encode_utf8

AnyNormalizer: TypeAlias = "str | dict[str, Any] | Normalizer | None"


@dataclass(frozen=True, eq=False)
class Rewritten:
    """Documents that were rewritten, and where what they are made of came from.

    Two rewritings one after the other have the origins ``first.origins[second.origins]``.

    Parameters
    ----------
    documents : Ragged of uint8
        The text that came out, a row a document as it came in.
    origins : ndarray of int64, shape (n + 1,), or None
        For each of the `n` bytes of the text that came out, and for their end, the position in the values
        that came in at which what it was made of begins; they never decrease. A stretch from byte ``a`` to
        byte ``b`` stands for ``origins[a]`` to ``origins[b]``, at most to the end of its document. None
        unless it was asked for.
    """

    documents: Ragged
    origins: NDArray[np.int64] | None


class Normalizer(ABC):
    """Rewrites text. Immutable; safe to share between threads."""

    @abstractmethod
    def rewrite(self, documents: Ragged, *, aligned: bool = False) -> Rewritten:
        """Rewrite a batch of documents, each on its own.

        Parameters
        ----------
        documents : Ragged of uint8
            UTF-8 text, a row a document.
        aligned : bool
            Whether to say where each byte came from, which takes 8 bytes more a byte.
        """

    @property
    def cuts(self) -> RewritingCuts:
        """Where text may be cut so that its parts can be rewritten apart; see `fasttok.text.cuts`."""
        return REWRITES_ANYTHING

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """What `get_normalizer` takes to make this normalizer again; plain JSON."""

    def normalize(self, text: str | bytes) -> str | bytes:
        """Rewrite one text, for looking at; a ``str`` gives a ``str``, bytes give bytes.

        Raises
        ------
        TextError
            If a ``str`` holds a lone surrogate.
        """
        out = self.rewrite(Ragged.from_bytes([encode_utf8(text)])).documents.values.tobytes()
        return out.decode() if isinstance(text, str) else out


def get_normalizer(normalizer: AnyNormalizer) -> Normalizer | None:
    """Make a normalizer from its name or configuration; None is none, which leaves text as it is.

    Parameters
    ----------
    normalizer : str, dict, Normalizer or None
        A name, or what `Normalizer.config` gave.
    """
    if normalizer is None or isinstance(normalizer, Normalizer):
        return normalizer
    raise ValueError(f"no normalizer is named {normalizer!r}")
