"""Normalizers: what is done to text before it is cut into pretokens.

A normalizer gives text for text, and for every byte that comes out where in the text that came in it was
made from; so a token can be found again in the original.
"""

from __future__ import annotations

import base64
import binascii
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fasttok.errors import ModelFormatError
from fasttok.ragged import Ragged
from fasttok.text._charsmap import CharsMap
from fasttok.text.charsmap import compile_named, compile_rules, read_charsmap, write_charsmap
from fasttok.text.cuts import REWRITES_ANYTHING, REWRITING_CUTS, RewritingCuts
from fasttok.text.utf8 import encode_utf8

NAMES = ("identity", "nfkc", "nmt_nfkc", "nfkc_cf", "nmt_nfkc_cf")

AnyNormalizer: TypeAlias = "str | dict[str, Any] | Normalizer | None"


@dataclass(frozen=True, eq=False)
class Rewritten:
    """Documents that were rewritten, and where what they are made of came from.

    Parameters
    ----------
    documents : Ragged of uint8
        The text that came out, a row a document as it came in.
    spans : ndarray of int64, shape (n, 2), or None
        For each of the `n` bytes of the values that came out, the stretch of the values that came in that it
        was made of: where it begins and ends. Neither column decreases. What stands from byte ``a`` to byte
        ``b``, which is behind ``a``, was made of what stands from ``spans[a, 0]`` to ``spans[b - 1, 1]``. A
        byte that was made of nothing has an empty stretch at the place where it stands. None unless it was
        asked for.
    """

    documents: Ragged
    spans: NDArray[np.int64] | None

    @classmethod
    def unchanged(cls, documents: Ragged, aligned: bool) -> Rewritten:
        """Documents that stay as they are."""
        places = np.arange(len(documents.values) if aligned else 0)
        return cls(documents, np.stack([places, places + 1], axis=1) if aligned else None)

    @classmethod
    def from_origins(cls, documents: Ragged, origins: NDArray[np.int64] | None) -> Rewritten:
        """Documents of which each byte goes on to where the next begins; `origins` has their end as well."""
        return cls(documents, None if origins is None else np.stack([origins[:-1], origins[1:]], axis=1))

    def then(self, next_: Rewritten) -> Rewritten:
        """What this rewriting and one of its documents are together. O(n)."""
        if self.spans is None or next_.spans is None:
            return Rewritten(next_.documents, None)
        starts, ends = next_.spans.T
        is_made = starts < ends
        made_of = self.spans if len(self.spans) else np.zeros((1, 2), np.int64)
        last = len(made_of) - 1
        spans = np.stack([made_of[np.minimum(starts, last), 0], made_of[ends - 1, 1]], axis=1)
        # What is made of nothing stands before what is behind it, or behind the last of its document.
        for_nothing = np.flatnonzero(~is_made)
        rows = np.searchsorted(next_.documents.offsets, for_nothing, side="right") - 1
        is_last = starts[for_nothing] == self.documents.offsets[rows + 1]
        spans[for_nothing] = spans[for_nothing, is_last.astype(np.int64)][:, None]
        return Rewritten(next_.documents, spans)


