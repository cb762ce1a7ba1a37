"""Normalizers that rewrite by rules: those of sentencepiece, precompiled ones, and one text for another."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache, cached_property
from typing import Any

import numpy as np

from fasttok.core.errors import ModelFormatError
from fasttok.core.ragged import Ragged
from fasttok.text.cuts import REWRITING_CUTS, RewritingCuts
from fasttok.text.normalizers._charsmap import CharsMap
from fasttok.text.normalizers.compiled_rules import (
    compile_named,
    compile_rules,
    read_charsmap,
    write_charsmap,
)
from fasttok.text.rows import Rows
from fasttok.text.steps import Normalizer


@dataclass(frozen=True, eq=False)
class CharsMapNormalizer(Normalizer):
    """Rewrites by rules, as sentencepiece does: at every place the longest rule that matches.

    What no rule begins with stays as it is, but for a byte that is not UTF-8, which becomes U+FFFD. What was
    written is not looked at again. O(n); no rule takes or gives more than 256 bytes.

    Parameters
    ----------
    charsmap : CharsMap
        The rules; see `from_rules` and `from_bytes`.
    name : str
        The name `get_normalizer` has for these rules.

    Examples
    --------
    >>> from fasttok.text.normalizers.charsmap import CharsMapNormalizer
    >>> normalizer = CharsMapNormalizer.from_rules({"a": "b", "ab": "", "c": "…"})
    >>> normalizer.normalize("aabcd")
    'b…d'
    >>> data = normalizer.to_bytes()
    >>> CharsMapNormalizer.from_bytes(data).normalize("aabcd")
    'b…d'
    """

    charsmap: CharsMap = field(repr=False)
    name: str = "charsmap"

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

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> CharsMapNormalizer:
        """Make a normalizer from its name, or from rules in base64.

        Raises
        ------
        TypeError, ValueError
            If it is not the configuration of one.
        """
        if config.keys() == {"name"} and config["name"] != "charsmap":
            return _named(config["name"])
        if config.keys() != {"name", "charsmap"}:
            raise ValueError(f"expected only the option charsmap, not {', '.join(config)}")
        try:
            return cls.from_bytes(base64.b64decode(config["charsmap"], validate=True))
        except (binascii.Error, ModelFormatError) as error:
            raise ValueError(str(error)) from None

    def to_bytes(self) -> bytes:
        """The rules as a sentencepiece model has them."""
        return write_charsmap(self.charsmap)

    def rewrite(self, rows: Rows) -> Rows:
        documents = rows.documents
        text = np.ascontiguousarray(documents.values)
        values, offsets, origins = self.charsmap.rewrite(text, documents.offsets, rows.aligned)
        return rows.rewritten_from(Ragged(values, offsets), origins)

    @property
    def cuts(self) -> RewritingCuts:
        return REWRITING_CUTS.get(self.name, super().cuts)

    def config(self) -> dict[str, Any]:
        """Return the name; of rules without one, the rules in base64."""
        if self.name != "charsmap":
            return {"name": self.name}
        return {"name": "charsmap", "charsmap": base64.b64encode(self.to_bytes()).decode()}

    def __reduce__(self) -> tuple[Any, ...]:
        return CharsMapNormalizer.from_config, (self.config(),)


@cache
def _named(name: str) -> CharsMapNormalizer:
    return CharsMapNormalizer(compile_named(name), name)


@dataclass(frozen=True)
class Replace(Normalizer):
    """Writes one text for every other, from the left and without overlaps.

    What is replaced by nothing belongs to what is before it in its document.

    Parameters
    ----------
    pattern : str
        What is replaced, as it stands here: no regular expression.
    replacement : str
        What is written for it.

    Raises
    ------
    ValueError
        If the pattern is empty, or one of the two is longer than 256 bytes, holds U+0000 or has no UTF-8
        form.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.Replace("--", "—").normalize("so --- well")
    'so —- well'
    """

    pattern: str
    replacement: str
    name = "replace"

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not isinstance(value, str):
                raise TypeError(f"{name} must be a str, not {type(value).__name__}")
        _ = self._rules  # what is no rule is an error here, not later

    @cached_property
    def _rules(self) -> CharsMapNormalizer:
        return CharsMapNormalizer(compile_rules({self.pattern: self.replacement}, keeps_broken=True))

    def __getstate__(self) -> dict[str, Any]:
        return asdict(self)

    def rewrite(self, rows: Rows) -> Rows:
        return self._rules.rewrite(rows)
