"""`Decoder`: a step on the way from ids to text; `Filter`: the part of it that acts on the whole text.

A decoder has two parts, and most have only the first. `Decoder.rewrite` says what is written for a token; it
sees the token alone, and whether it is the first or the last of its text, so it is called once for each
token of the vocabulary and never while ids are decoded. `Decoder.filter` makes an object through which all
the bytes of one text pass, in parts of any size. Batches and streams decode with the same two parts.
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
    """Rewrites one text as its bytes arrive; made by `Decoder.filter`, used by one thread."""

    @abstractmethod
    def push(self, text: bytes) -> bytes:
        """Take the next bytes of the text and return those that are certain with them.

        Parameters
        ----------
        text : bytes
            The next bytes; they may begin and end inside a character.

        Returns
        -------
        bytes
            The bytes after those that were returned before.
        """

    @abstractmethod
    def finish(self) -> bytes:
        """End the text, return the bytes held back, and be ready for another text."""

    def pause(self) -> bytes:
        """Return the bytes held back, because the text of an added token comes next and goes past the filter.

        By default the text before an added token ends, and another begins after it. A filter that has
        something to remember beyond an added token overrides this.
        """
        return self.finish()

    def keeps(self, text: bytes) -> bool:
        """Whether the filter returns the text of an added token as it is, whatever comes before and after it.

        Such a text goes through `push` like any other, which is faster than to stop before it.
        """
        return False


@dataclass(frozen=True)
class Decoder(Component):
    """A step that turns tokens into text: a frozen dataclass, whose fields are the options.

    A decoder of your own derives from this class and overrides `rewrite`, `filter` or both. Options of it are
    fields of a dataclass of its own. Native files name it by its import path.

    Attributes
    ----------
    sees_first, sees_last : bool
        Whether `rewrite` or `rewrite_added` depends on ``is_first``, and on ``is_last``. A decoder that says
        so where it is not true is slower to make, nothing else.
    reads_model : bool
        Whether the step takes its tokens from the model and not from another step.

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

    def rewrite(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        """Return the bytes that are written for a token; here, the token itself.

        Parameters
        ----------
        token : bytes
            The piece as the vocabulary has it, or what the step before has written for it.
        is_first, is_last : bool
            Whether it is the first, and the last, token of a text.
        """
        return token

    def rewrite_added(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        """Return the bytes that are written for an added token; here, its text; otherwise as `rewrite`."""
        return token

    def rewrite_pieces(
        self, model: Model, ids: NDArray[np.int64], *, is_first: bool, is_last: bool
    ) -> list[bytes]:
        """Return the bytes that are written for pieces of a model, where this step is the first or only one.

        Parameters
        ----------
        model : Model
            The model.
        ids : ndarray of int64, shape (n,)
            The ids that have a piece.
        is_first, is_last : bool
            As in `rewrite`.

        Returns
        -------
        list of bytes
            One entry per id. By default `rewrite` makes it from the piece.
        """
        pieces = model.pieces.take(ids).to_bytes()
        return [self.rewrite(piece, is_first=is_first, is_last=is_last) for piece in pieces]

    def filter(self) -> Filter | None:
        """Return a new filter for the joined tokens of one text; None where the step has none."""
        return None

    def text_filter(self) -> Filter | None:
        """Return a new filter that does to joined text what the step does to tokens; None if that is nothing.

        A sequence asks for it where a step before has joined the tokens. By default it keeps the text until
        the end, or the next added token, and hands it to `rewrite` as one token. A step that can do the same
        as bytes arrive overrides this.
        """
        own = self.filter()
        if type(self).rewrite is Decoder.rewrite:
            return own
        return join_filters([WholeText(self.rewrite), own])

    @property
    def joins(self) -> bool:
        """Whether the tokens are one text after this step."""
        return self.filter() is not None

    def without_clean_up(self) -> Decoder:
        """Return the decoder that ``decode(clean_up=False)`` uses; itself where it has no such option."""
        return self


class WholeText(Filter):
    """Keeps a text, or the stretch up to an added token, and rewrites it as one token."""

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


class FilterChain(Filter):
    """Filters, each of which takes what the one before returns."""

    def __init__(self, filters: Sequence[Filter]) -> None:
        self._filters = filters

    def push(self, text: bytes) -> bytes:
        for one in self._filters:
            text = one.push(text)
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


def join_filters(filters: Sequence[Filter | None]) -> Filter | None:
    """Return one filter that does what all do, one after another; None if there are none."""
    found = [one for one in filters if one is not None]
    return found[0] if len(found) == 1 else FilterChain(found) if found else None
