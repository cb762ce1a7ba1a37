"""`StreamDecoder`: ids to text while they still arrive; `DecodingStream`: the same to bytes."""

from __future__ import annotations

import codecs
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ids import Ids, as_ids
from fasttok.decoders.text import TextDecoder, pass_through


class Held(NamedTuple):
    """The part of the last token of a stream that is not certain yet.

    Attributes
    ----------
    if_followed, if_last : bytes
        The bytes that are left to write if other ids follow, and if none do.
    is_verbatim : bool
        Whether they go past the filter.
    """

    if_followed: bytes
    if_last: bytes
    is_verbatim: bool


NOTHING_HELD = Held(b"", b"", False)


class DecodingStream:
    """Ids of one text to bytes as they arrive; the parts joined are what `TextDecoder.decode` returns.

    Parameters
    ----------
    decoder : TextDecoder
        The decoder; any number of streams share it.
    """

    def __init__(self, decoder: TextDecoder) -> None:
        self._decoder = decoder
        self._filter = decoder.decoder.filter()
        self._begun = False
        self._held = NOTHING_HELD

    def push(self, ids: NDArray[Any]) -> bytes:
        """Take the next ids and return the bytes that are certain with them.

        Parameters
        ----------
        ids : ndarray of uint32 or int64, shape (n,)
            The next ids, C-contiguous.

        Raises
        ------
        IndexError
            If an id is not in use; then it is as if the call had not been made.
        """
        decoder = self._decoder
        n_bytes = decoder.check(ids)
        if not len(ids):
            return b""
        is_first, self._begun = not self._begun, True
        if not decoder.decoder.sees_last:
            rows, n_bytes = decoder.place(ids, n_bytes, is_first, False)
            if self._filter is None:
                return decoder.gather(rows, n_bytes)
            return self._write(decoder.split(rows, n_bytes))
        i, before = int(ids[-1]), self._held
        followed, last = decoder.find_forms(i, is_first and len(ids) == 1)
        certain = _common_beginning(followed, last)
        self._held = Held(followed[len(certain) :], last[len(certain) :], decoder.is_verbatim(i))
        n_bytes -= int(decoder.lengths(ids[-1:])[0])
        stretches = decoder.split(*decoder.place(ids[:-1], n_bytes, is_first, False))
        return self._write(
            [(before.if_followed, before.is_verbatim), *stretches, (certain, self._held.is_verbatim)]
        )

    def finish(self) -> bytes:
        """End the text, return the bytes that are certain as nothing follows, and be ready for another."""
        held, self._held, self._begun = self._held, NOTHING_HELD, False
        text = self._write([(held.if_last, held.is_verbatim)])
        return text if self._filter is None else text + self._filter.finish()

    def _write(self, stretches: list[tuple[bytes, bool]]) -> bytes:
        if self._filter is None:
            return b"".join([text for text, _ in stretches])
        return pass_through(stretches, self._filter)


def _common_beginning(a: bytes, b: bytes) -> bytes:
    n = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return a[:n]


class Decodes(Protocol):
    """A tokenizer, as far as decoding goes."""

    def text_decoder(self, clean_up: bool = True) -> TextDecoder: ...


class StreamDecoder:
    """Turns ids into text as they arrive, one or several at a time.

    A piece may end inside a character. What is certain is given at once; the bytes of a character that is
    not complete yet, at most three, are held back. However the ids are cut, all the texts joined are
    ``tokenizer.decode`` of all the ids. A decoder belongs to one stream, and to one thread at a time.

    Parameters
    ----------
    tokenizer : Tokenizer
        The tokenizer that the ids are of.
    clean_up : bool
        As in `Tokenizer.decode`.

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
        self._stream = DecodingStream(tokenizer.text_decoder(clean_up))
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def push(self, ids: int | np.integer | Ids) -> str:
        """Take the next ids and give the text that is complete with them.

        Parameters
        ----------
        ids : int, or sequence or array of int
            The next id, or ids; those of special tokens become their texts.

        Returns
        -------
        str
            The text after what was returned before; empty where no character is complete. A byte that can
            be part of no character is U+FFFD, as in `Tokenizer.decode`.

        Raises
        ------
        IndexError, TypeError
            As in `Tokenizer.decode`; then it is as if the call had not been made.

        Notes
        -----
        O(length of the result).
        """
        row = [int(ids)] if isinstance(ids, np.integer) else [ids] if isinstance(ids, int) else ids
        return self._utf8.decode(self._stream.push(as_ids(row)))

    def finish(self) -> str:
        """End the stream: give U+FFFD for what was held back, and be ready for another stream.

        Returns
        -------
        str
            Empty where the stream ended with a whole character.

        Examples
        --------
        >>> import fasttok as ft
        >>> decoder = ft.StreamDecoder(ft.train(ft.Corpus.from_texts(["a"]), vocab_size=256))
        >>> decoder.push([97, 0xC3]), decoder.finish(), decoder.finish()
        ('a', '\ufffd', '')
        """
        return self._utf8.decode(self._stream.finish(), final=True)
