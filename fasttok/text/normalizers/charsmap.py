"""Normalizers that apply a charsmap: sentencepiece's named rules and precompiled rules."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import numpy as np

from fasttok.core.checks import checked_choice
from fasttok.core.errors import ModelFormatError
from fasttok.core.ragged import Ragged
from fasttok.text.cuts import REWRITING_CUTS, RewritingCuts
from fasttok.text.normalizers._charsmap import CharsMap
from fasttok.text.normalizers._graphemes import GraphemeMap
from fasttok.text.normalizers.precompiled_charsmap import (
    compile_charsmap,
    compile_named,
    read_charsmap,
    read_grapheme_map,
    write_charsmap,
)
from fasttok.text.rows import Rows
from fasttok.text.steps import Normalizer

By = Literal["longest", "grapheme"]
WAYS = ("longest", "grapheme")


@dataclass(frozen=True, eq=False)
class CharsMapNormalizer(Normalizer):
    """Normalizer that applies rewrite rules, as sentencepiece or Hugging Face ``tokenizers`` does.

    Parameters
    ----------
    charsmap : CharsMap or GraphemeMap
        Rewrite rules; see `from_rules` and `from_bytes`.
    name : str
        Name of these rules in `get_normalizer`; "charsmap" for custom rules.
    by : {"longest", "grapheme"}
        How rules are applied, from left to right; rewritten text is not matched again.

        - "longest", as sentencepiece does: at every position, the longest rule that matches is applied. A
          code point that no rule matches is copied. A byte that is not UTF-8 becomes U+FFFD.
        - "grapheme", as ``Precompiled`` of ``tokenizers`` 0.23 does: the text is divided into extended
          grapheme clusters (UAX #29, Unicode 17). If a cluster has fewer than six bytes and begins with the
          key of a rule, it is replaced as a whole; the shortest such key counts. Otherwise the same is done
          with each of its code points. Bytes that are not UTF-8 are kept. Offsets are those of
          ``tokenizers``, even where they are wrong: characters removed at the start of a text move the
          offsets of all others to the left.

    Notes
    -----
    O(n) for n bytes of text and rules of bounded length.

    Examples
    --------
    >>> from fasttok.text.normalizers.charsmap import CharsMapNormalizer
    >>> normalizer = CharsMapNormalizer.from_rules({"a": "b", "ab": "", "c": "…"})
    >>> normalizer.normalize("aabcd")
    'b…d'
    >>> data = normalizer.to_bytes()
    >>> CharsMapNormalizer.from_bytes(data).normalize("aabcd")
    'b…d'
    >>> CharsMapNormalizer.from_bytes(data, by="grapheme").normalize("aabcd")
    'bbb…d'
    """

    charsmap: CharsMap | GraphemeMap = field(repr=False)
    name: str = "charsmap"
    by: By = "longest"

    @classmethod
    def from_rules(cls, rules: Mapping[str, str], by: By = "longest") -> CharsMapNormalizer:
        """Make a normalizer from a mapping of texts to their replacements.

        Raises
        ------
        ValueError
            If a key is empty, a text is longer than 256 bytes or contains U+0000 or a lone surrogate, or `by`
            has another value.
        """
        charsmap = compile_charsmap(rules)
        return cls(charsmap) if by == "longest" else cls.from_bytes(write_charsmap(charsmap), by)

    @classmethod
    def from_bytes(cls, data: bytes, by: By = "longest") -> CharsMapNormalizer:
        """Make a normalizer from the ``precompiled_charsmap`` of a sentencepiece model or a tokenizer.json.

        Raises
        ------
        ModelFormatError
            If the data are damaged. With ``by="longest"``, also if one side of a rule has more than 256
            bytes.
        ValueError
            If `by` has another value.
        """
        if checked_choice("by", by, *WAYS) == "longest":
            return cls(read_charsmap(data))
        return cls(read_grapheme_map(data), by=by)

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
        if not {"name", "charsmap"} <= config.keys() <= {"name", "charsmap", "by"}:
            raise ValueError(f"expected the options name, charsmap and by, not {', '.join(config)}")
        try:
            data = base64.b64decode(config["charsmap"], validate=True)
            return cls.from_bytes(data, config.get("by", "longest"))
        except (binascii.Error, ModelFormatError) as error:
            raise ValueError(str(error)) from None

    def to_bytes(self) -> bytes:
        """Return the rules in the format of ``precompiled_charsmap`` of sentencepiece models."""
        return write_charsmap(self.charsmap)

    def rewrite(self, rows: Rows) -> Rows:
        documents = rows.documents
        text = np.ascontiguousarray(documents.values)
        values, offsets, origins = self.charsmap.rewrite(text, documents.offsets, rows.aligned)
        if self.by == "grapheme":
            return rows.rewritten(Ragged(values, offsets), origins)
        return rows.rewritten_from(Ragged(values, offsets), origins)

    @property
    def cuts(self) -> RewritingCuts:
        return REWRITING_CUTS.get(self.name, super().cuts)

    def config(self) -> dict[str, Any]:
        """Return the name; for custom rules, also the charsmap in base64."""
        if self.name != "charsmap":
            return {"name": self.name}
        config = {"name": "charsmap", "charsmap": base64.b64encode(self.to_bytes()).decode()}
        return config if self.by == "longest" else config | {"by": self.by}

    def __reduce__(self) -> tuple[Any, ...]:
        return CharsMapNormalizer.from_config, (self.config(),)


@cache
def _named(name: str) -> CharsMapNormalizer:
    return CharsMapNormalizer(compile_named(name), name)
