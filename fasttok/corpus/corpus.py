"""`Corpus`: text on its way in, streamed in batches of documents, never whole in memory."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from typing import Any, Literal

import numpy as np

from fasttok.core.errors import (
    CorpusError,
    PatternError,
    SpecialTokenError,
    TextError,
    UnknownCharacterError,
)
from fasttok.core.ragged import Ragged
from fasttok.corpus.documents import DocumentRule, resolve_rule, split_lines
from fasttok.corpus.readers import PathLike, find_files, is_compressed, read_chunks, read_records, suffix_of
from fasttok.corpus.tables import read_parquet, read_table
from fasttok.text.pipeline import Pipeline
from fasttok.text.rows import Rows
from fasttok.text.steps import Pretokenizer
from fasttok.text.unicode.utf8 import Errors, encode_utf8

BATCH_BYTES = 1 << 22
MARGIN = 1 << 12  # room in front of a chunk for what was left of the one before
ROW_BYTES = 64  # what a document costs besides its text: many short ones fill a batch too
Texts = Iterable[str | bytes] | Callable[[], Iterable[str | bytes]]
# Where documents come from: the path of a plain file that is one document, or documents, some at a time.
Source = str | Iterator[Ragged]


@dataclass(frozen=True)
class Batch:
    """Some consecutive documents of a corpus.

    Attributes
    ----------
    documents : Ragged of uint8
        UTF-8 text, a row per document.
    first : int
        The index in the corpus of the document in the first row.
    continues : bool
        Whether the last row goes on as the first row of the next batch.
    start : int
        Where in its document the first row begins, in bytes.
    """

    documents: Ragged
    first: int
    continues: bool = False
    start: int = 0

    @property
    def is_part(self) -> bool:
        """Whether its rows are not whole documents."""
        return self.continues or self.start > 0

    def rows(self, aligned: bool = False) -> Rows:
        """Return the text as `Pipeline.prepare` takes it."""
        begins, ends = np.ones((2, len(self.documents)), np.bool_)
        begins[:1] = self.start == 0
        ends[-1:] = not self.continues
        return Rows.of(self.documents, begins, ends, aligned)

    @contextmanager
    def placing_errors(self) -> Iterator[None]:
        """Let errors that name a row and a byte in it name the document of the corpus and the byte there."""
        try:
            yield
        except (PatternError, SpecialTokenError, UnknownCharacterError) as error:
            document = error.document or 0
            before = 0 if document else self.start
            raise error.at(self.first + document, before + error.position) from None


class Corpus:
    """A collection of documents that can be read again and again.

    Made by `from_files`, `from_texts` or `from_table`. Reading is streamed: memory does not grow with the
    corpus, only with its longest document (of a Parquet file, a few hundred documents); and not even with
    that for plain text files that are a document each, where the pretokenizer is a named one other than
    "none", or a sequence of such.

    Examples
    --------
    >>> import fasttok as ft
    >>> corpus = ft.Corpus.from_texts(["one fish", "two fish"])
    >>> list(corpus)
    [b'one fish', b'two fish']
    """

    def __init__(
        self,
        sources: Callable[[int], Iterator[Source]],
        document_rule: str,
        description: str,
        files: Sequence[str] = (),
    ) -> None:
        self._sources = sources  # called with the size of the chunks to read files in
        self._document_rule = document_rule
        self._description = description
        self._files = files

    @classmethod
    def from_files(
        cls,
        paths: PathLike | Iterable[PathLike],
        *,
        document: Literal["whole", "line", "paragraph"] = "whole",
        separator: str | bytes | None = None,
        field: str = "text",
        errors: Errors = "strict",
    ) -> Corpus:
        """Read documents from files.

        Parameters
        ----------
        paths : path or iterable of paths
            Files, globs (``books/**/*.txt``) and folders. ``.jsonl`` files hold a record a line,
            ``.parquet`` files a record a row (pyarrow reads them: ``pip install fasttok[parquet]``); every
            other file is plain text. ``.gz``, ``.xz`` and ``.zst`` are decompressed.
        document : {"whole", "line", "paragraph"}
            What a document is: a whole text file or record, a line (empty ones too, so that aligned files
            stay aligned), or a paragraph (text between blank lines). Line ends between documents belong to
            none.
        separator : str or bytes, optional
            A text that separates documents instead; it belongs to none of them.
        field : str
            The field of a ``.jsonl`` record, or the column of a ``.parquet`` file, that holds the text.
            The column may be of strings, binary, or a dictionary of these.
        errors : {"strict", "replace", "surrogatepass"}
            What to do with a lone surrogate in a ``.jsonl`` string.

        Raises
        ------
        FileNotFoundError
            At once, if a path does not exist or a glob or folder holds no file.
        CorpusError
            While reading, if a file is damaged, a line is not JSON, or a record lacks the field or has no
            text there.
        ImportError
            While reading, if there is a ``.parquet`` file and no pyarrow.
        """
        files = find_files(paths)
        rule = resolve_rule(document, separator)

        def sources(chunk_bytes: int) -> Iterator[Source]:
            for path in files:
                if suffix_of(path) == ".jsonl":
                    yield _gather(_record_texts(path, field, errors), rule, chunk_bytes)
                elif suffix_of(path) == ".parquet":
                    yield _gather(read_parquet(path, field), rule, chunk_bytes)
                elif rule.expression is None:
                    yield path
                elif rule.name == "line":
                    yield split_lines(read_chunks(path, chunk_bytes))
                else:
                    chunks = (chunk.tobytes() for chunk in read_chunks(path, chunk_bytes))
                    yield _blocks(rule.split(chunks), chunk_bytes)

        return cls(sources, rule.name, f"{len(files):,} files", files)

    @classmethod
    def from_texts(
        cls,
        texts: Texts,
        *,
        document: Literal["whole", "line", "paragraph"] = "whole",
        separator: str | bytes | None = None,
        errors: Errors = "strict",
    ) -> Corpus:
        """Take documents from an iterable of ``str`` or ``bytes``.

        Parameters
        ----------
        texts : iterable, or callable that returns one
            The texts. A generator can be read once only; a list, or a function that returns a fresh
            generator, can be read again.
        document, separator, errors
            As in `from_files`.

        Raises
        ------
        CorpusError
            While reading, if a generator is read a second time.
        TextError
            While reading, at a lone surrogate when `errors` is "strict".
        """
        if isinstance(texts, (str, bytes)):
            raise TypeError("texts must be an iterable of texts, not one text; for one, pass [text]")
        if not callable(texts) and not isinstance(texts, Iterable):
            raise TypeError(f"texts must be an iterable of texts, not {type(texts).__name__}")
        rule = resolve_rule(document, separator)
        again = "a list, or a function that returns a fresh iterator"
        read = texts if callable(texts) else _reader(texts, f"Corpus.from_texts is used up; pass {again}")

        def sources(chunk_bytes: int) -> Iterator[Source]:
            yield _gather(_encoded(read(), errors), rule, chunk_bytes)

        return cls(sources, rule.name, "texts")

    @classmethod
    def from_table(
        cls,
        table: Any,
        column: str = "text",
        *,
        document: Literal["whole", "line", "paragraph"] = "whole",
        separator: str | bytes | None = None,
        errors: Errors = "strict",
    ) -> Corpus:
        """Take documents from a column of text in a table, a row per document.

        Named for what data frames, datasets and Arrow streams all are: rows with named columns.

        Parameters
        ----------
        table : table, data frame, dataset or column
            What speaks the Arrow stream protocol (tables and record batch readers of pyarrow, frames of
            polars; read with pyarrow, a few hundred rows at a time), data frames (pandas and others with
            ``columns``) and mappings of columns, or any iterable of records (a Hugging Face ``Dataset`` or
            ``IterableDataset``, a list of dicts) or of texts (a ``Series``).
        column : str
            The name of the column. Of an iterable of texts it is not asked.
        document, separator, errors
            As in `from_files`.

        Raises
        ------
        CorpusError
            While reading, if there is no such column, or a row holds a null or what is no text; the error
            names the row. Also if an iterator, such as a record batch reader, is read a second time.
        TextError
            While reading, at a lone surrogate when `errors` is "strict".
        ImportError
            While reading, if the table is Arrow's and there is no pyarrow.

        Examples
        --------
        >>> import fasttok as ft
        >>> records = [{"id": 1, "text": "one fish"}, {"id": 2, "text": "two fish"}]
        >>> list(ft.Corpus.from_table(records))
        [b'one fish', b'two fish']
        """
        if isinstance(table, (str, bytes)):
            raise TypeError(f"table must be rows with a column of text, not {type(table).__name__}")
        rule = resolve_rule(document, separator)
        read = _reader(table, "Corpus.from_table is used up; pass a table that can be read again")

        def sources(chunk_bytes: int) -> Iterator[Source]:
            yield _gather(_encoded(read_table(read(), column), errors), rule, chunk_bytes)

        return cls(sources, rule.name, "table")

    def sample(self, fraction: float | Fraction, *, seed: int) -> Corpus:
        """The corpus of some of the documents, each kept or not by chance.

        Whether a document is kept depends on the seed and on its index alone, so a sample is the same in
        every reading, and a smaller fraction with the same seed gives a part of it. The documents of the
        sample are numbered anew from 0. A plain file that is not kept is not opened.

        Parameters
        ----------
        fraction : float or Fraction
            The chance of each document, from 0 to 1.
        seed : int
            Which sample, from 0 to 2^64 - 1.

        Notes
        -----
        Document i is kept where the keyed BLAKE2b hash of i, both numbers and the hash 64 bits and little
        endian, is below ``fraction * 2**64``.

        Examples
        --------
        >>> import fasttok as ft
        >>> corpus = ft.Corpus.from_texts(["a", "b", "c", "d", "e", "f"])
        >>> list(corpus.sample(0.5, seed=1))
        [b'c', b'd', b'e']
        """
        if not 0 <= fraction <= 1:
            raise ValueError(f"fraction must be from 0 to 1, not {fraction}")
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 1 << 64:
            raise ValueError(f"seed must be an integer from 0 to 2^64 - 1, not {seed!r}")
        limit = math.ceil(Fraction(fraction) * (1 << 64))
        key = seed.to_bytes(8, "little")

        def is_kept(index: int) -> bool:
            drawn = hashlib.blake2b(index.to_bytes(8, "little"), digest_size=8, key=key)
            return int.from_bytes(drawn.digest(), "little") < limit

        def sources(chunk_bytes: int) -> Iterator[Source]:
            indices = count()
            for source in self._sources(chunk_bytes):
                if not isinstance(source, str):
                    yield (_taken(block, is_kept, indices) for block in source)
                elif is_kept(next(indices)):
                    yield source

        return Corpus(sources, self._document_rule, f"{self._description}, a sample")

    @property
    def document_rule(self) -> str:
        """What a document is: "whole" (a file, record or text), "line", "paragraph" or the separator."""
        return self._document_rule

    def __repr__(self) -> str:
        return f"Corpus({self._description}, document_rule={self.document_rule!r})"

    def __iter__(self) -> Iterator[bytes]:
        """Yield every document as UTF-8 bytes."""
        for batch in self.batches():
            yield from batch.documents.to_bytes()

    def batches(
        self, pretokenizer: Pretokenizer | Pipeline | None = None, batch_bytes: int = BATCH_BYTES
    ) -> Iterator[Batch]:
        """Yield the documents in batches of about `batch_bytes` of text.

        Parameters
        ----------
        pretokenizer : Pretokenizer, optional
            Allows a document longer than a batch to be cut where this pretokenizer always cuts. Without
            it, or where it finds no such place, a document stays whole. With a normalizer before it, this
            is a `fasttok.text.pipeline.Pipeline`.
        batch_bytes : int
            The size to aim for. What follows from the batches must not depend on it.
        """
        if batch_bytes < 1:
            raise ValueError(f"batch_bytes must be at least 1, not {batch_bytes}")
        first = 0
        for source in self._sources(batch_bytes):
            if isinstance(source, str):
                yield from _file_batches(source, first, pretokenizer, batch_bytes)
                first += 1
                continue
            for documents in source:
                if len(documents):
                    yield Batch(documents, first)
                    first += len(documents)

    def most_bytes(self) -> int:
        """The most bytes of text there can be in the files that are not compressed; 0 if that is unknown."""
        return sum(os.path.getsize(path) for path in self._files if not is_compressed(path))

    def fingerprint(self) -> str:
        """A SHA-256 over the documents and where they end; paths and files do not enter. Reads it all.

        Examples
        --------
        >>> import fasttok as ft
        >>> a, b = ft.Corpus.from_texts(["a b"]), ft.Corpus.from_texts(["a", "b"])
        >>> a.fingerprint() == b.fingerprint()
        False
        """
        digest = hashlib.sha256()
        for document in self:
            digest.update(hashlib.sha256(document).digest())
        return digest.hexdigest()


def _reader(items: Any, error: str) -> Callable[[], Any]:
    """A function that gives what is iterated over; an iterator only once."""
    is_used_up = False

    def read() -> Any:
        nonlocal is_used_up
        if is_used_up:
            raise CorpusError(f"the iterator given to {error}")
        is_used_up = isinstance(items, Iterator)
        return items

    return read


def _encoded(texts: Iterable[str | bytes], errors: Errors) -> Iterator[bytes]:
    return (encode_utf8(text, errors, i) for i, text in enumerate(texts))


def _gather(texts: Iterable[bytes], rule: DocumentRule, block_bytes: int) -> Iterator[Ragged]:
    """The documents in whole texts, none of which goes on in the next."""
    return _blocks((document for text in texts for document in rule.split([text])), block_bytes)


def _blocks(documents: Iterable[bytes], block_bytes: int) -> Iterator[Ragged]:
    """Documents, so many at a time that they have about `block_bytes`."""
    rows: list[bytes] = []
    gathered = 0
    for document in documents:
        rows.append(document)
        gathered += len(document) + ROW_BYTES
        if gathered >= block_bytes:
            yield Ragged.from_bytes(rows)
            rows, gathered = [], 0
    if rows:
        yield Ragged.from_bytes(rows)


def _taken(documents: Ragged, is_kept: Callable[[int], bool], indices: Iterator[int]) -> Ragged:
    """The documents whose index is kept; `indices` has that of the next one."""
    return documents.take(
        np.array([row for row in range(len(documents)) if is_kept(next(indices))], np.int64)
    )


def _file_batches(
    path: str, first: int, pretokenizer: Pretokenizer | Pipeline | None, batch_bytes: int
) -> Iterator[Batch]:
    """A plain file as one document, in batches cut where the pretokenizer allows."""
    parts: list[np.ndarray[Any, np.dtype[np.uint8]]] = []  # read, and not yet part of a batch
    done = 0
    for chunk in read_chunks(path, batch_bytes, MARGIN):
        start = MARGIN
        if len(parts) == 1 and len(parts[0]) <= MARGIN:  # the rest of the chunk before, which is short
            rest = parts.pop()
            start -= len(rest)
            chunk[start:MARGIN] = rest
        cut = pretokenizer.find_cut(chunk[start:]) if pretokenizer else 0
        if cut == 0:
            parts.append(chunk[start:])
            continue
        text = chunk[start : start + cut]
        if parts:
            text = np.concatenate([*parts, text])
        yield Batch(Ragged(text, np.array([0, len(text)], np.int64)), first, continues=True, start=done)
        done += len(text)
        parts = [chunk[start + cut :]]
    text = np.concatenate(parts) if parts else np.empty(0, np.uint8)
    yield Batch(Ragged(text, np.array([0, len(text)], np.int64)), first, start=done)


def _record_texts(path: str, field: str, errors: Errors) -> Iterator[bytes]:
    for line, text in read_records(path, field):
        try:
            yield encode_utf8(text, errors)
        except TextError as error:
            raise CorpusError(f"field {field!r}: {error}", path, line) from None
