"""`Metaspace`: white space as part of words, marked by ▁ in text and pieces, as sentencepiece has it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged
from fasttok.text._spans import Spans
from fasttok.text.cuts import NOTHING_KNOWN, Cuts, cuts_of_words
from fasttok.text.pretokenizers import _metaspace
from fasttok.text.pretokenizers._scan import Scanner
from fasttok.text.rewriting import Rewritten
from fasttok.text.steps import Pretokenizer, ScanningPretokenizer

MARK = "▁".encode()  # U+2581


@dataclass(frozen=True)
class Metaspace(ScanningPretokenizer):
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
        Whether spaces at both ends of a document are dropped, and a run of them is one. Any ▁ that stood at
        the end is dropped as well.
    treat_whitespace_as_suffix : bool
        Whether ▁ belongs to the word before it.
    split_by_whitespace : bool
        Whether words are pretokens; if not, a document is one.

    Notes
    -----
    O(n). Of the stretches between special tokens, only the first begins its document and only the last ends
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

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not isinstance(value, bool):
                raise TypeError(f"{name} must be True or False, not {value!r}")

    @property
    def rewriting(self) -> Pretokenizer:
        return self

    def rewrite(
        self,
        documents: Ragged,
        *,
        begins: NDArray[np.bool_] | None = None,
        ends: NDArray[np.bool_] | None = None,
        aligned: bool = False,
    ) -> Rewritten:
        everywhere = np.ones(len(documents), np.bool_)
        text = np.ascontiguousarray(documents.values)
        room = _metaspace.measure(text, len(documents))
        out = np.empty(room, np.uint8)
        offsets = np.empty(len(documents) + 1, np.int64)
        origins = np.empty(room if aligned else 0, np.int64)
        n = _metaspace.rewrite(
            text,
            documents.offsets,
            (everywhere if begins is None else begins).view(np.uint8),
            (everywhere if ends is None else ends).view(np.uint8),
            self.add_dummy_prefix,
            self.remove_extra_whitespaces,
            self.treat_whitespace_as_suffix,
            out,
            offsets,
            origins,
        )
        return Rewritten.from_origins(Ragged(out[:n], offsets), origins[: n + 1] if aligned else None)

    @cached_property
    def scanner(self) -> Spans:  # type: ignore[override]
        if not self.split_by_whitespace:
            return Scanner("none")
        return _metaspace.WordScanner(self.treat_whitespace_as_suffix)

    @property
    def cuts(self) -> Cuts:
        if not self.split_by_whitespace:
            return NOTHING_KNOWN
        return cuts_of_words(self.remove_extra_whitespaces, self.treat_whitespace_as_suffix)

    def __getstate__(self) -> dict[str, Any]:
        return asdict(self)

    def config(self) -> dict[str, Any]:
        """The name, and those of the parameters that are not as they are by default."""
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        return {"name": "metaspace"} | {k: v for k, v in given.items() if v != getattr(Metaspace, k)}
