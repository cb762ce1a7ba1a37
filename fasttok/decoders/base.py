"""`Decoder`: turns tokens into text; `Filter`: rewrites the joined text of the tokens for a decoder.

`Decoder.rewrite` returns the bytes of one token. They depend only on the token and on whether the token is
the first or last of its text. Therefore `rewrite` is called for the whole vocabulary in advance, and decoding
only looks up the results. The exception is `Decoder.text_filter`, which calls `rewrite` while a text is
decoded. Few decoders override `Decoder.filter`, which makes an object through which all bytes of a text pass,
in parts of any size. Batches and streams are decoded with the same methods.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fasttok.core.component import Component
from fasttok.models.base import Model


class Filter(ABC):
    """Filter that rewrites the bytes of one text as they arrive, used by one thread.

    `Decoder.filter` makes a new filter for each text or stream.

    Attributes
    ----------
    takes_added : bool
        Whether the filter rewrites the texts of added tokens like any text. By default, they bypass it.

    Examples
    --------
    >>> import fasttok as ft
    >>> class UpperFilter(ft.Filter):
    ...     def push(self, text):
    ...         return text.upper()
    ...     def finish(self):
    ...         return b""
    >>> class Upper(ft.Decoder):
    ...     def filter(self):
    ...         return UpperFilter()
    >>> tok = ft.Tokenizer(ft.WordModel(["low", " lower"]), "gpt2", decoder=Upper())
    >>> tok.decode(tok.encode("low lower"))
    'LOW LOWER'
    """

    takes_added = False

    @abstractmethod
    def push(self, text: bytes) -> bytes:
        """Take the next bytes of the text, and return the rewritten bytes that later bytes cannot change.

        Parameters
        ----------
        text : bytes
            Next bytes; they may begin and end inside a character.

        Returns
        -------
        bytes
            Next bytes of the rewritten text.
        """

    @abstractmethod
    def finish(self) -> bytes:
        """End the text, return the bytes held back, and reset the filter for another text."""

    def apply(self, text: bytes) -> bytes:
        """Return a complete text rewritten; by default, push it and finish.

        Override this method if there is a faster way.
        """
        return self.push(text) + self.finish()

    def pause(self) -> bytes:
        """Return the bytes held back before an added token, whose text bypasses the filter.

        By default, the text ends before the added token and another text begins after it. Override this
        method if the filter must remember something across added tokens.
        """
        return self.finish()

    def keeps(self, text: bytes) -> bool:
        """Return whether the filter leaves the text of an added token unchanged, whatever text is around it.

        If so, the text is pushed together with the text around it, which is faster than pausing. By default,
        return `takes_added`.
        """
        return self.takes_added

    def bypass(self, text: bytes) -> bytes:
        """Take the text of an added token that the filter does not keep, and return the next bytes."""
        return self.pause() + text


@dataclass(frozen=True)
class Decoder(Component):
    """Component that turns tokens into text; a frozen dataclass whose fields are the options.

    A custom decoder derives from this class and overrides `rewrite`, `filter` or both. If it has options, it
    is a frozen dataclass too. Native files name it by its import path.

    Attributes
    ----------
    sees_first, sees_last : bool
        Whether the result of `rewrite`, `rewrite_added` or `rewrite_pieces` depends on ``is_first``, and
        whether it depends on ``is_last``. True is always correct, but makes the decoder slower to set up.
    reads_model : bool
        Whether the decoder gets its tokens from the model instead of another step. If so, it can only be the
        first step of a sequence.
    reads_normalized : bool
        Whether the text of a normalized added token is its normalized text, as in Hugging Face
        ``tokenizers``, instead of the text that was given.

    Examples
    --------
    >>> import fasttok as ft
    >>> class Louder(ft.Decoder):
    ...     def rewrite(self, token, *, is_first, is_last):
    ...         return token.upper()
    >>> tok = ft.Tokenizer(ft.WordModel(["low", " lower"]), "gpt2", decoder=Louder())
    >>> tok.decode(tok.encode("low lower"))
    'LOW LOWER'
    """

    # No annotations: these are not options.
    sees_first = True
    sees_last = True
    reads_model = False
    reads_normalized = False

    def rewrite(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        """Return the bytes of a token in the text; by default, the token itself.

        Parameters
        ----------
        token : bytes
            Piece of the vocabulary, or the bytes that the previous step wrote for it.
        is_first, is_last : bool
            Whether the token is the first, and the last, token of a text.
        """
        return token

    def rewrite_added(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        """Return the bytes of an added token in the text; by default, its text.

        Parameters
        ----------
        token : bytes
            Text of the added token, or the bytes that the previous step wrote for it.
        is_first, is_last : bool
            Whether the token is the first, and the last, token of a text.
        """
        return token

    def rewrite_pieces(
        self, model: Model, ids: NDArray[np.int64], *, is_first: bool, is_last: bool
    ) -> list[bytes]:
        """Return the bytes of pieces of a model; called if the decoder is the first or only step.

        Parameters
        ----------
        model : Model
            Model of the pieces.
        ids : ndarray of int64, shape (n,)
            Ids of the pieces.
        is_first, is_last : bool
            Whether each piece is taken as the first, and as the last, token of a text.

        Returns
        -------
        list of bytes
            One entry per id; by default, the result of `rewrite` for the piece with this id.
        """
        pieces = model.pieces.take(ids).to_bytes()
        return [self.rewrite(piece, is_first=is_first, is_last=is_last) for piece in pieces]

    def filter(self) -> Filter | None:
        """Return a new filter for the joined tokens of one text, or None if the decoder needs no filter."""
        return None

    def text_filter(self) -> Filter | None:
        """Return a new filter that applies the decoder to joined text, or None if nothing would change.

        A sequence calls this method if a previous step has joined the tokens. By default, the filter collects
        the text up to the end or the next added token, and passes it to `rewrite` as one token. Override this
        method if the decoder can rewrite bytes as they arrive.
        """
        own = self.filter()
        if type(self).rewrite is Decoder.rewrite:
            return own
        return join_filters([WholeText(self.rewrite), own])

    def filter_before_steps(self) -> Filter | None:
        """Return a new filter like `filter`, for use in a sequence in which further steps follow."""
        return self.filter()

    @property
    def joins(self) -> bool:
        """Whether the decoder joins the tokens into one text."""
        return self.filter() is not None

    def without_clean_up(self) -> Decoder:
        """Return the decoder for ``decode(clean_up=False)``; the decoder itself if it does not clean up."""
        return self


class WholeText(Filter):
    """Filter that collects a text up to its end or the next added token, and rewrites it as one token."""

    def __init__(self, rewrite: Callable[..., bytes]) -> None:
        self._rewrite = rewrite
        self._parts: list[bytes] = []
        self._is_first = True

    def push(self, text: bytes) -> bytes:
        self._parts.append(text)
        return b""

    def pause(self) -> bytes:
        text = self._take(is_last=False)
        self._is_first = False
        return text

    def finish(self) -> bytes:
        text = self._take(is_last=True)
        self._is_first = True
        return text

    def _take(self, is_last: bool) -> bytes:
        text = b"".join(self._parts)
        self._parts.clear()
        return self._rewrite(text, is_first=self._is_first, is_last=is_last) if text else b""


class FusedToken(WholeText):
    """Filter that collects a text, in which added tokens are like any text, and rewrites it as one token.

    The text is rewritten even if it is empty.
    """

    takes_added = True

    def _take(self, is_last: bool) -> bytes:
        text = b"".join(self._parts)
        self._parts.clear()
        return self._rewrite(text, is_first=self._is_first, is_last=is_last)


class FilterChain(Filter):
    """Chain of filters, each of which filters the output of the previous one."""

    def __init__(self, filters: Sequence[Filter]) -> None:
        self._filters = filters

    def push(self, text: bytes) -> bytes:
        for one in self._filters:
            text = one.push(text)
        return text

    def apply(self, text: bytes) -> bytes:
        for one in self._filters:
            text = one.apply(text)
        return text

    def pause(self) -> bytes:
        text = b""
        for one in self._filters:
            text = one.push(text) + one.pause()
        return text

    def finish(self) -> bytes:
        text = b""
        for one in self._filters:
            text = one.push(text) + one.finish()
        return text

    def keeps(self, text: bytes) -> bool:
        return all(one.keeps(text) for one in self._filters)

    def bypass(self, text: bytes) -> bytes:
        before = b""
        for one in self._filters:
            before = one.push(before)
            if one.takes_added:
                before, text = before + one.push(text), b""
            elif text:
                before += one.pause()
        return before + text


def join_filters(filters: Sequence[Filter | None]) -> Filter | None:
    """Return one filter that applies all given filters in order, or None if all are None."""
    found = [one for one in filters if one is not None]
    return found[0] if len(found) == 1 else FilterChain(found) if found else None
