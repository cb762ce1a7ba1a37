"""The decoders: steps that act on tokens, and their sequence.

`Pieces`, `SpaceBefore` and `SpaceAfter` ask the model what its pieces stand for; a decoder that is derived
begins with one of them. The others read the pieces as the vocabulary has them, as the decoders of
``tokenizers`` do, whose names they have.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_flag, checked_text
from fasttok.core.component import MAX_STEPS
from fasttok.decoders.base import Decoder, Filter, join_filters
from fasttok.models.base import Model

BYTE_NAME = re.compile(rb"<0x([0-9A-Fa-f]{2})>")
# Words that have no space before them, by how they begin; those of tokenizers' decoder of WordPiece.
CLEANED = re.compile(rb" (?:[.?!,]|n't|'m|'s|'ve|'re)")
# All that tokenizers' clean-up replaces, in its order.
REPLACED = [
    *((b" " + mark, mark) for mark in (b".", b"?", b"!", b",")),
    (b" ' ", b"'"),
    (b" n't", b"n't"),
    (b" 'm", b"'m"),
    (b" do not", b" don't"),
    *((b" " + rest, rest) for rest in (b"'s", b"'ve", b"'re")),
]


@dataclass(frozen=True)
class Pieces(Decoder):
    """Write the text that the model says each piece stands for, without prefixes and suffixes of words."""

    name = "pieces"
    sees_first = False
    sees_last = False
    reads_model = True

    def rewrite_pieces(
        self, model: Model, ids: NDArray[np.int64], *, is_first: bool, is_last: bool
    ) -> list[bytes]:
        return model.decoded_pieces.take(ids).to_bytes()


@dataclass(frozen=True)
class SpaceBefore(Decoder):
    """Write a space before each piece that begins a word, as the model marks them, and before added tokens.

    The first token of a text is written without one.

    Parameters
    ----------
    clean_up : bool
        Whether to leave out the spaces that English does not have: before ``.``, ``?``, ``!``, ``,``,
        ``n't``, ``'m``, ``'s``, ``'ve`` and ``'re``.
    """

    clean_up: bool = True

    name = "space_before"
    sees_last = False
    reads_model = True

    def __post_init__(self) -> None:
        checked_flag("clean_up", self.clean_up)

    def rewrite_pieces(
        self, model: Model, ids: NDArray[np.int64], *, is_first: bool, is_last: bool
    ) -> list[bytes]:
        rows = model.decoded_pieces.take(ids).to_bytes()
        if is_first:
            return rows
        begins = [False] * len(rows) if model.begins_word is None else model.begins_word[ids].tolist()
        return [
            self._clean(b" " + row if row and begin else row) for row, begin in zip(rows, begins, strict=True)
        ]

    def rewrite_added(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        return token if is_first else self._clean(b" " + token)

    def _clean(self, row: bytes) -> bytes:
        return row[1:] if self.clean_up and CLEANED.match(row) else row

    def without_clean_up(self) -> Decoder:
        return replace(self, clean_up=False)


@dataclass(frozen=True)
class SpaceAfter(Decoder):
    """Write a space after each piece that ends a word, as the model marks them; not at the end of a text."""

    name = "space_after"
    sees_first = False
    reads_model = True

    def rewrite_pieces(
        self, model: Model, ids: NDArray[np.int64], *, is_first: bool, is_last: bool
    ) -> list[bytes]:
        rows = model.decoded_pieces.take(ids).to_bytes()
        if is_last or model.ends_word is None:
            return rows
        ends = model.ends_word[ids].tolist()
        return [row + b" " if end else row for row, end in zip(rows, ends, strict=True)]


@dataclass(frozen=True)
class ByteFallback(Decoder):
    r"""Write the byte for a piece that is the name of one, ``<0x0A>``; tokenizers' ByteFallback.

    Bytes that are not UTF-8 stay bytes, and ``decode`` writes them as Python does: ``<0xE6>`` and ``<0x9D>``
    in a row are one U+FFFD. tokenizers writes two, and one for each byte also where only the last is wrong.
    """

    name = "byte_fallback"
    sees_first = False
    sees_last = False

    def rewrite(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        match = BYTE_NAME.fullmatch(token)
        return bytes([int(match[1], 16)]) if match else token


@dataclass(frozen=True)
class WordPiece(Decoder):
    """Join pieces that continue a word to it, and write a space before others; tokenizers' WordPiece.

    Parameters
    ----------
    prefix : str
        The prefix of pieces that continue a word; it is removed, but for a piece at the start of a text.
    clean_up : bool
        Whether to leave out spaces as tokenizers does with ``cleanup``, in each piece by itself.

    Notes
    -----
    An added token has a space before it, or none where `clean_up` leaves it out; its text is written as it
    is, which tokenizers cleans up as well and takes the prefix off.
    """

    prefix: str = "##"
    clean_up: bool = True

    name = "wordpiece"
    sees_last = False

    def __post_init__(self) -> None:
        checked_text("prefix", self.prefix)
        checked_flag("clean_up", self.clean_up)

    def rewrite(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        prefix = self.prefix.encode()
        if not is_first:
            token = token[len(prefix) :] if token.startswith(prefix) else b" " + token
        if self.clean_up:
            for found, replacement in REPLACED:
                token = token.replace(found, replacement)
        return token

    def rewrite_added(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        return token if is_first or (self.clean_up and CLEANED.match(b" " + token)) else b" " + token

    def without_clean_up(self) -> Decoder:
        return replace(self, clean_up=False)


@dataclass(frozen=True)
class Suffix(Decoder):
    """Write a space for the suffix of words, and nothing for it at the end of a text; tokenizers' BPEDecoder.

    Parameters
    ----------
    suffix : str
        The suffix, which is replaced wherever it is in a piece.
    """

    suffix: str = "</w>"

    name = "suffix"
    sees_first = False

    def __post_init__(self) -> None:
        if not checked_text("suffix", self.suffix):
            raise ValueError("suffix must not be empty")

    def rewrite(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        return token.replace(self.suffix.encode(), b"" if is_last else b" ")


@dataclass(frozen=True)
class Fuse(Decoder):
    """Join the tokens, so that steps after this one act on the whole text; tokenizers' Fuse."""

    name = "fuse"
    sees_first = False
    sees_last = False

    @property
    def joins(self) -> bool:
        return True


