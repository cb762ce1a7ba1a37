"""Decoders of Hugging Face ``tokenizers`` that rewrite each token on its own.

They read pieces as they are in the vocabulary, and treat added tokens like pieces.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_character, checked_choice, checked_flag, checked_size, checked_text
from fasttok.core.ragged import Ragged
from fasttok.decoders.base import Decoder, Filter, FusedToken
from fasttok.decoders.filters import ReplaceFilter, StripFilter, Utf8Filter, strip_character
from fasttok.models.base import Model
from fasttok.models.bpe.alphabets import Bytes
from fasttok.text.unicode.byte_alphabet import read_bytes

if TYPE_CHECKING:
    from fasttok.text.oniguruma import CompiledPattern

# Replacements of the English clean-up, in the order of Hugging Face tokenizers.
REPLACED = [
    *((b" " + mark, mark) for mark in (b".", b"?", b"!", b",")),
    (b" ' ", b"'"),
    (b" n't", b"n't"),
    (b" 'm", b"'m"),
    (b" do not", b" don't"),
    *((b" " + rest, rest) for rest in (b"'s", b"'ve", b"'re")),
]


def clean_up_english(token: bytes) -> bytes:
    """Return a token without the spaces that English text does not have."""
    for found, replacement in REPLACED:
        token = token.replace(found, replacement)
    return token


def replace_text(token: bytes, pattern: str, replacement: str) -> bytes:
    """Replace every occurrence of a text. An empty text occurs between all characters, and at both ends."""
    if pattern:
        return token.replace(pattern.encode(), replacement.encode())
    return token.decode(errors="surrogateescape").replace("", replacement).encode(errors="surrogateescape")


class TokenDecoder(Decoder):
    """Base class of decoders that treat added tokens like pieces.

    After a step that has joined the tokens, the whole text, with the added tokens in it, is one token.
    """

    reads_normalized = True

    def rewrite_added(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        return self.rewrite(token, is_first=is_first, is_last=is_last)

    def text_filter(self) -> Filter | None:
        return FusedToken(self.rewrite)


@dataclass(frozen=True)
class WordPiece(TokenDecoder):
    """Decoder of pieces with a continuation prefix.

    The prefix of a token is removed, and a space is written before a token without the prefix. The first
    token of a text keeps its prefix and gets no space. The decoder is ``WordPiece`` of Hugging Face
    ``tokenizers``.

    Parameters
    ----------
    prefix : str
        Continuation prefix.
    clean_up : bool
        Whether to clean up English text, in each token separately: omit the space before ``.``, ``?``, ``!``,
        ``,``, ``n't``, ``'m``, ``'s``, ``'ve`` and ``'re`` and the spaces around a single ``'``, and contract
        ``do not`` to ``don't``. The option is called ``cleanup`` in ``tokenizers``.

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
        return clean_up_english(token) if self.clean_up else token

    def without_clean_up(self) -> Decoder:
        return replace(self, clean_up=False)


