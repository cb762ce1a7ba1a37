"""`StreamDecoder`: ids to text while they still arrive."""

from __future__ import annotations

import codecs

import numpy as np

from fasttok.core.ids import Ids, as_ids
from fasttok.decoders.decoding import DecodingState
from fasttok.tokenizer.tokenizer import Tokenizer


class StreamDecoder:
    """Turns ids into text as they arrive, one or several at a time.

    A piece may end inside a character. What is certain is given at once; the bytes of a character that is
    not complete yet, at most three, are held back. However the ids are cut, all the texts joined are
    ``tokenizer.decode`` of all the ids. A decoder belongs to one stream, and to one thread at a time.

    Parameters
    ----------
    tokenizer : Tokenizer
        What the ids are of.
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

    def __init__(self, tokenizer: Tokenizer, *, clean_up: bool = True) -> None:
        self._decoder = tokenizer.decoder(clean_up)
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._state = DecodingState()

    def push(self, ids: int | np.integer | Ids) -> str:
        """Take the next ids and give the text that is complete with them.

        Parameters
        ----------
        ids : int, or sequence or array of int
            The next id, or ids; those of special tokens become their texts.

        Returns
        -------
        str
            The text behind what was given before; empty where no character is complete. A byte that can
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
        return self._utf8.decode(self._decoder.part(as_ids(row), self._state))

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
        state, self._state = self._state, DecodingState()
        return self._utf8.decode(self._decoder.finish(state), final=True)
