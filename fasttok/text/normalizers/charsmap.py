"""Normalizers that apply a charsmap: sentencepiece's named rules and precompiled rules."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal

import numpy as np

from fasttok.core.checks import checked_choice, checked_flag, checked_texts, describe_type
from fasttok.core.errors import ModelFormatError
from fasttok.core.ragged import Ragged
from fasttok.text.cuts import REWRITING_CUTS, RewritingCuts
from fasttok.text.normalizers._charsmap import CharsMap
from fasttok.text.normalizers._graphemes import GraphemeMap
from fasttok.text.normalizers.precompiled_charsmap import (
    compile_charsmap,
    compile_named,
    keep_texts,
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
    keep : tuple of str
        Texts that are copied unchanged, like the user-defined symbols of sentencepiece: at every position,
        the longest of them is searched for before the rules. Only for "longest".
    protect_spaces : bool
        Whether several spaces in a row, in a text that is kept or in the replacement of a rule, are written
        as ▁, except for the last of them and for those that come after another space. So
        `fasttok.Metaspace` does not merge them, as sentencepiece does not; with ``escape_whitespaces=False``,
        it turns them back into spaces. Only for "longest".

    Raises
    ------
    TypeError, ValueError
        If `keep` is not a sequence of distinct texts without U+0000, `protect_spaces` is not a bool, or
        one of them is set although `by` is "grapheme".

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
    keep: tuple[str, ...] = ()
    protect_spaces: bool = False

    def __post_init__(self) -> None:
        keep = checked_texts("keep", self.keep)
        checked_flag("protect_spaces", self.protect_spaces)
        object.__setattr__(self, "keep", keep)
        if isinstance(self.charsmap, GraphemeMap):
            if keep or self.protect_spaces:
                raise ValueError('keep and protect_spaces need by="longest", not by="grapheme"')
        elif keep or self.protect_spaces or self.charsmap.kept is not None or self.charsmap.protects:
            object.__setattr__(self, "charsmap", keep_texts(self.charsmap, keep, self.protect_spaces))

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
        options = {key: config[key] for key in ("keep", "protect_spaces") if key in config}
        if "keep" in options and not isinstance(options["keep"], (list, tuple)):
            raise TypeError(f"keep must be a list of texts, not {describe_type(options['keep'])}")
        given = config.keys() - options.keys()
        if given == {"name"} and config["name"] != "charsmap":
            known = _named(config["name"])
            return replace(known, **options) if options else known
        if not {"name", "charsmap"} <= given <= {"name", "charsmap", "by"}:
            raise ValueError(
                "expected the options name, charsmap, by, keep and protect_spaces, not "
                + ", ".join(map(str, config))
            )
        try:
            data = base64.b64decode(config["charsmap"], validate=True)
            normalizer = cls.from_bytes(data, config.get("by", "longest"))
        except (binascii.Error, ModelFormatError) as error:
            raise ValueError(str(error)) from None
        return replace(normalizer, **options) if options else normalizer

    def to_bytes(self) -> bytes:
        """Return the rules in the format of ``precompiled_charsmap`` of sentencepiece models."""
        return write_charsmap(self.charsmap)

    def rewrite(self, rows: Rows) -> Rows:
        documents = rows.documents
        text = np.ascontiguousarray(documents.values)
        if isinstance(self.charsmap, GraphemeMap):
            values, offsets, origins = self.charsmap.rewrite(text, documents.offsets, rows.aligned)
            return rows.rewritten(Ragged(values, offsets), origins)
        values, offsets, begins, heads, filled, protected = self.charsmap.rewrite(
            text, documents.offsets, rows.aligned
        )
        written = rows.rewritten_from(Ragged(values, offsets), begins, heads).with_filled(filled)
        return replace(written, protected=np.array(protected, np.int64)) if protected else written

    @property
    def cuts(self) -> RewritingCuts:
        # A text that is kept may contain any position.
        return (
            super().cuts if self.keep or self.protect_spaces else REWRITING_CUTS.get(self.name, super().cuts)
        )

    @property
    def writes_double_spaces(self) -> bool:
        """Whether a text that is kept, or the replacement of a rule, has several spaces in a row."""
        return any("  " in text for text in self.keep) or b"  " in self.charsmap.replacements

    def config(self) -> dict[str, Any]:
        """Return the name and the changed options; for custom rules, also the charsmap in base64."""
        config: dict[str, Any] = {"name": self.name}
        if self.name == "charsmap":
            config["charsmap"] = base64.b64encode(self.to_bytes()).decode()
        if self.by != "longest":
            config["by"] = self.by
        if self.keep:
            config["keep"] = list(self.keep)
        if self.protect_spaces:
            config["protect_spaces"] = True
        return config

    def __reduce__(self) -> tuple[Any, ...]:
        return CharsMapNormalizer.from_config, (self.config(),)


@cache
def _named(name: str) -> CharsMapNormalizer:
    return CharsMapNormalizer(compile_named(name), name)


def keep_as_sentencepiece(
    normalizer: Normalizer | None, texts: tuple[str, ...], *, removes_spaces: bool = False
) -> CharsMapNormalizer | None:
    """Return a normalizer that keeps the texts of user-defined pieces, or None if it is not a charsmap.

    Parameters
    ----------
    normalizer : Normalizer or None
        Normalizer without kept texts; None for no rules.
    texts : tuple of str
        Texts of the pieces.
    removes_spaces : bool
        Whether a later step writes several spaces in a row as one.
    """
    known = _named("identity") if normalizer is None else normalizer
    if not isinstance(known, CharsMapNormalizer) or known.by != "longest":
        return None
    kept = replace(known, keep=texts)
    protects = kept.protect_spaces or (removes_spaces and kept.writes_double_spaces)
    return replace(kept, protect_spaces=protects)
