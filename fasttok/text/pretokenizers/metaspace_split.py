"""`MetaspaceSplit`: words with a mark for every space, as in Hugging Face ``tokenizers``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_choice, checked_flag
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.text._spans import Spans
from fasttok.text.cuts import NOTHING_KNOWN, Cuts, cuts_of_words
from fasttok.text.normalizers.strip_prepend import Prepend
from fasttok.text.pretokenizers import _metaspace
from fasttok.text.pretokenizers._class_scan import ClassScanner
from fasttok.text.pretokenizers.classes import make_table
from fasttok.text.rows import Rows
from fasttok.text.steps import CompositePretokenizer, Normalizer, Pretokenizer, ScanningPretokenizer
from fasttok.text.unicode.utf8 import encode_utf8

MARK = "▁"  # U+2581
SCHEMES = ("always", "first", "never")


@dataclass(frozen=True)
class MetaspaceSplit(CompositePretokenizer):
    """Pretokenizer for words with a mark for every space, like ``Metaspace`` of Hugging Face ``tokenizers``.

    It replaces every space by the mark and splits the text before every mark. Only U+0020 counts as a space.
    `fasttok.Metaspace` follows sentencepiece instead, which merges runs of spaces.

    Parameters
    ----------
    replacement : str
        The mark, one character.
    prepend : {"always", "first", "never"}
        Whether a mark is inserted before text that does not begin with one. "always" is before every
        non-empty text between two added tokens and, after another pretokenizer in a sequence, before every
        pretoken. "first" is only before text that begins at the first character of the raw document.
    split_words : bool
        Whether to split the text. If False, it is only rewritten.

    Raises
    ------
    TypeError
        If `replacement` is not a ``str``, or `split_words` is not a bool.
    TextError
        If `replacement` is a lone surrogate.
    ValueError
        If `replacement` is not one character, or `prepend` has another value.

    Examples
    --------
    >>> import fasttok as ft
    >>> words = ft.MetaspaceSplit().split_text("Hello  world")
    >>> [word.decode() for word in words]
    ['▁Hello', '▁', '▁world']
    >>> words = ft.get_pretokenizer([ft.SplitDigits(), ft.MetaspaceSplit(prepend="first")]).split_text("a1")
    >>> [word.decode() for word in words]
    ['▁a', '1']
    """

    replacement: str = MARK
    prepend: Literal["always", "first", "never"] = "always"
    split_words: bool = True
    name = "metaspace_split"

    def __post_init__(self) -> None:
        if not isinstance(self.replacement, str):
            raise TypeError(f"replacement must be a str, not {type(self.replacement).__name__}")
        if len(self.replacement) != 1:
            raise ValueError(f"replacement must be one character, not {self.replacement!r}")
        encode_utf8(self.replacement)
        checked_choice("prepend", self.prepend, *SCHEMES)
        checked_flag("split_words", self.split_words)

    @cached_property
    def primitives(self) -> tuple[Normalizer | Pretokenizer, ...]:  # type: ignore[override]
        steps: list[Normalizer | Pretokenizer] = [_Marks(self.replacement)]
        if self.prepend != "never":
            scope: Literal["segment", "start"] = "segment" if self.prepend == "always" else "start"
            steps.append(Prepend(self.replacement, scope, unless_present=True))
        if self.split_words:
            steps.append(_Words(self.replacement))
        return tuple(steps)

    @property
    def decoder_config(self) -> dict[str, Any]:
        if self.replacement != MARK:
            return {"name": "metaspace_tokens", "replacement": self.replacement, "prepend": self.prepend}
        options = {"remove_extra_whitespaces": False, "treat_whitespace_as_suffix": False}
        return {"name": "metaspace", "add_dummy_prefix": self.prepend != "never"} | options

    @property
    def cuts(self) -> Cuts:
        return cuts_of_words(False, False) if self.split_words else NOTHING_KNOWN

    def __getstate__(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class _Marks(Normalizer):
    """Normalizer part of `MetaspaceSplit`: replaces spaces by marks."""

    replacement: str
    name = "metaspace_split"

    def rewrite(self, rows: Rows) -> Rows:
        if self.replacement == " ":
            return rows
        documents = rows.documents
        text = np.ascontiguousarray(documents.values)
        if self.replacement == MARK:
            written, origins = _write_marks(text, documents, rows.aligned)
        else:
            written, origins = _write(np.frombuffer(self.replacement.encode(), np.uint8), text, documents)
        # Every byte originates from one byte; all bytes of a mark from the same space.
        spans = np.stack([origins, origins + 1], axis=1) if rows.aligned else None
        return rows.rewritten(written, spans)

    @property
    def keeps_start(self) -> bool:
        return True


def _write_marks(
    text: NDArray[np.uint8], documents: Ragged, aligned: bool
) -> tuple[Ragged, NDArray[np.int64]]:
    """Return rows with U+2581 for every space and, if `aligned`, the position of the origin of each byte."""
    size = _metaspace.measure(text, 0)
    out = np.empty(size, np.uint8)
    offsets = np.empty(len(documents) + 1, np.int64)
    origins = np.empty(size if aligned else 0, np.int64)
    flags = np.zeros(len(documents), np.uint8)  # no row begins or ends a document, so nothing is inserted
    options = (False, False, False, True, False)  # only `escape` is set
    n = _metaspace.rewrite(
        text, documents.offsets, flags, flags, flags[:0], origins[:0], *options, out, offsets, origins
    )
    return Ragged(out[:n], offsets), origins[:n]


def _write(
    mark: NDArray[np.uint8], text: NDArray[np.uint8], documents: Ragged
) -> tuple[Ragged, NDArray[np.int64]]:
    """Return rows with a mark for every space, and the position of the origin of each byte."""
    first, last = documents.offsets[[0, -1]].tolist()
    is_space = text[first:last] == ord(" ")
    starts = lengths_to_offsets(np.where(is_space, len(mark), 1))
    origins = np.repeat(np.arange(first, last), np.diff(starts))
    values = text[origins]
    for i, byte in enumerate(mark):
        values[starts[:-1][is_space] + i] = byte
    return Ragged(values, starts[documents.offsets - first]), origins


@dataclass(frozen=True)
class _Words(ScanningPretokenizer):
    """Splitting part of `MetaspaceSplit`: splits text before every mark."""

    replacement: str
    name = "metaspace_split"

    @cached_property
    def scanner(self) -> Spans:  # type: ignore[override]
        if self.replacement == MARK:
            return _metaspace.WordScanner(False)
        is_mark = np.zeros(0x110000, np.bool_)
        is_mark[ord(self.replacement)] = True
        return ClassScanner(make_table(is_mark, "merged_with_next"))

    def __getstate__(self) -> dict[str, Any]:
        return asdict(self)
