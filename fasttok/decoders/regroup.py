"""Decoders of Hugging Face ``tokenizers`` that merge or drop tokens, and filters that do so.

The steps after such a decoder see other tokens.
`Decoder.rewrite` cannot do that, because it sees one token. Therefore these decoders mark tokens in the table
of the vocabulary, with bytes that do not occur in UTF-8, and a filter reads the marks. There are two kinds:

- After `ByteFallback`, the bytes of byte pieces are marked one by one, and other tokens are complete: the
  later steps have rewritten them already. The filter only has work where there are byte pieces.
- After `CTC`, or after several such decoders, the end of each token is marked, and the filter applies all
  later steps.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from fasttok.core.checks import checked_flag, checked_text
from fasttok.decoders._runs import write_runs
from fasttok.decoders.base import Decoder, Filter, FilterChain, FusedToken
from fasttok.decoders.tokens import TokenDecoder, clean_up_english, replace_text

# A byte piece, such as <0x0A>. Hugging Face tokenizers also reads <0x+A>.
BYTE_NAME = re.compile(rb"<0x([0-9A-Fa-f]{2}|\+[0-9A-Fa-f])>")
ESCAPE = b"\xff"  # written before the byte of a byte piece
EMPTY = b"\xfe"  # written for a token without bytes, which also ends a run of byte pieces
END = b"\xff"  # written after each token, if there are no escapes
RUN = re.compile(rb"\xff(?:.\xff)*.?", re.DOTALL)  # escaped bytes; an escape at the end may lack its byte
UNKNOWN = "\ufffd".encode()


def mark_end(token: bytes) -> bytes:
    """Return a token followed by `END`."""
    return _remove_marks(token) + END


def mark_byte(token: bytes) -> bytes | None:
    """Return the marked byte of a byte piece, such as ``<0x0A>``; None for other tokens."""
    byte = read_byte_name(token)
    return None if byte is None else ESCAPE + byte


def mark_empty(token: bytes) -> bytes:
    """Return a token that is not a byte piece; `EMPTY` if it is empty."""
    return _remove_marks(token) or EMPTY


def _remove_marks(token: bytes) -> bytes:
    """Replace bytes that are marks, and therefore not UTF-8, by U+FFFD, as decoding to text does."""
    return token.replace(b"\xff", UNKNOWN).replace(b"\xfe", UNKNOWN)


def rewrite_token(steps: Sequence[Decoder], token: bytes, *, is_first: bool, is_last: bool) -> bytes:
    """Return the result of applying the steps to a token."""
    for step in steps:
        token = step.rewrite(token, is_first=is_first, is_last=is_last)
    return token


class TokenStep(ABC):
    """Step that rewrites the tokens of one text as they arrive."""

    @abstractmethod
    def push(self, tokens: list[bytes]) -> list[bytes]:
        """Take the next tokens, and return the next rewritten tokens."""

    def finish(self) -> list[bytes]:
        """End the text, return the remaining tokens, and reset the step for another text."""
        return []


class TokenRewriter(TokenStep):
    """Step that applies decoders to each token; holds back one token if they depend on the last one."""

    def __init__(self, steps: Sequence[Decoder]) -> None:
        self._steps = steps
        self._sees_last = any(step.sees_last for step in steps)
        self._begun = False
        self._held: list[bytes] = []

    def push(self, tokens: list[bytes]) -> list[bytes]:
        tokens = self._held + tokens
        if self._sees_last:
            tokens, self._held = tokens[:-1], tokens[-1:]
        return [self._rewrite(token, is_last=False) for token in tokens]

    def finish(self) -> list[bytes]:
        tokens = [self._rewrite(token, is_last=True) for token in self._held]
        self._begun, self._held = False, []
        return tokens

    def _rewrite(self, token: bytes, is_last: bool) -> bytes:
        is_first, self._begun = not self._begun, True
        return rewrite_token(self._steps, token, is_first=is_first, is_last=is_last)


class Regrouper(TokenDecoder):
    """Base class of decoders that merge or drop tokens."""

    @property
    def joins(self) -> bool:
        return False

    @abstractmethod
    def token_step(self) -> TokenStep:
        """Return a new step that applies the decoder to the tokens of one text."""

    def rewrite(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        """Return the token, marked for the filter."""
        return mark_end(token)

    def filter(self) -> Filter:
        return TokenFilter([self])


class TokenFilter(Filter):
    """Filter that reads tokens whose ends are marked, and applies steps to them.

    Parameters
    ----------
    steps : sequence of Decoder
        Steps to apply.
    """

    takes_added = True

    def __init__(self, steps: Sequence[Decoder]) -> None:
        self._steps: list[TokenStep] = []
        others: list[Decoder] = []
        for step in steps:
            if isinstance(step, Regrouper):
                self._steps += [TokenRewriter(others), step.token_step()]
                others = []
            else:
                others.append(step)
        self._steps.append(TokenRewriter(others))
        self._held = b""  # start of an incomplete token

    def push(self, text: bytes) -> bytes:
        *tokens, self._held = (self._held + text).split(END)
        for step in self._steps:
            tokens = step.push(tokens)
        return b"".join(tokens)

    def finish(self) -> bytes:
        tokens: list[bytes] = []
        for step in self._steps:
            tokens = step.push(tokens) + step.finish()
        return b"".join(tokens)


class ByteRuns(TokenStep):
    """Step of `ByteFallback`; holds back the bytes of a run of byte pieces."""

    def __init__(self) -> None:
        self._run = bytearray()

    def push(self, tokens: list[bytes]) -> list[bytes]:
        found = []
        for token in tokens:
            byte = read_byte_name(token)
            if byte is None:
                found += [*self.finish(), token]
            else:
                self._run += byte
        return found

    def finish(self) -> list[bytes]:
        tokens = decode_run(self._run)
        self._run.clear()
        return tokens


class RunFilter(Filter):
    """Filter of `ByteFallback`; it holds back the bytes of a run of byte pieces.

    The later steps were already applied to the tokens that it gets, but not to byte pieces.

    Parameters
    ----------
    steps : sequence of Decoder
        Later steps.
    """

    def __init__(self, steps: Sequence[Decoder]) -> None:
        self._steps = [step for step in steps if type(step).rewrite is not Decoder.rewrite]
        self._begun = False
        self._run = bytearray()
        self._is_cut = False  # whether the text ends between an escape and its byte

    def push(self, text: bytes) -> bytes:
        if not self._run and not self._is_cut and ESCAPE not in text and EMPTY not in text:
            self._begun |= bool(text)
            return text
        if self._is_cut:
            text = ESCAPE + text
        parts, end, self._is_cut = [], 0, False
        for match in RUN.finditer(text):
            if match.start() > end:
                parts += [self._end_run(is_last=False), text[end : match.start()].replace(EMPTY, b"")]
                self._begun = True
            end = match.end()
            self._run += match[0][1::2]
            self._is_cut = len(match[0]) % 2 == 1
        if end < len(text):
            parts += [self._end_run(is_last=False), text[end:].replace(EMPTY, b"")]
            self._begun = True
        return b"".join(parts)

    def apply(self, text: bytes) -> bytes:
        if ESCAPE not in text and EMPTY not in text:
            return text
        return super().apply(text) if self._steps else write_runs(text)

    def pause(self) -> bytes:
        text, self._begun = self._end_run(is_last=False), True
        return text

    def finish(self) -> bytes:
        text, self._begun = self._end_run(is_last=True), False
        return text

    def _end_run(self, is_last: bool) -> bytes:
        tokens = decode_run(self._run)
        self._run.clear()
        if self._steps:
            for i, token in enumerate(tokens):
                tokens[i] = rewrite_token(
                    self._steps,
                    token,
                    is_first=not self._begun and i == 0,
                    is_last=is_last and i == len(tokens) - 1,
                )
        self._begun |= bool(tokens)
        return b"".join(tokens)

    def keeps(self, text: bytes) -> bool:
        return True


class MarkedChain(FilterChain):
    """Chain of filters the first of which reads marks; no token with a mark bypasses it."""

    def keeps(self, text: bytes) -> bool:
        return ESCAPE in text or EMPTY in text or super().keeps(text)


def read_byte_name(token: bytes) -> bytes | None:
    """Return the byte of a byte piece, such as ``<0x0A>``; None for other tokens."""
    match = BYTE_NAME.fullmatch(token)
    return bytes([int(match[1], 16)]) if match else None


def decode_run(run: bytearray) -> list[bytes]:
    """Return the tokens for a run of byte pieces: its text, or one U+FFFD per byte if it is not UTF-8."""
    try:
        run.decode()
    except UnicodeDecodeError:
        return [UNKNOWN] * len(run)
    return [bytes(run)] if run else []


@dataclass(frozen=True)
class ByteFallback(Regrouper):
    r"""Decoder that replaces byte pieces, such as ``<0x0A>``, by their bytes.

    Consecutive byte pieces become one token. If their bytes are not UTF-8, each of them becomes a token
    U+FFFD instead. The decoder is ``ByteFallback`` of Hugging Face ``tokenizers``.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.Tokenizer(ft.WordModel(["<0xC3>", "<0xA9>", "a"]), "none", decoder="byte_fallback")
    >>> tok.decode([0, 1]), tok.decode([0, 1, 0]), tok.decode([0, 2])
    ('é', '\ufffd\ufffd\ufffd', '\ufffda')
    """

    name = "byte_fallback"
    sees_first = False
    sees_last = False

    def rewrite(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        return mark_byte(token) or mark_empty(token)

    def filter(self) -> Filter:
        return RunFilter([])

    def text_filter(self) -> Filter:
        return FusedToken(self._rewrite_text)

    def _rewrite_text(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        byte = read_byte_name(token)
        return token if byte is None else byte.decode(errors="replace").encode()

    def token_step(self) -> TokenStep:
        return ByteRuns()


@dataclass(frozen=True)
class CTC(Regrouper):
    """Decoder for connectionist temporal classification (CTC), like ``CTC`` of ``tokenizers``.

    A token that equals the token before it is dropped. The padding token is removed from the other tokens,
    and tokens that are then empty are dropped.

    Parameters
    ----------
    pad_token : str
        Padding token.
    word_delimiter_token : str
        Text that becomes a space, if `clean_up` is True. An empty text occurs between all characters and at
        both ends of a token.
    clean_up : bool
        Whether to write spaces for `word_delimiter_token`, and to clean up English text as "wordpiece" does.
        The option is called ``cleanup`` in ``tokenizers``. It writes the spaces between words, so
        ``decode(..., clean_up=False)`` does not turn it off.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.Tokenizer(ft.WordModel(["<pad>", "|", "l", "o"]), "none", decoder="ctc")
    >>> tok.decode([2, 2, 3, 0, 3, 3, 1, 2, 0, 3])
    'loo lo'
    """

    pad_token: str = "<pad>"  # noqa: S105  not a password
    word_delimiter_token: str = "|"  # noqa: S105
    clean_up: bool = True

    name = "ctc"
    sees_first = False
    sees_last = False

    def __post_init__(self) -> None:
        checked_text("pad_token", self.pad_token)
        checked_text("word_delimiter_token", self.word_delimiter_token)
        checked_flag("clean_up", self.clean_up)

    def text_filter(self) -> Filter:
        return FusedToken(lambda token, **_: self.clean(token))

    def token_step(self) -> TokenStep:
        return DistinctTokens(self)

    def clean(self, token: bytes) -> bytes:
        """Return a token without the padding token, and cleaned up."""
        token = replace_text(token, self.pad_token, "")
        if self.clean_up:
            token = replace_text(clean_up_english(token), self.word_delimiter_token, " ")
        return token


class DistinctTokens(TokenStep):
    """Step of `CTC`.

    Parameters
    ----------
    options : CTC
        Options of the decoder.
    """

    def __init__(self, options: CTC) -> None:
        self._options = options
        self._previous: bytes | None = None

    def push(self, tokens: list[bytes]) -> list[bytes]:
        found = []
        for token in tokens:
            if token != self._previous and (cleaned := self._options.clean(token)):
                found.append(cleaned)
            self._previous = token
        return found

    def finish(self) -> list[bytes]:
        self._previous = None
        return []
