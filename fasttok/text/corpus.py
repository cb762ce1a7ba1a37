"""`Corpus`: text on its way in, streamed in batches of documents, never whole in memory."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from fasttok.errors import CorpusError, TextError
from fasttok.ragged import Ragged
from fasttok.text.pretokenizers import Pretokenizer
from fasttok.text.readers import (
    PathLike,
    find_files,
    is_compressed,
    read_chunks,
    read_records,
    split_stream,
    suffix_of,
)
from fasttok.text.utf8 import Errors, encode_utf8

BATCH_BYTES = 1 << 22
ROW_BYTES = 64  # what a document costs besides its text: many short ones fill a batch too
Texts = Iterable[str | bytes] | Callable[[], Iterable[str | bytes]]


@dataclass(frozen=True)
class Batch:
    """Some consecutive documents of a corpus.

    Attributes
    ----------
    documents : Ragged of uint8
        UTF-8 text, a row a document.
    first : int
        The index in the corpus of the document in the first row.
    continues : bool
        Whether the last row goes on as the first row of the next batch.
    """

    documents: Ragged
    first: int
    continues: bool = False


@dataclass(frozen=True)
class _Separator:
    """Where one document ends and the next begins inside a text."""

    rule: str
    expression: re.Pattern[bytes]
    keeps_empty: bool


class Corpus:
    """A collection of documents that can be read again and again.

    Made by `from_files` or `from_texts`. Reading is streamed: memory does not grow with the corpus, only
    with its longest document; and not even with that for plain text files that are a document each, where
    the pretokenizer is a named one other than "none", or a sequence of such.

    Examples
    --------
    >>> import fasttok as ft
    >>> corpus = ft.Corpus.from_texts(["one fish", "two fish"])
    >>> list(corpus)
    [b'one fish', b'two fish']
    """

    def __init__(
        self,
        sources: Callable[[], Iterator[_Source]],
        document: str,
        separator: str | bytes | None,
        description: str,
        files: Sequence[str] = (),
    ) -> None:
        self._files = files
        self._sources = sources
        self._separator = _resolve_separator(document, separator)
        self._description = description

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
            Files, globs (``books/**/*.txt``) and folders. ``.jsonl`` files hold a record a line; every
            other file is plain text. ``.gz``, ``.xz`` and ``.zst`` are decompressed.
        document : {"whole", "line", "paragraph"}
            What a document is: a whole text file or ``.jsonl`` record, a line (empty ones too, so that
            aligned files stay aligned), or a paragraph (text between blank lines). Line ends between
            documents belong to none.
        separator : str or bytes, optional
            A text that separates documents instead; it belongs to none of them.
        field : str
            The field of a ``.jsonl`` record that holds the text.
        errors : {"strict", "replace", "surrogatepass"}
            What to do with a lone surrogate in a ``.jsonl`` string.

        Raises
        ------
        FileNotFoundError
            At once, if a path does not exist or a glob or folder holds no file.
        CorpusError
            While reading, if a file is damaged, or a line is not JSON or lacks the field.
        """
        files = find_files(paths)

        def sources() -> Iterator[_Source]:
            for path in files:
                if suffix_of(path) == ".jsonl":
                    yield _Source(texts=_record_texts(path, field, errors))
                else:
                    yield _Source(path=path)

        return cls(sources, document, separator, f"{len(files):,} files", files)

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
        is_once = not callable(texts) and iter(texts) is texts
        used_up = False

        def sources() -> Iterator[_Source]:
            nonlocal used_up
            if used_up:
                raise CorpusError(
                    "the iterator given to Corpus.from_texts is used up; pass a list, or a function that "
                    "returns a fresh iterator"
                )
            used_up = is_once
            items = texts() if callable(texts) else texts
            yield _Source(texts=(encode_utf8(text, errors, i) for i, text in enumerate(items)))

        return cls(sources, document, separator, "texts")

    @property
    def document_rule(self) -> str:
        """What a document is: "whole" (a file, record or text), "line", "paragraph" or the separator."""
        return self._separator.rule if self._separator else "whole"

    def __repr__(self) -> str:
        return f"Corpus({self._description}, document_rule={self.document_rule!r})"

    def __iter__(self) -> Iterator[bytes]:
        """Yield every document as UTF-8 bytes."""
        for batch in self.batches():
            yield from batch.documents.to_bytes()

    def batches(
        self, pretokenizer: Pretokenizer | None = None, batch_bytes: int = BATCH_BYTES
    ) -> Iterator[Batch]:
        """Yield the documents in batches of about `batch_bytes` of text.

        Parameters
        ----------
        pretokenizer : Pretokenizer, optional
            Allows a document longer than a batch to be cut where this pretokenizer always cuts. Without
            it, or where it finds no such place, a document stays whole.
        batch_bytes : int
            The size to aim for. What follows from the batches must not depend on it.
        """
        if batch_bytes < 1:
            raise ValueError(f"batch_bytes must be at least 1, not {batch_bytes}")
        first = 0
        rows: list[bytes] = []
        gathered = 0
        for source in self._sources():
            if self._separator is None and source.path is not None:
                if rows:
                    yield Batch(Ragged.from_bytes(rows), first)
                    first += len(rows)
                    rows, gathered = [], 0
                yield from _file_batches(source.path, first, pretokenizer, batch_bytes)
                first += 1
                continue
            for text in source.whole_texts(self._separator, batch_bytes):
                rows.append(text)
                gathered += len(text) + ROW_BYTES
                if gathered >= batch_bytes:
                    yield Batch(Ragged.from_bytes(rows), first)
                    first += len(rows)
                    rows, gathered = [], 0
        if rows:
            yield Batch(Ragged.from_bytes(rows), first)

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