class Normalizer(ABC):
    """Rewrites text. Immutable; safe to share between threads."""

    @abstractmethod
    def rewrite(
        self,
        documents: Ragged,
        *,
        begins: NDArray[np.bool_] | None = None,
        ends: NDArray[np.bool_] | None = None,
        aligned: bool = False,
    ) -> Rewritten:
        """Rewrite a batch of documents, each on its own.

        Parameters
        ----------
        documents : Ragged of uint8
            UTF-8 text, a row a document or part of one.
        begins, ends : ndarray of bool, shape (k,), optional
            Whether each row is the beginning, and the end, of its document; without them each is both.
        aligned : bool
            Whether to say where each byte came from, which takes 16 bytes more a byte.
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


@dataclass(frozen=True, eq=False)
class CharsMapNormalizer(Normalizer):
    """Rewrites by rules, as sentencepiece does: at every place the longest rule that matches.

    What no rule begins with stays as it is, but for a byte that is not UTF-8, which becomes U+FFFD. What was
    written is not looked at again. O(n); no rule takes or gives more than 256 bytes.

    Parameters
    ----------
    charsmap : CharsMap
        The rules; see `from_rules` and `from_bytes`.
    name : str or None
        The name `get_normalizer` has for these rules.

    Examples
    --------
    >>> from fasttok.text.normalizers import CharsMapNormalizer
    >>> normalizer = CharsMapNormalizer.from_rules({"a": "b", "ab": "", "c": "…"})
    >>> normalizer.normalize("aabcd")
    'b…d'
    >>> data = normalizer.to_bytes()
    >>> CharsMapNormalizer.from_bytes(data).normalize("aabcd")
    'b…d'
    """

    charsmap: CharsMap = field(repr=False)
    name: str | None = None

    @classmethod
    def from_rules(cls, rules: Mapping[str, str]) -> CharsMapNormalizer:
        """Make a normalizer of rules: what is rewritten, and to what.

        Raises
        ------
        ValueError
            If what is rewritten is empty, or a text is longer than 256 bytes, holds U+0000 or has no UTF-8
            form.
        """
        return cls(compile_rules(rules))

    @classmethod
    def from_bytes(cls, data: bytes) -> CharsMapNormalizer:
        """Read the precompiled rules of a sentencepiece model (``precompiled_charsmap``).

        Raises
        ------
        ModelFormatError
            If they are damaged, or a rule takes or gives more than 256 bytes.
        """
        return cls(read_charsmap(data))

    def to_bytes(self) -> bytes:
        """The rules as a sentencepiece model has them."""
        return write_charsmap(self.charsmap)

    def rewrite(
        self,
        documents: Ragged,
        *,
        begins: NDArray[np.bool_] | None = None,
        ends: NDArray[np.bool_] | None = None,
        aligned: bool = False,
    ) -> Rewritten:
        text = np.ascontiguousarray(documents.values)
        values, offsets, origins = self.charsmap.rewrite(text, documents.offsets, aligned)
        return Rewritten.from_origins(Ragged(values, offsets), origins)

    @property
    def cuts(self) -> RewritingCuts:
        return REWRITING_CUTS[self.name] if self.name else super().cuts

    def config(self) -> dict[str, Any]:
        if self.name is not None:
            return {"name": self.name}
        return {"name": "charsmap", "charsmap": base64.b64encode(self.to_bytes()).decode()}

    def __reduce__(self) -> tuple[Any, ...]:
        return get_normalizer, (self.config(),)


@cache
def _named(name: str) -> CharsMapNormalizer:
    return CharsMapNormalizer(compile_named(name), name)


def get_normalizer(normalizer: AnyNormalizer) -> Normalizer | None:
    r"""Make a normalizer from its name or configuration; None is none, which leaves text as it is.

    Parameters
    ----------
    normalizer : str, dict, Normalizer or None
        A name, see below, or what `Normalizer.config` gave.

    Raises
    ------
    ValueError
        If there is none of this name, or the configuration is of none.

    Notes
    -----
    The names are sentencepiece's, and so are the rules (of Unicode 17, as in its version 0.2.3):

    - "identity": nothing is rewritten but what is not UTF-8.
    - "nfkc": nearly the normal form NFKC; sequences with a mark in an unusual place stay as they are.
    - "nmt_nfkc": the same; besides control characters are dropped, and line ends, tabs, zero-width spaces,
      "▁" and U+FFFD become spaces. The full-width tilde stays.
    - "nfkc_cf", "nmt_nfkc_cf": the same with simple case folding.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.get_normalizer("nmt_nfkc").normalize("Ｔｈｅ ﬁrst\nｶﾞ")
    'The first ガ'
    """
    if normalizer is None or isinstance(normalizer, Normalizer):
        return normalizer
    if isinstance(normalizer, str):
        if normalizer not in NAMES:
            raise ValueError(f"no normalizer is named {normalizer!r}; the names are {', '.join(NAMES)}")
        return _named(normalizer)
    if isinstance(normalizer, dict):
        return _from_config(normalizer)
    raise TypeError(f"a normalizer must be a name or a configuration, not {type(normalizer).__name__}")


def _from_config(config: dict[str, Any]) -> Normalizer:
    if config.get("name") in NAMES and config.keys() == {"name"}:
        return _named(config["name"])
    if config.get("name") == "charsmap" and config.keys() == {"name", "charsmap"}:
        try:
            return CharsMapNormalizer.from_bytes(base64.b64decode(config["charsmap"], validate=True))
        except (TypeError, binascii.Error, ModelFormatError) as error:
            raise ValueError(f"not the configuration of a normalizer: {error}") from None
    raise ValueError(f"not the configuration of a normalizer: {config!r}")
