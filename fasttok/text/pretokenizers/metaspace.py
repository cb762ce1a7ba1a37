"""`Metaspace`: words with ▁ for the spaces between them, as in sentencepiece; `MarkRuns`: splits before ▁."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from fasttok.core.checks import checked_choice, checked_flag, checked_text
from fasttok.core.ragged import Ragged
from fasttok.text._spans import Spans
from fasttok.text.cuts import BLANK, KINDS, NOTHING_KNOWN, Cuts, cuts_of_words
from fasttok.text.pretokenizers import _metaspace
from fasttok.text.rows import SCOPES, Rows, Scope
from fasttok.text.steps import CompositePretokenizer, Normalizer, Pretokenizer, ScanningPretokenizer

MARK = "▁".encode()  # U+2581
_NOWHERE = np.empty(0, np.int64)


@dataclass(frozen=True)
class Metaspace(CompositePretokenizer):
    """Pretokenizer of sentencepiece: replaces every space by ▁ (U+2581) and splits text into words.

    Each word includes the ▁ before it. The options have the names and effects of sentencepiece 0.2.3, for
    text that sentencepiece's normalization does not change. Decoding replaces ▁ by a space and removes the ▁
    that `add_dummy_prefix` added. Only U+0020 counts as a space here; a normalizer can replace other white
    space by U+0020.

    Parameters
    ----------
    add_dummy_prefix : bool
        Whether to add a ▁ at the beginning of every document that is not empty, so that its first word is
        like all others. With `treat_whitespace_as_suffix`, it is added at the end.
    remove_extra_whitespaces : bool
        Whether to drop spaces at both ends of a document and to merge runs of spaces into one. Any ▁ at the
        end of a document is dropped as well.
    treat_whitespace_as_suffix : bool
        Whether ▁ belongs to the word before it.
    split_by_whitespace : bool
        Whether every word is a pretoken; if False, every document is one pretoken.
    scope : {"document", "segment"}
        Text to which the first two options apply: "document" is a whole document, as in sentencepiece.
        "segment" is the text between two added tokens, as with ``prepend_scheme="always"`` in Hugging Face
        ``tokenizers``.
        After another pretokenizer in a sequence, every pretoken counts as a document.
    escape_whitespaces : bool
        Whether to replace spaces by ▁. If False, spaces stay spaces, and a space is added in place of a ▁;
        then words are still split only at a ▁ of the text itself.

    Raises
    ------
    TypeError
        If an option other than `scope` is not a bool.
    ValueError
        If `scope` has another value.

    Notes
    -----
    O(n). A document without text stays empty. If the sentencepiece rules of a normalizer have removed all of
    its text, it still gets the ▁ of `add_dummy_prefix`, as in sentencepiece. With
    `treat_whitespace_as_suffix`, decoding removes the ▁ that was added at the end; sentencepiece writes a
    space for it.

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
    escape_whitespaces: bool = True
    name = "metaspace"

    def __post_init__(self) -> None:
        checked_choice("scope", self.scope, *SCOPES)
        for option in fields(self):
            if option.name != "scope":
                checked_flag(option.name, getattr(self, option.name))

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
        if not (self.split_by_whitespace and self.escape_whitespaces):
            return NOTHING_KNOWN
        return cuts_of_words(self.remove_extra_whitespaces, self.treat_whitespace_as_suffix)

    def __getstate__(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class _Marks(Normalizer):
    """Normalizer part of `Metaspace`: replaces spaces by marks."""

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
            rows.filled.view(np.uint8),
            _NOWHERE if rows.protected is None else rows.protected,
            options.add_dummy_prefix,
            options.remove_extra_whitespaces,
            options.treat_whitespace_as_suffix,
            options.escape_whitespaces,
            len(rows.rewritings) > 0 and rows.rewritings[-1].heads is not None,
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
    """Splitting part of `Metaspace`: splits text before every mark, or after it."""

    as_suffix: bool
    name = "metaspace"

    @cached_property
    def scanner(self) -> Spans:  # type: ignore[override]
        return _metaspace.WordScanner(self.as_suffix)

    def __getstate__(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class MarkRuns(ScanningPretokenizer):
    """Pretokenizer that splits text before every run of a mark, such as ▁. O(n).

    Many tokenizers, such as those of Llama 2 and Gemma, apply BPE to whole texts, in which ▁ replaces the
    spaces. Their merges usually never join a ▁ to the text before it. Then this pretokenizer does not change
    their ids. `fasttok.models.bpe.splitting.find_splitting` checks the merges of a model.

    Parameters
    ----------
    mark : str
        The mark, one character.

    Raises
    ------
    TypeError
        If `mark` is not a ``str``.
    ValueError
        If `mark` is not one character.

    Examples
    --------
    >>> import fasttok as ft
    >>> [pretoken.decode() for pretoken in ft.MarkRuns().split_text("▁a▁new▁▁▁line")]
    ['▁a', '▁new', '▁▁▁line']
    """

    mark: str = "▁"

    name = "mark_runs"

    def __post_init__(self) -> None:
        if len(checked_text("mark", self.mark)) != 1:
            raise ValueError(f"mark must be one character, not {self.mark!r}")

    @cached_property
    def scanner(self) -> Spans:  # type: ignore[override]
        return _metaspace.RunScanner(self.mark.encode())

    @property
    def cuts(self) -> Cuts:
        # The two code points next to a position decide whether it is a boundary, so every pair is neutral.
        before, after = np.indices((len(KINDS), len(KINDS)))
        is_boundary = (before != BLANK) & (after == BLANK) & (self.mark == " ")
        return Cuts(is_boundary, np.ones_like(is_boundary))

    def __getstate__(self) -> dict[str, Any]:
        return {"mark": self.mark}
