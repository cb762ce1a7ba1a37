"""`Metaspace`: white space as part of words, marked by ▁ in text and pieces, as sentencepiece has it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from fasttok.core.checks import checked_choice, checked_flag
from fasttok.core.ragged import Ragged
from fasttok.text._spans import Spans
from fasttok.text.cuts import NOTHING_KNOWN, Cuts, cuts_of_words
from fasttok.text.pretokenizers import _metaspace
from fasttok.text.rows import SCOPES, Rows, Scope
from fasttok.text.steps import CompositePretokenizer, Normalizer, Pretokenizer, ScanningPretokenizer

MARK = "▁".encode()  # U+2581


@dataclass(frozen=True)
class Metaspace(CompositePretokenizer):
    """Writes ▁ (U+2581) for every space, and cuts text into words, each with the ▁ before it.

    What it writes is what sentencepiece 0.2.3 makes of text that its normalization leaves as it is, with the
    options of the same names. Decoding writes a space for ▁ and leaves out the one at the start that no text
    had. White space here is U+0020 alone; making others one is a normalizer's business.

    Parameters
    ----------
    add_dummy_prefix : bool
        Whether a document that does not come out empty begins with a ▁ (ends, with
        `treat_whitespace_as_suffix`), so that its first word is like all others.
    remove_extra_whitespaces : bool
        Whether spaces at both ends of a document are dropped, and a run of them is one. Any ▁ at the end is
        dropped as well.
    treat_whitespace_as_suffix : bool
        Whether ▁ belongs to the word before it.
    split_by_whitespace : bool
        Whether words are pretokens; if not, a document is one.
    scope : {"document", "segment"}
        What begins and ends: the document, as in sentencepiece, or every stretch of it between two added
        tokens, as with ``prepend_scheme="always"`` in tokenizers. After a step that cuts, every pretoken is a
        text of its own either way.

    Notes
    -----
    O(n). Of the stretches between added tokens, only the first begins its document and only the last ends
    it. A document of which a normalizer leaves nothing stays empty. With the mark as a suffix, decoding
    leaves out the one at the end that was added; sentencepiece writes a space for it.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.Metaspace().split_text("Hello  world")
    [b'\\xe2\\x96\\x81Hello', b'\\xe2\\x96\\x81world']
    >>> words = ft.Metaspace(treat_whitespace_as_suffix=True).split_text("Hello  world")
    >>> [word.decode() for word in words]
    ['Hello▁', 'world▁']
    """

    add_dummy_prefix: bool = True
    remove_extra_whitespaces: bool = True
    treat_whitespace_as_suffix: bool = False
    split_by_whitespace: bool = True
    scope: Scope = "document"
    name = "metaspace"

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if name == "scope":
                checked_choice("scope", value, *SCOPES)
            else:
                checked_flag(name, value)

    @cached_property
    def primitives(self) -> tuple[Normalizer | Pretokenizer, ...]:  # type: ignore[override]
        marks = _Marks(self)
        return (marks, _Words(self.treat_whitespace_as_suffix)) if self.split_by_whitespace else (marks,)

    @property
    def decoder_config(self) -> dict[str, Any]:
        options = ("add_dummy_prefix", "remove_extra_whitespaces", "treat_whitespace_as_suffix")
        return {"name": self.name} | {option: getattr(self, option) for option in options}

    @property
    def cuts(self) -> Cuts:
        if not self.split_by_whitespace:
            return NOTHING_KNOWN
        return cuts_of_words(self.remove_extra_whitespaces, self.treat_whitespace_as_suffix)

    def __getstate__(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class _Marks(Normalizer):
    """Writes a mark for every space."""

    step: Metaspace
    name = "metaspace"

    def rewrite(self, rows: Rows) -> Rows:
        options, documents = self.step, rows.documents
        text = np.ascontiguousarray(documents.values)
        size = _metaspace.measure(text, len(documents))
        out = np.empty(size, np.uint8)
        offsets = np.empty(len(documents) + 1, np.int64)
        origins = np.empty(size if rows.aligned else 0, np.int64)
        n = _metaspace.rewrite(
            text,
            documents.offsets,
            rows.begins(options.scope).view(np.uint8),
            rows.ends(options.scope).view(np.uint8),
            options.add_dummy_prefix,
            options.remove_extra_whitespaces,
            options.treat_whitespace_as_suffix,
            out,
            offsets,
            origins,
        )
        return rows.rewritten_from(Ragged(out[:n], offsets), origins[: n + 1] if rows.aligned else None)

    @property
    def looks_at_segments(self) -> bool:
        return self.step.scope == "segment"


@dataclass(frozen=True)
class _Words(ScanningPretokenizer):
    """Cuts before every mark, or after it."""

    as_suffix: bool
    name = "metaspace"

    @cached_property
    def scanner(self) -> Spans:  # type: ignore[override]
        return _metaspace.WordScanner(self.as_suffix)

    def __getstate__(self) -> dict[str, Any]:
        return asdict(self)
