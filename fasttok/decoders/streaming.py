"""Decode ids slice by slice: `StreamDecoder` to text, `DecodingStream` to bytes, `decode_row` a long row."""

from __future__ import annotations

import codecs
import io
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import describe_type
from fasttok.core.ids import Ids, as_ids
from fasttok.decoders.text import TextDecoder, push_parts


class Held(NamedTuple):
    """Bytes of the last token of a stream that later ids can still change.

    Attributes
    ----------
    if_followed, if_last : bytes
        Bytes that are still to be written if other ids follow, and if no other id follows.
    is_verbatim : bool
        Whether the bytes bypass the filter.
    """

    if_followed: bytes
    if_last: bytes
    is_verbatim: bool


SLICE = 1 << 16  # number of ids of a long row that are decoded at once
NOTHING_HELD = Held(b"", b"", False)


class DecodingStream:
    """Stream of ids that is decoded to bytes as the ids arrive.

    The returned parts, joined, equal the result of `TextDecoder.decode` for all ids.

    Parameters
    ----------
    decoder : TextDecoder
        Decoder, which several streams can share.
    skip_special_tokens : bool
        Whether to skip the ids of special tokens.
    """

    def __init__(self, decoder: TextDecoder, skip_special_tokens: bool = False) -> None:
        self._decoder = decoder
        self._skip_special_tokens = skip_special_tokens
        self._filter = decoder.decoder.filter()
        self._begun = False
        self._held = NOTHING_HELD

    def push(self, ids: NDArray[Any]) -> bytes:
        """Take the next ids, and return the bytes that later ids cannot change.

        Parameters
        ----------
        ids : ndarray of uint32 or int64, shape (n,)
            Next ids, C-contiguous.

        Raises
        ------
        IndexError
            If an id is not in use. The stream is then unchanged.
        """
        decoder = self._decoder
        n_bytes = decoder.check(ids)
        if self._skip_special_tokens:
            ids = decoder.without_special(ids)
            n_bytes = decoder.check(ids)
        if not len(ids):
            return b""
        is_first, self._begun = not self._begun, True
        if not decoder.decoder.sees_last:
            rows, n_bytes = decoder.select_rows(ids, n_bytes, is_first, False)
            if self._filter is None:
                return decoder.gather(rows, n_bytes)
            return self._write(decoder.split(rows, n_bytes))
        i, before = int(ids[-1]), self._held
        followed, last = decoder.find_forms(i, is_first and len(ids) == 1)
        certain = _common_prefix(followed, last)
        self._held = Held(followed[len(certain) :], last[len(certain) :], decoder.is_verbatim(i))
        n_bytes -= int(decoder.lengths(ids[-1:])[0])
        parts = decoder.split(*decoder.select_rows(ids[:-1], n_bytes, is_first, False))
        return self._write(
            [(before.if_followed, before.is_verbatim), *parts, (certain, self._held.is_verbatim)]
        )

    def finish(self) -> bytes:
        """End the text, return the remaining bytes, and reset the stream for another text."""
        held, self._held, self._begun = self._held, NOTHING_HELD, False
        text = self._write([(held.if_last, held.is_verbatim)])
        return text if self._filter is None else text + self._filter.finish()

    def _write(self, parts: list[tuple[bytes, bool]]) -> bytes:
        if self._filter is None:
            return b"".join([text for text, _ in parts])
        return push_parts(parts, self._filter)


def decode_row(decoder: TextDecoder, ids: NDArray[Any], skip_special_tokens: bool = False) -> bytes:
    """Decode one row of ids to bytes, as `TextDecoder.decode` does, but a long row slice by slice.

    In addition to the ids and the result, this takes little memory.

    Parameters
    ----------
    decoder : TextDecoder
        Decoder.
    ids : ndarray of uint32 or int64, shape (n,)
        Ids, C-contiguous.
    skip_special_tokens : bool
        Whether to skip the ids of special tokens.

    Raises
    ------
    IndexError
        If an id is not in use.
    """
    if len(ids) <= SLICE:
        return decoder.decode(ids, skip_special_tokens)
    if not skip_special_tokens and (text := decoder.decode_long(ids)) is not None:
        return text
    decoder.check(ids)
    stream, parts = DecodingStream(decoder, skip_special_tokens), io.BytesIO()
    for start in range(0, len(ids), SLICE):
        parts.write(stream.push(ids[start : start + SLICE]))
    parts.write(stream.finish())
    return parts.getvalue()


def _common_prefix(a: bytes, b: bytes) -> bytes:
    n = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return a[:n]


class Decodes(Protocol):
    """Type of a tokenizer that can decode."""

    def text_decoder(self, clean_up: bool = True) -> TextDecoder: ...


class StreamDecoder:
    """Decoder of a stream of ids, which arrive one or several at a time.

    A piece can end inside a character, so up to three bytes of an incomplete character are held back. Text is
    returned as soon as later ids cannot change it. However the ids are divided into calls, the joined texts
    equal ``tokenizer.decode`` of all ids. A decoder is for one stream and one
    thread at a time.

    Parameters
    ----------
    tokenizer : Tokenizer
        Tokenizer of the ids.
    clean_up : bool
        Whether to omit spaces before punctuation, as in `Tokenizer.decode`.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["naïve"]), vocab_size=256)
    >>> decoder = ft.StreamDecoder(tok)
    >>> [decoder.push(i) for i in tok.encode("naïve")]
    ['n', 'a', '', 'ï', 'v', 'e']
    >>> decoder.finish()
    ''
    """

    def __init__(self, tokenizer: Decodes, *, clean_up: bool = True) -> None:
        if isinstance(tokenizer, type) or not callable(getattr(tokenizer, "text_decoder", None)):
            raise TypeError(f"tokenizer must be a Tokenizer, not {describe_type(tokenizer)}")
        self._stream = DecodingStream(tokenizer.text_decoder(clean_up))
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def push(self, ids: int | np.integer | Ids) -> str:
        """Take the next ids, and return the next part of the text.

        Takes O(n) time for a result of n bytes.

        Parameters
        ----------
        ids : int, or sequence or array of int
            Next id or ids. Special tokens are decoded to their texts.

        Returns
        -------
        str
            Next part of the text; empty if no further character is complete. Bytes that are not UTF-8 are
            replaced by U+FFFD, as in `Tokenizer.decode`.

        Raises
        ------
        IndexError, TypeError
            As in `Tokenizer.decode`. The stream is then unchanged.
        """
        row = [int(ids)] if isinstance(ids, np.integer) else [ids] if isinstance(ids, int) else ids
        return self._utf8.decode(self._stream.push(as_ids(row)))

    def finish(self) -> str:
        """End the stream, return the rest of the text, and reset the decoder for another stream.

        Returns
        -------
        str
            Rest of the text, in which an incomplete character is U+FFFD; usually empty.

        Examples
        --------
        >>> import fasttok as ft
        >>> decoder = ft.StreamDecoder(ft.train(ft.Corpus.from_texts(["a"]), vocab_size=256))
        >>> decoder.push([97, 0xC3]), decoder.finish(), decoder.finish()
        ('a', '\ufffd', '')
        """
        return self._utf8.decode(self._stream.finish(), final=True)
