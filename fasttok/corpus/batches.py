"""`Batch`: consecutive documents of a corpus; gathering documents, and cutting long texts, into batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import PatternError, SpecialTokenError, UnknownCharacterError
from fasttok.core.ragged import Ragged
from fasttok.corpus.streams import Chunk
from fasttok.text.pipeline import Pipeline
from fasttok.text.rows import Rows
from fasttok.text.steps import Pretokenizer

BATCH_BYTES = 1 << 22  # default size of a batch
MARGIN = 1 << 12  # bytes kept free before a chunk, for the end of the previous chunk that is in no batch yet
OVERLAP = 8  # bytes or code points that are searched again for a cut: more than a character on both sides
LONGEST_WAIT = 0.2  # seconds after which documents are a batch, however few they are
ROW_BYTES = 64  # overhead per document, so that many short documents fill a batch too
# Function that yields the text of a file in chunks of a size, with a margin before each.
ReadChunks = Callable[[int, int], Iterator[Chunk]]


@dataclass(frozen=True)
class Batch:
    """Consecutive documents of a corpus.

    Attributes
    ----------
    documents : Ragged of uint8
        UTF-8 text, one row per document.
    first : int
        Index in the corpus of the document in the first row.
    continues : bool
        Whether the document in the last row continues in the next batch.
    start : int
        Offset of the first row in its document: in bytes, or in code points if that is a ``str``.
    """

    documents: Ragged
    first: int
    continues: bool = False
    start: int = 0

    @property
    def is_part(self) -> bool:
        """Whether the first or the last row is only a part of a document."""
        return self.continues or self.start > 0

    def rows(self, aligned: bool = False) -> Rows:
        """Return the text as rows for `Pipeline.prepare`; `aligned` as in `Rows`."""
        return Rows.of(self.documents, self.start == 0, not self.continues, aligned)

    @contextmanager
    def locating_errors(self) -> Iterator[None]:
        """Convert positions in errors from (row, byte in the row) to (document, byte in the document)."""
        try:
            yield
        except (PatternError, SpecialTokenError, UnknownCharacterError) as error:
            document = error.document or 0
            before = 0 if document else self.start
            raise error.at(self.first + document, before + error.position) from None


def gather(parts: Iterable[list[bytes]], block_bytes: int) -> Iterator[Ragged]:
    """Yield documents, given in lists, in blocks of about `block_bytes`; in smaller ones if they come slowly.

    A block ends between two lists.
    """
    rows: list[bytes] = []
    gathered = 0
    begun = time.monotonic()
    for documents in parts:
        rows += documents
        gathered += sum(map(len, documents)) + ROW_BYTES * len(documents)
        if gathered >= block_bytes or time.monotonic() - begun > LONGEST_WAIT:
            yield Ragged.from_bytes(rows)
            rows, gathered, begun = [], 0, time.monotonic()
    if rows:
        yield Ragged.from_bytes(rows)


def text_batches(
    read_chunks: ReadChunks, first: int, pretokenizer: Pretokenizer | Pipeline | None, batch_bytes: int
) -> Iterator[Batch]:
    """Yield a text that is one document in batches that end where the pretokenizer allows a cut."""
    parts: list[NDArray[np.uint8]] = []  # text that was read but is in no batch yet
    done = 0
    for chunk, is_last in read_chunks(batch_bytes, MARGIN):
        start = MARGIN
        if len(parts) == 1 and len(parts[0]) <= MARGIN:  # a short rest of the previous chunk fits the margin
            rest = parts.pop()
            start -= len(rest)
            chunk[start:MARGIN] = rest
        cut = 0 if pretokenizer is None or is_last else pretokenizer.find_cut(chunk[start:])
        if cut == 0:
            parts.append(chunk[start:])
            continue
        text = chunk[start : start + cut]
        if parts:
            text = np.concatenate([*parts, text])
        yield Batch(Ragged(text, np.array([0, len(text)], np.int64)), first, continues=True, start=done)
        done += len(text)
        parts = [chunk[start + cut :]]
    text = np.concatenate(parts) if parts else np.empty(0, np.uint8)  # a copy, which is as small as the text
    yield Batch(Ragged(text, np.array([0, len(text)], np.int64)), first, start=done)


def document_batches(
    documents: Ragged, first: int, pretokenizer: Pretokenizer | Pipeline | None, batch_bytes: int
) -> Iterator[Batch]:
    """Yield documents in one batch, but those that are longer than two batches in parts."""
    begin = 0
    if pretokenizer is not None:
        for row in np.flatnonzero(documents.lengths > 2 * batch_bytes).tolist():
            if begin < row:
                yield Batch(documents[begin:row], first + begin)
            yield from split_document(documents[row], first + row, pretokenizer, batch_bytes)
            begin = row + 1
    if begin < len(documents):
        yield Batch(documents[begin:], first + begin)


def split_document(
    text: NDArray[np.uint8], document: int, pretokenizer: Pretokenizer | Pipeline, size: int
) -> Iterator[Batch]:
    """Yield a document in parts of about `size` bytes that end where the pretokenizer allows a cut."""
    start, n, done = 0, size, 0  # there is no cut before the position `done`
    while start + n < len(text):
        cut = pretokenizer.find_cut(text[done : start + n])
        if cut:
            part = Ragged(text[start : done + cut], np.array([0, done + cut - start], np.int64))
            yield Batch(part, document, continues=True, start=start)
            start = done = done + cut
            n = size
        else:
            done = max(start, start + n - OVERLAP)
            n *= 2
    yield Batch(Ragged(text[start:], np.array([0, len(text) - start], np.int64)), document, start=start)