@dataclass(frozen=True)
class _Source:
    """One place that text comes from: a plain file, or an iterator of texts in UTF-8."""

    path: str | None = None
    texts: Iterator[bytes] = field(default_factory=lambda: iter(()))

    def whole_texts(self, separator: _Separator | None, chunk_bytes: int) -> Iterator[bytes]:
        """The documents, each whole."""
        if separator is None:
            yield from self.texts
        elif self.path is not None:
            chunks = (chunk.tobytes() for chunk in read_chunks(self.path, chunk_bytes))
            yield from split_stream(chunks, separator.expression, keep_empty=separator.keeps_empty)
        else:
            for text in self.texts:
                yield from split_stream([text], separator.expression, keep_empty=separator.keeps_empty)


def _file_batches(
    path: str, first: int, pretokenizer: Pretokenizer | None, batch_bytes: int
) -> Iterator[Batch]:
    """A plain file as one document, in batches cut where the pretokenizer allows."""
    parts: list[np.ndarray[Any, np.dtype[np.uint8]]] = []  # read, and not yet part of a batch
    for chunk in read_chunks(path, batch_bytes):
        cut = pretokenizer.find_cut(chunk) if pretokenizer else 0
        if cut == 0:
            parts.append(chunk)
            continue
        text = np.concatenate([*parts, chunk[:cut]]) if parts else chunk[:cut]
        yield Batch(Ragged(text, np.array([0, len(text)], np.int64)), first, continues=True)
        parts = [chunk[cut:]]
    text = np.concatenate(parts) if parts else np.empty(0, np.uint8)
    yield Batch(Ragged(text, np.array([0, len(text)], np.int64)), first)


def _record_texts(path: str, field: str, errors: Errors) -> Iterator[bytes]:
    for line, text in read_records(path, field):
        try:
            yield encode_utf8(text, errors)
        except TextError as error:
            raise CorpusError(f"field {field!r}: {error}", path, line) from None


def _resolve_separator(document: str, separator: str | bytes | None) -> _Separator | None:
    if separator is not None:
        if document != "whole":
            raise ValueError("give document or separator, not both")
        data = separator.encode() if isinstance(separator, str) else bytes(separator)
        if not data:
            raise ValueError("separator must not be empty")
        rule = "separator " + data.decode(errors="surrogateescape")
        return _Separator(rule, re.compile(re.escape(data)), keeps_empty=True)
    if document == "whole":
        return None
    if document == "line":
        return _Separator("line", re.compile(rb"\r?\n"), keeps_empty=True)
    if document == "paragraph":
        return _Separator("paragraph", re.compile(rb"\r?\n(?:[ \t]*\r?\n)+|\r?\n\Z"), keeps_empty=False)
    raise ValueError(f'document must be "whole", "line" or "paragraph", not {document!r}')