@dataclass(frozen=True)
class Sequence(Decoder):
    """Steps one after another.

    Each rewrites the tokens that the step before has written. After a step that joins the tokens (`Fuse`, or
    one that acts on the whole text) the others act on the text.

    Parameters
    ----------
    steps : tuple of Decoder
        The steps, none of them a sequence itself; from 1 to 100.
    """

    steps: tuple[Decoder, ...]
    # The steps that act on tokens, and those after the tokens are joined.
    _on_tokens: tuple[Decoder, ...] = field(init=False, repr=False, compare=False)
    _on_text: tuple[Decoder, ...] = field(init=False, repr=False, compare=False)

    name = "sequence"

    def __post_init__(self) -> None:
        steps = tuple(self.steps)
        for step in steps:
            if not isinstance(step, Decoder) or isinstance(step, Sequence):
                raise TypeError(
                    f"a step of a sequence must be a decoder that is not a sequence, not {step!r}"
                )
        if not 1 <= len(steps) <= MAX_STEPS:
            raise ValueError(f"a sequence takes from 1 to {MAX_STEPS} steps, not {len(steps)}")
        if late := next((step for step in steps[1:] if step.reads_model), None):
            raise ValueError(f"{late!r} takes its tokens from the model, so it must be the first step")
        object.__setattr__(self, "steps", steps)
        n = next((i for i, step in enumerate(steps, 1) if step.joins), len(steps))
        object.__setattr__(self, "_on_tokens", steps[:n])
        object.__setattr__(self, "_on_text", steps[n:])
        object.__setattr__(self, "sees_first", any(step.sees_first for step in self._on_tokens))
        object.__setattr__(self, "sees_last", any(step.sees_last for step in self._on_tokens))
        object.__setattr__(self, "reads_model", steps[0].reads_model)

    def rewrite(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        for step in self._on_tokens:
            token = step.rewrite(token, is_first=is_first, is_last=is_last)
        return token

    def rewrite_added(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        for step in self._on_tokens:
            token = step.rewrite_added(token, is_first=is_first, is_last=is_last)
        return token

    def rewrite_pieces(
        self, model: Model, ids: NDArray[np.int64], *, is_first: bool, is_last: bool
    ) -> list[bytes]:
        first, *others = self._on_tokens
        rows = first.rewrite_pieces(model, ids, is_first=is_first, is_last=is_last)
        for step in others:
            rows = [step.rewrite(row, is_first=is_first, is_last=is_last) for row in rows]
        return rows

    def filter(self) -> Filter | None:
        found = self._on_tokens[-1].filter()
        if not self._on_text:
            return found
        return join_filters([found, *(step.text_filter() for step in self._on_text)])

    @property
    def joins(self) -> bool:
        return any(step.joins for step in self.steps)

    def without_clean_up(self) -> Decoder:
        return Sequence(tuple(step.without_clean_up() for step in self.steps))

    def config(self) -> dict[str, Any]:
        return {"name": self.name, "steps": [step.config() for step in self.steps]}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Sequence:
        """Refuse; `get_decoder` makes a sequence from its configuration, as it knows the steps by name."""
        raise TypeError("fasttok.get_decoder makes a sequence from its configuration")
