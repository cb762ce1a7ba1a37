"""Decoders that act on single tokens, and sequences of decoders.

`Pieces`, `SpaceBefore` and `SpaceAfter` use the text that the model gives for each piece (`decoded_pieces`).
Every default decoder starts with one of them. The other decoders read pieces as they are in the vocabulary,
like the decoders of Hugging Face ``tokenizers`` to which they correspond.
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

# A byte piece, such as <0x0A>.
BYTE_NAME = re.compile(rb"<0x([0-9A-Fa-f]{2})>")
# A space that clean-up removes, and the start of the word after it, as in the WordPiece decoder of Hugging
# Face tokenizers.
CLEANED = re.compile(rb" (?:[.?!,]|n't|'m|'s|'ve|'re)")
# All replacements of the clean-up of that decoder, in its order.
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
    """Decoder that writes the text of each piece, without word prefixes and suffixes.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.Tokenizer(ft.WordPieceModel(["un", "##able"]), "none", decoder="pieces").decode([0, 1])
    'unable'
    """

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
    """Decoder that writes a space before each added token and each piece that begins a word.

    No space is written at the start of a text. `Model.begins_word` marks the pieces that begin a word.

    Parameters
    ----------
    clean_up : bool
        Whether to omit spaces that English text does not have: those before ``.``, ``?``, ``!``, ``,``,
        ``n't``, ``'m``, ``'s``, ``'ve`` and ``'re``.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.Tokenizer(ft.WordPieceModel(["un", "##able", "."]), "bert", decoder="space_before")
    >>> tok.decode([0, 1, 0, 2])
    'unable un.'
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
    """Decoder that writes a space after each piece that ends a word, except at the end of a text.

    `Model.ends_word` marks the pieces that end a word.
    """

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
    r"""Decoder that replaces each byte piece, such as ``<0x0A>``, by its byte.

    It corresponds to ``ByteFallback`` of Hugging Face ``tokenizers``, except for bytes that are not UTF-8.
    They remain bytes, and `Tokenizer.decode` replaces them as Python does: ``<0xE6>`` followed by ``<0x9D>``
    gives one U+FFFD. ``tokenizers`` gives one U+FFFD for every byte of a run that is not UTF-8.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.Tokenizer(ft.WordModel(["<0xC3>", "<0xA9>"]), "none", decoder="byte_fallback").decode([0, 1])
    'é'
    """

    name = "byte_fallback"
    sees_first = False
    sees_last = False

    def rewrite(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        match = BYTE_NAME.fullmatch(token)
        return bytes([int(match[1], 16)]) if match else token


@dataclass(frozen=True)
class WordPiece(Decoder):
    """Decoder of pieces with a continuation prefix, like ``WordPiece`` of Hugging Face ``tokenizers``.

    The prefix of a piece is removed, and a space is written before a piece without the prefix. The first
    piece of a text keeps its prefix and gets no space.

    Parameters
    ----------
    prefix : str
        Continuation prefix.
    clean_up : bool
        Whether to clean up English text, in each piece separately: omit the space before ``.``, ``?``, ``!``,
        ``,``, ``n't``, ``'m``, ``'s``, ``'ve`` and ``'re`` and the spaces around a single ``'``, and contract
        ``do not`` to ``don't``. The option is called ``cleanup`` in ``tokenizers``.

    Notes
    -----
    A space is also written before an added token, unless `clean_up` omits it. The text of an added token is
    not changed, whereas ``tokenizers`` also cleans it up and removes the prefix from it.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.Tokenizer(ft.WordModel(["un", "##able", "."]), "none", decoder="wordpiece").decode([0, 1, 0, 2])
    'unable un.'
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
    """Decoder that replaces a word suffix by a space, like ``BPEDecoder`` of Hugging Face ``tokenizers``.

    In the last piece of a text, the suffix is removed.

    Parameters
    ----------
    suffix : str
        Word suffix; every occurrence in a piece is replaced.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.Tokenizer(ft.WordModel(["low", "er</w>"]), "none", decoder="suffix").decode([0, 1, 0, 1])
    'lower lower'
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
    """Decoder that joins the tokens, so that later steps act on the whole text.

    It corresponds to ``Fuse`` of Hugging Face ``tokenizers``.
    """

    name = "fuse"
    sees_first = False
    sees_last = False

    @property
    def joins(self) -> bool:
        return True


@dataclass(frozen=True)
class Sequence(Decoder):
    """Sequence of decoders, applied in order.

    Each step rewrites the tokens that the previous step wrote. Once a step has joined the tokens (`Fuse`, or
    a step that acts on the whole text), the later steps act on the joined text.

    Parameters
    ----------
    steps : tuple of Decoder
        From 1 to 100 steps, none of which is a sequence.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.get_decoder(["byte_fallback", "fuse"])
    Sequence(steps=(ByteFallback(), Fuse()))
    """

    steps: tuple[Decoder, ...]
    # The steps that act on tokens, and the steps that act on the joined text.
    _on_tokens: tuple[Decoder, ...] = field(init=False, repr=False, compare=False)
    _on_text: tuple[Decoder, ...] = field(init=False, repr=False, compare=False)

    name = "sequence"

    def __post_init__(self) -> None:
        steps = tuple(self.steps)
        for step in steps:
            if not isinstance(step, Decoder) or isinstance(step, Sequence):
                raise TypeError(f"a step of a sequence must be a Decoder other than a Sequence, not {step!r}")
        if not 1 <= len(steps) <= MAX_STEPS:
            raise ValueError(f"a sequence must have from 1 to {MAX_STEPS} steps, not {len(steps)}")
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
        """Raise TypeError: only `get_decoder` can make a sequence, because it finds the steps by name."""
        raise TypeError("cannot make a sequence with from_config. Call fasttok.get_decoder(config)")
