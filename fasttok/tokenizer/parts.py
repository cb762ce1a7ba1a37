"""Split one long text into parts that can be encoded separately, on several threads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged
from fasttok.corpus.batches import OVERLAP, Batch, split_document
from fasttok.text.pipeline import Pipeline
from fasttok.text.unicode._conversion import space_for, write_utf8
from fasttok.text.unicode.utf8 import encode_utf8

WINDOW = 1 << 12  # code points at the end of a part in which a cut is searched first


class StrPart(NamedTuple):
    """Part of a ``str``, from code point `start` to `stop`. The thread that encodes it converts it too."""

    text: str
    start: int
    stop: int

    def to_batch(self) -> Batch:
        """Return the part in UTF-8.

        The `start` of the batch is in code points, so positions in errors are wrong; after an error, the
        whole text is encoded.

        Raises
        ------
        TextError
            If the text contains a lone surrogate in this part.
        """
        part = _to_utf8(*self)
        rows = Ragged(part, np.array([0, len(part)], np.int64))
        return Batch(rows, 0, continues=self.stop < len(self.text), start=self.start)


def split_text(pipeline: Pipeline, text: str | bytes, size: int) -> Iterator[Batch | StrPart]:
    """Yield a text in parts of about `size` bytes or code points that end where the pipeline allows a cut.

    Raises
    ------
    TextError
        If a ``str`` contains a lone surrogate near the end of a part.
    """
    if isinstance(text, bytes):
        yield from split_document(np.frombuffer(text, np.uint8), 0, pipeline, size)
        return
    start, n, done = 0, size, 0  # in code points; there is no cut before `done`
    while start + n < len(text):
        cut = _find_cut(pipeline, text, done, start + n)
        if cut > done:
            yield StrPart(text, start, cut)
            start = done = cut
            n = size
        else:
            done = max(start, start + n - OVERLAP)
            n *= 2
    yield StrPart(text, start, len(text))


def _find_cut(pipeline: Pipeline, text: str, start: int, stop: int) -> int:
    """Return the last position in ``text[start:stop]`` at which it may be cut; `start` if there is none."""
    for begin in dict.fromkeys((max(start, stop - WINDOW), start)):
        window = _to_utf8(text, begin, stop)
        if cut := pipeline.find_cut(window):
            return begin + int(np.count_nonzero((window[:cut] & 0xC0) != 0x80))
    return start


def _to_utf8(text: str, start: int, stop: int) -> NDArray[np.uint8]:
    """Return the UTF-8 of ``text[start:stop]``: uint8[n]."""
    out = np.empty(space_for(text, stop - start), np.uint8)
    n = write_utf8(text, start, stop, out)
    if n < 0:
        encode_utf8(text)  # raises the error for the first surrogate of the whole text
    return out[:n]