@dataclass(frozen=True)
class Suffix(TokenDecoder):
    """Decoder that replaces a word suffix by a space, like ``BPEDecoder`` of Hugging Face ``tokenizers``.

    In the last token of a text, the suffix is removed.

    Parameters
    ----------
    suffix : str
        Word suffix; every occurrence in a token is replaced. An empty suffix occurs between all characters
        and at both ends of a token.

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
        checked_text("suffix", self.suffix)

    def rewrite(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        return replace_text(token, self.suffix, "" if is_last else " ")

    def text_filter(self) -> Filter | None:
        return ReplaceFilter(self.suffix.encode(), b"") if self.suffix else None


@dataclass(frozen=True)
class MetaspaceTokens(TokenDecoder):
    """Decoder that replaces a mark, usually ▁, by a space, like ``Metaspace`` of ``tokenizers``.

    In the first token of a text, every mark is removed, unless `prepend` is "never".

    Parameters
    ----------
    replacement : str
        Mark of a space; one character.
    prepend : {"always", "first", "never"}
        Where the pretokenizer wrote a mark before the text. The option is called ``prepend_scheme`` in
        ``tokenizers``.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.Tokenizer(ft.WordModel(["▁low", "▁lower"]), "none", decoder="metaspace_tokens")
    >>> tok.decode([0, 1])
    'low lower'
    """

    replacement: str = "▁"
    prepend: str = "always"

    name = "metaspace_tokens"
    sees_last = False

    def __post_init__(self) -> None:
        checked_character("replacement", self.replacement)
        checked_choice("prepend", self.prepend, "always", "first", "never")
        object.__setattr__(self, "sees_first", self.prepend != "never")

    def rewrite(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        return token.replace(self.replacement.encode(), self._space(is_first))

    def text_filter(self) -> Filter:
        return ReplaceFilter(self.replacement.encode(), self._space(is_first=True))

    def _space(self, is_first: bool) -> bytes:
        return b"" if is_first and self.prepend != "never" else b" "


@dataclass(frozen=True)
class Replace(TokenDecoder):
    r"""Decoder that replaces every match of a pattern, from left to right without overlaps.

    The decoder is ``Replace`` of Hugging Face ``tokenizers``.

    Parameters
    ----------
    pattern : str
        Text or regular expression. An empty text occurs between all characters of a token and at both ends.
        An empty token is not changed.
    replacement : str
        Replacement; always a literal text.
    dialect : {"text", "regex", "oniguruma"}
        "text": the pattern is a text. "regex": it is a regular expression of the ``regex`` module.
        "oniguruma": it is a regular expression as in ``tokenizers``.

    Raises
    ------
    PatternError
        If the expression does not compile, or has a construct that is not supported.

    Examples
    --------
    >>> import fasttok as ft
    >>> decoder = {"name": "replace", "pattern": "_", "replacement": " "}
    >>> ft.Tokenizer(ft.WordModel(["low", "_er"]), "none", decoder=decoder).decode([0, 1])
    'low er'
    """

    pattern: str
    replacement: str
    dialect: str = "text"

    name = "replace"
    sees_first = False
    sees_last = False

    def __post_init__(self) -> None:
        checked_text("pattern", self.pattern)
        checked_text("replacement", self.replacement)
        checked_choice("dialect", self.dialect, "text", "regex", "oniguruma")
        if self.dialect != "text":
            _compile(self.pattern, self.dialect)

    def rewrite(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        if not token:
            return token
        if self.dialect == "text":
            return replace_text(token, self.pattern, self.replacement)
        matches = _compile(self.pattern, self.dialect).find(Ragged.from_bytes([token]))
        parts, end = [], 0
        for start, next_end in zip(matches.starts.tolist(), matches.ends.tolist(), strict=True):
            parts += [token[end:start], self.replacement.encode()]
            end = next_end
        return b"".join([*parts, token[end:]])

    def text_filter(self) -> Filter | None:
        if self.pattern and self.dialect == "text":
            return ReplaceFilter(self.pattern.encode(), self.replacement.encode())
        return super().text_filter()


@lru_cache(32)
def _compile(pattern: str, dialect: str) -> CompiledPattern:
    from fasttok.text.oniguruma import compile_pattern  # slow to import

    return compile_pattern(pattern, dialect)


@dataclass(frozen=True)
class Strip(TokenDecoder):
    """Decoder that removes a character at the start and at the end of each token.

    After `Fuse`, it acts on the start and the end of the text. The decoder is ``Strip`` of Hugging Face
    ``tokenizers``.

    Parameters
    ----------
    content : str
        Character to remove.
    start, stop : int
        Maximum number of occurrences to remove at the start and at the end.

    Notes
    -----
    ``tokenizers`` 0.23 fails if the occurrences at the start and at the end overlap, and if the token ends
    before `stop` occurrences are found. Here, those at the start are removed first.

    Examples
    --------
    >>> import fasttok as ft
    >>> decoder = ["fuse", {"name": "strip", "start": 1}]
    >>> ft.Tokenizer(ft.WordModel([" low", " er"]), "none", decoder=decoder).decode([0, 1])
    'low er'
    """

    content: str = " "
    start: int = 0
    stop: int = 0

    name = "strip"
    sees_first = False
    sees_last = False

    def __post_init__(self) -> None:
        checked_character("content", self.content)
        for name in ("start", "stop"):
            object.__setattr__(self, name, checked_size(name, getattr(self, name), 0))

    def rewrite(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        return strip_character(token, self.content.encode(), self.start, self.stop)

    def text_filter(self) -> Filter:
        return StripFilter(self.content.encode(), self.start, self.stop)


@dataclass(frozen=True)
class ByteLevel(TokenDecoder):
    """Decoder of pieces in the byte alphabet of GPT-2, which has one character per byte.

    A token whose characters are all in the alphabet becomes its bytes; any other token is not changed. The
    tokens are joined, so later steps act on the whole text, in which bytes that are not UTF-8 are U+FFFD. The
    decoder is ``ByteLevel`` of Hugging Face ``tokenizers``.

    Notes
    -----
    The pieces of a `fasttok.BPEModel` over bytes and of a `fasttok.ByteModel` are bytes already. If the
    decoder is the first or only step, it writes them unchanged, and acts on added tokens only.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.Tokenizer(ft.WordModel(["na", "Ã¯", "veĠ"]), "none", decoder="byte_level").decode([0, 1, 2])
    'naïve '
    """

    name = "byte_level"
    sees_first = False
    sees_last = False

    @property
    def joins(self) -> bool:
        return True

    def rewrite(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        data = read_bytes(token.decode(errors="surrogateescape"))
        return token if data is None else data

    def rewrite_pieces(
        self, model: Model, ids: NDArray[np.int64], *, is_first: bool, is_last: bool
    ) -> list[bytes]:
        if model.kind in (Bytes.kind, "byte"):
            return model.pieces.take(ids).to_bytes()
        return super().rewrite_pieces(model, ids, is_first=is_first, is_last=is_last)

    def filter_before_steps(self) -> Filter:
        return Utf8Filter()

    def text_filter(self) -> Filter:
        return FusedToken(self._rewrite_text)

    def _rewrite_text(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        return self.rewrite(token, is_first=is_first, is_last=is_last).decode(errors="replace").encode()


@dataclass(frozen=True)
class Join(TokenDecoder):
    """Decoder that writes a space between tokens, as Hugging Face ``tokenizers`` does without a decoder.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.Tokenizer(ft.WordModel(["low", "er"]), "none", decoder="join").decode([0, 1])
    'low er'
    """

    name = "join"
    sees_last = False

    def rewrite(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        return token if is_first else b" " + token

    def text_filter(self) -> None:
        return None


@dataclass(frozen=True)
class Fuse(TokenDecoder):
    """Decoder that joins the tokens, so that later steps act on the whole text.

    The decoder is ``Fuse`` of Hugging Face ``tokenizers``.
    """

    name = "fuse"
    sees_first = False
    sees_last = False

    @property
    def joins(self) -> bool:
        return True

    def text_filter(self) -> None:
        return None
