"""`SentencePiece`: decoder that gives the text that sentencepiece gives for the ids of its models."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_flag, checked_names, checked_text
from fasttok.core.errors import ModelFormatError
from fasttok.decoders._runs import write_marked
from fasttok.decoders.base import Decoder, Filter, FilterChain
from fasttok.models.base import Model
from fasttok.models.pieces import BYTE_NAMES
from fasttok.text.normalizers.charsmap import CharsMapNormalizer
from fasttok.text.normalizers.precompiled_charsmap import measure_longest
from fasttok.text.pretokenizers.metaspace import MARK, Metaspace
from fasttok.text.rows import Rows
from fasttok.text.steps import Normalizer

# Bytes that do not occur in UTF-8. In the table of the vocabulary, they mark what the filter has to handle.
ESCAPE = b"\xff"  # written before the byte of a byte piece
SPACE = b"\xfe"  # written for a ▁ at the start of a piece: a space that is removed at the start of the text
EMPTY = b"\xfd"  # written for a token without text, which also ends a run of byte pieces
UNKNOWN = "\ufffd".encode()
NEVER, ONCE, ALWAYS = 0, 1, 2  # how often a space at the start of a piece is still removed
SPACE_OPTIONS = ("add_dummy_prefix", "remove_extra_whitespaces", "escape_whitespaces")


@dataclass(frozen=True)
class SentencePiece(Decoder):
    """Decoder of sentencepiece models. The text equals that of sentencepiece 0.2.3 for the same ids.

    Each ▁ of a piece becomes a space. At the start of the text, the ▁ at the start of a piece is removed,
    once or, with `remove_extra_whitespaces`, for every piece until there is text. Consecutive byte pieces are
    read as UTF-8; each byte that is not UTF-8 becomes U+FFFD. Control tokens have no text.

    Parameters
    ----------
    add_dummy_prefix, remove_extra_whitespaces : bool
        Options of the normalizer of the model. If both are False, no ▁ is removed.
    unk : str
        Text of the unknown token, if it is an added token.
    unk_surface : str
        Text that is written for the unknown token.
    control : tuple of str
        Texts of the added tokens that are control tokens. Other added tokens are decoded to their texts.
    denormalizer : str
        Charsmap in base64, whose rules are applied to the decoded text; empty if there is none.
    denormalizer_options : tuple of str
        Options that the normalization with `denormalizer` has: any of "add_dummy_prefix",
        "remove_extra_whitespaces" and "escape_whitespaces". Models that sentencepiece has trained have none.

    Raises
    ------
    TypeError
        If an option has another type.
    ValueError
        If `denormalizer` is not a charsmap in base64, or `denormalizer_options` contains another name.

    Notes
    -----
    With ``treat_whitespace_as_suffix``, sentencepiece writes a space for the ▁ at the end of the text.

    Streams hold back the bytes of an incomplete character and, with a denormalizer, as many bytes as its
    longest rule has. With `denormalizer_options`, they hold back the whole text.

    Examples
    --------
    >>> import fasttok as ft
    >>> model = ft.UnigramModel(["▁low", "er", "▁"], [-1.0, -2.0, -3.0])
    >>> tok = ft.Tokenizer(model, "metaspace", {"<s>": 3, "<unk>": 4}, decoder="sentencepiece")
    >>> tok.decode([3, 0, 1, 4, 2, 0])
    '<s> lower ⁇   low'
    >>> tok = ft.Tokenizer(
    ...     model, "metaspace", {"<s>": 3}, decoder={"name": "sentencepiece", "control": ["<s>"]}
    ... )
    >>> tok.decode([3, 2, 0, 1])
    'lower'
    """

    add_dummy_prefix: bool = True
    remove_extra_whitespaces: bool = True
    unk: str = "<unk>"
    unk_surface: str = " \u2047 "
    control: tuple[str, ...] = ()
    denormalizer: str = field(default="", repr=False)
    denormalizer_options: tuple[str, ...] = ()
    _charsmap: CharsMapNormalizer | None = field(init=False, repr=False, compare=False)
    _spaces: tuple[Normalizer, ...] = field(init=False, repr=False, compare=False)
    _control: frozenset[bytes] = field(init=False, repr=False, compare=False)

    name = "sentencepiece"
    sees_first = False
    sees_last = False
    reads_model = True

    def __post_init__(self) -> None:
        for option in ("add_dummy_prefix", "remove_extra_whitespaces"):
            checked_flag(option, getattr(self, option))
        for option in ("unk", "unk_surface", "denormalizer"):
            checked_text(option, getattr(self, option))
        control = checked_names("control", self.control)
        options = checked_names("denormalizer_options", self.denormalizer_options)
        if unknown := [one for one in options if one not in SPACE_OPTIONS]:
            raise ValueError(
                f"denormalizer_options must be among {', '.join(SPACE_OPTIONS)}, not {unknown[0]!r}"
            )
        values = {
            "control": control,
            "denormalizer_options": options,
            "_charsmap": self._make_charsmap(options),
            "_spaces": _make_spaces(options),
            "_control": frozenset(text.encode() for text in control),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _make_charsmap(self, options: tuple[str, ...]) -> CharsMapNormalizer | None:
        if not self.denormalizer:
            return None
        try:
            data = base64.b64decode(self.denormalizer, validate=True)
            normalizer = CharsMapNormalizer.from_bytes(data)
        except (binascii.Error, ModelFormatError) as error:
            raise ValueError(f"denormalizer is not a charsmap in base64: {error}") from None
        return replace(normalizer, protect_spaces="remove_extra_whitespaces" in options)

    def rewrite(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        """Return a piece with marks for the filter."""
        text = _remove_marks(token)
        is_word = text.startswith(MARK)
        return (SPACE * is_word + text[len(MARK) * is_word :].replace(MARK, b" ")) or EMPTY

    def rewrite_added(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        if token in self._control:
            return EMPTY
        return (self._unk_surface if token == self.unk.encode() else _remove_marks(token)) or EMPTY

    def rewrite_pieces(
        self, model: Model, ids: NDArray[np.int64], *, is_first: bool, is_last: bool
    ) -> list[bytes]:
        names, texts = (rows.take(ids).to_bytes() for rows in (model.pieces, model.decoded_pieces))
        rows = []
        for i, name, text in zip(ids.tolist(), names, texts, strict=True):
            if i == model.unk_id:
                rows.append(self._unk_surface or EMPTY)
            elif len(text) == 1 and name == BYTE_NAMES[text[0]]:
                rows.append(ESCAPE + text)
            else:
                rows.append(self.rewrite(text, is_first=is_first, is_last=is_last))
        return rows

    @property
    def _unk_surface(self) -> bytes:
        return self.unk_surface.encode()

    def filter(self) -> Filter | None:
        if self._charsmap is None:
            return MarkFilter(self)
        return FilterChain([MarkFilter(self), DenormalizingFilter(self._charsmap, self._spaces)])


def _make_spaces(options: tuple[str, ...]) -> tuple[Normalizer, ...]:
    """Return the steps of `Metaspace` that rewrite text, for the options that are on."""
    if not options:
        return ()
    dummy, remove, escape = (option in options for option in SPACE_OPTIONS)
    marks = Metaspace(dummy, remove, escape_whitespaces=escape)
    return tuple(step for step in marks.primitives if isinstance(step, Normalizer))


def _remove_marks(text: bytes) -> bytes:
    """Replace bytes that are marks, and therefore not UTF-8, by U+FFFD, as decoding to text does."""
    for mark in (ESCAPE, SPACE, EMPTY):
        text = text.replace(mark, UNKNOWN)
    return text


class MarkFilter(Filter):
    """Filter of `SentencePiece` that handles the marks; holds back at most seven bytes.

    Parameters
    ----------
    options : SentencePiece
        Options of the decoder.
    """

    takes_added = True

    def __init__(self, options: SentencePiece) -> None:
        self._start = (
            ALWAYS if options.remove_extra_whitespaces else ONCE if options.add_dummy_prefix else NEVER
        )
        self._removes = self._start
        self._held = b""

    def push(self, text: bytes) -> bytes:
        return self._write(text, is_end=False)

    def finish(self) -> bytes:
        text = self._write(b"", is_end=True)
        self._removes = self._start
        return text

    def apply(self, text: bytes) -> bytes:
        return write_marked(text, self._start, True)[0]

    def _write(self, text: bytes, is_end: bool) -> bytes:
        text = self._held + text
        written, self._removes, n = write_marked(text, self._removes, is_end)
        self._held = text[n:]
        return written


class DenormalizingFilter(Filter):
    """Filter that applies the rules of a denormalizer.

    Parameters
    ----------
    normalizer : CharsMapNormalizer
        The rules.
    steps : tuple of Normalizer
        Further steps, which look at the whole text.
    """

    takes_added = True

    def __init__(self, normalizer: CharsMapNormalizer, steps: tuple[Normalizer, ...]) -> None:
        self._normalizer = normalizer
        self._steps = steps
        # Only in the last bytes can a rule, or a character, go beyond the end of the text.
        self._longest = max(4, measure_longest(normalizer.charsmap))
        self._held = b""

    def push(self, text: bytes) -> bytes:
        self._held += text
        last = len(self._held) - self._longest
        if self._steps or last < 0:
            return b""
        rows = self._normalizer.rewrite(Rows.of_text(self._held, aligned=True))
        begins = cast("NDArray[np.int64]", rows.raw_spans)[:, 0]
        held = np.frombuffer(self._held, np.uint8)
        # Everything before the last position at which a character or the pattern of a rule begins is certain.
        n = int(np.searchsorted(begins, last, side="right"))
        while n > 0 and held[begins[n - 1]] & 0xC0 == 0x80:
            n -= 1
        if n == 0:
            return b""
        position = int(begins[n - 1])
        n = int(np.searchsorted(begins, position))
        self._held = self._held[position:]
        return rows.documents.values[:n].tobytes()

    def finish(self) -> bytes:
        text, self._held = self.apply(self._held), b""
        return text

    def apply(self, text: bytes) -> bytes:
        rows = self._normalizer.rewrite(Rows.of_text(text))
        for step in self._steps:
            rows = step.rewrite(rows)
        return rows.documents.values.tobytes()
