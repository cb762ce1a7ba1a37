"""Normalizers that apply a charsmap: sentencepiece's named rules, precompiled rules, and `Replace`."""

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
from fasttok.text.normalizers.precompiled_charsmap import (
    compile_charsmap,
    compile_named,
    read_charsmap,
    write_charsmap,
)
from fasttok.text.rows import Rows
from fasttok.text.steps import Normalizer


@dataclass(frozen=True, eq=False)
class CharsMapNormalizer(Normalizer):
    """Normalizer that applies rewrite rules from left to right, as sentencepiece does.

    At every position, the longest rule that matches is applied. A code point that no rule matches is
    copied. A byte that is not UTF-8 becomes U+FFFD. Rewritten text is not matched again. O(n), as both
    sides of a rule have at most 256 bytes.

    Parameters
    ----------
    charsmap : CharsMap
        Rewrite rules; see `from_rules` and `from_bytes`.
    name : str
        Name of these rules in `get_normalizer`; "charsmap" for custom rules.

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
        """Make a normalizer from a mapping of texts to their replacements.

        Raises
        ------
        ValueError
            If a key is empty, or a text is longer than 256 bytes or contains U+0000 or a lone surrogate.
        """
        return cls(compile_charsmap(rules))

    @classmethod
    def from_bytes(cls, data: bytes) -> CharsMapNormalizer:
        """Make a normalizer from the ``precompiled_charsmap`` of a sentencepiece model.

        Raises
        ------
        ModelFormatError
            If the data are damaged, or one side of a rule has more than 256 bytes.
        """
        return cls(read_charsmap(data))

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> CharsMapNormalizer:
        """Make a normalizer from the result of `config`.

        Raises
        ------
        ValueError
            If an option is unknown, or the charsmap is damaged.
        """
        if config.keys() == {"name"} and config["name"] != "charsmap":
            return _named(config["name"])
        if config.keys() != {"name", "charsmap"}:
            raise ValueError(f"expected the options name and charsmap, not {', '.join(config)}")
        try:
            return cls.from_bytes(base64.b64decode(config["charsmap"], validate=True))
        except (binascii.Error, ModelFormatError) as error:
            raise ValueError(str(error)) from None

    def to_bytes(self) -> bytes:
        """Return the rules in the format of ``precompiled_charsmap`` of sentencepiece models."""
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
        """Return the name; for custom rules, also the charsmap in base64."""
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
    """Normalizer that replaces every occurrence of a text, from left to right without overlaps.

    If the replacement is empty, the removed text belongs to the character before it in offsets.

    Parameters
    ----------
    pattern : str
        Text to replace. It is not a regular expression.
    replacement : str
        Replacement.

    Raises
    ------
    ValueError
        If the pattern is empty, or if the pattern or the replacement is longer than 256 bytes or contains
        U+0000 or a lone surrogate.
    TypeError
        If the pattern or the replacement is not a ``str``.

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
        _ = self._normalizer  # raises errors about the options now, not at first use

    @cached_property
    def _normalizer(self) -> CharsMapNormalizer:
        return CharsMapNormalizer(compile_charsmap({self.pattern: self.replacement}, keeps_broken=True))

    def __getstate__(self) -> dict[str, Any]:
        return asdict(self)

    def rewrite(self, rows: Rows) -> Rows:
        return self._normalizer.rewrite(rows)
