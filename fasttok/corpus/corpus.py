"""`Corpus`: documents streamed in batches, never all in memory at once."""

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

BATCH_BYTES = 1 << 22  # default size of a batch
MARGIN = 1 << 12  # bytes kept free before a chunk, for the end of the previous chunk that is in no batch yet
ROW_BYTES = 64  # overhead per document, so that many short documents fill a batch too
Texts = Iterable[str | bytes] | Callable[[], Iterable[str | bytes]]
# The path of a plain file that is one document, or an iterator over blocks of documents.
Source = str | Iterator[Ragged]


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
        Offset of the first row in its document, in bytes.
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
        begins, ends = np.ones((2, len(self.documents)), np.bool_)
        begins[:1] = self.start == 0
        ends[-1:] = not self.continues
        return Rows.of(self.documents, begins, ends, aligned)

    @contextmanager
    def locating_errors(self) -> Iterator[None]:
        """Convert positions in errors from (row, byte in the row) to (document, byte in the document)."""
        try:
            yield
        except (PatternError, SpecialTokenError, UnknownCharacterError) as error:
            document = error.document or 0
            before = 0 if document else self.start
            raise error.at(self.first + document, before + error.position) from None


class Corpus:
    """Collection of documents that is streamed and can be read repeatedly.

    Use `from_files`, `from_texts` or `from_table` to make a corpus. Memory does not depend on the size of the
    corpus, only on its longest document. Parquet files are read 256 rows at a time. A plain text file that is
    one document need not fit in memory either: most named pretokenizers, and most sequences of them, allow
    fasttok to read it in parts. The file is read whole with "none", "script", a regular expression or a
    custom pretokenizer, and with `Replace`, `Prepend` or a custom normalizer.

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
        self._sources = sources  # function of the size of the chunks in which files are read
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
            Files, globs (``books/**/*.txt``) and folders. ``.jsonl`` and ``.ndjson`` files contain one record
            per line. ``.parquet`` files contain one record per row and require pyarrow. All other files are
            plain text. ``.gz``, ``.xz`` and ``.zst`` files are decompressed.
        document : {"whole", "line", "paragraph"}
            Unit of text that is one document: a whole file or record, a line, or a paragraph (text between
            blank lines). Empty lines are documents too, so that aligned files remain aligned. Line ends that
            separate documents are discarded.
        separator : str or bytes, optional
            String that separates documents, given instead of `document`. Separators are discarded.
        field : str
            Field of the ``.jsonl`` records, or column of the ``.parquet`` files, that contains the text. The
            type of the column must be string, binary, or a dictionary of strings or binary.
        errors : {"strict", "replace", "surrogatepass"}
            Treatment of a lone surrogate in a ``.jsonl`` string: raise an error, replace it by U+FFFD, or
            keep its three bytes.

        Returns
        -------
        Corpus

        Raises
        ------
        FileNotFoundError
            Immediately, if a path does not exist, or a glob or folder has no matching file.
        ValueError
            Immediately, if there are no paths, `document` is unknown, `separator` is empty, or both
            `document` and `separator` are given.
        CorpusError
            While reading, if a file is damaged, a line is not JSON, or a record has no text in `field`.
        ImportError
            While reading a ``.parquet`` file, if pyarrow is not installed.

        Examples
        --------
        >>> import fasttok as ft
        >>> corpus = ft.Corpus.from_files(ft.parallel_sample()["eng"], document="line")
        >>> next(iter(corpus))
        b'Good morning!'
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
        """Read documents from an iterable of ``str`` or ``bytes``.

        Parameters
        ----------
        texts : iterable, or callable that returns an iterable
            Texts. A generator can be read only once; a list, or a function that returns a new generator, can
            be read repeatedly.
        document, separator, errors
            As in `from_files`.

        Returns
        -------
        Corpus

        Raises
        ------
        CorpusError
            While reading, if a generator is read a second time.
        TextError
            While reading, if a ``str`` contains a lone surrogate and `errors` is "strict".

        Examples
        --------
        >>> import fasttok as ft
        >>> list(ft.Corpus.from_texts(["one\\ntwo", "three"], document="line"))
        [b'one', b'two', b'three']
        """
        if isinstance(texts, (str, bytes)):
            raise TypeError("texts must be an iterable of texts, not one text; pass [text] for a single text")
        if not callable(texts) and not isinstance(texts, Iterable):
            raise TypeError(f"texts must be an iterable of texts, not {type(texts).__name__}")
        rule = resolve_rule(document, separator)
        again = "a list, or a function that returns a new iterator"
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
        """Read documents from a text column of a table.

        Each row is one document, unless `document` or `separator` divides its text further.

        Parameters
        ----------
        table : table, data frame, dataset or column
            One of:

            - an object with the Arrow stream protocol, such as a table or record batch reader of pyarrow, or
              a data frame of polars. It is read with pyarrow, 256 rows at a time;
            - a data frame with ``columns``, such as a pandas data frame, or a mapping of columns;
            - an iterable of records, such as a Hugging Face ``Dataset`` or ``IterableDataset``, or a list of
              dicts;
            - an iterable of texts, such as a ``Series``.
        column : str
            Name of the column; ignored for an iterable of texts.
        document, separator, errors
            As in `from_files`.

        Returns
        -------
        Corpus

        Raises
        ------
        CorpusError
            While reading, if the column does not exist, or a row is null or not text; the message gives the
            row. Also while reading, if an iterator, such as a record batch reader, is read a second time.
        TextError
            While reading, if a ``str`` contains a lone surrogate and `errors` is "strict".
        ImportError
            While reading an Arrow table, if pyarrow is not installed.

        Examples
        --------
        >>> import fasttok as ft
        >>> records = [{"id": 1, "text": "one fish"}, {"id": 2, "text": "two fish"}]
        >>> list(ft.Corpus.from_table(records))
        [b'one fish', b'two fish']
        """
        if isinstance(table, (str, bytes)):
            raise TypeError(f"table must have rows and a text column, not be a {type(table).__name__}")
        rule = resolve_rule(document, separator)
        read = _reader(table, "Corpus.from_table is used up; pass a table that can be read again")

        def sources(chunk_bytes: int) -> Iterator[Source]:
            yield _gather(_encoded(read_table(read(), column), errors), rule, chunk_bytes)

        return cls(sources, rule.name, "table")

    def sample(self, fraction: float | Fraction, *, seed: int) -> Corpus:
        """Return a corpus of randomly chosen documents.

        Whether a document is kept depends only on the seed and the index of the document. So the sample is
        the same each time it is read, and with the same seed a smaller sample is a subset of a larger one.
        The documents of the sample are renumbered from 0. A plain text file that is one document is opened
        only if it is kept.

        Parameters
        ----------
        fraction : float or Fraction
            Probability of keeping a document, from 0 to 1.
        seed : int
            Seed of the sample, from 0 to 2^64 - 1.

        Returns
        -------
        Corpus

        Raises
        ------
        ValueError
            If `fraction` or `seed` is out of range.

        Notes
        -----
        Document i is kept if ``hash(i) < fraction * 2**64``. The hash is BLAKE2b with a digest of 8 bytes.
        Its key is the seed and its input is i, both as 8 bytes. Seed, i and digest are little-endian.

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
            hashed = hashlib.blake2b(index.to_bytes(8, "little"), digest_size=8, key=key)
            return int.from_bytes(hashed.digest(), "little") < limit

        def sources(chunk_bytes: int) -> Iterator[Source]:
            indices = count()
            for source in self._sources(chunk_bytes):
                if not isinstance(source, str):
                    yield (_select(block, is_kept, indices) for block in source)
                elif is_kept(next(indices)):
                    yield source

        return Corpus(sources, self._document_rule, f"{self._description}, a sample")

    @property
    def document_rule(self) -> str:
        """Rule that splits text into documents: "whole", "line", "paragraph" or "separator SEPARATOR"."""
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
        pretokenizer : Pretokenizer or Pipeline, optional
            Pretokenizer, or pipeline of normalizer and pretokenizer, that will process the batches. A file
            that is one document and longer than a batch is then split at positions that are always boundaries
            of pretokens. Without a pretokenizer, or if there is no such position, the document is one row.
        batch_bytes : int
            Target size of a batch, in bytes. Results computed from the batches must not depend on this size.

        Yields
        ------
        Batch
            Consecutive documents, or a part of one.

        Raises
        ------
        ValueError
            If `batch_bytes` is below 1.
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
        """Return the total size of the files in bytes, without compressed files; 0 if there are no files."""
        return sum(os.path.getsize(path) for path in self._files if not is_compressed(path))

    def fingerprint(self) -> str:
        """Read the whole corpus; return a SHA-256 hash of documents and their boundaries, in hexadecimal.

        The fingerprint does not depend on paths, or on how documents are distributed over files.

        Examples
        --------
        >>> import fasttok as ft
        >>> a, b = ft.Corpus.from_texts(["a b"]), ft.Corpus.from_texts(["a", "b"])
        >>> c = ft.Corpus.from_texts(["a\\nb"], document="line")
        >>> a.fingerprint() == b.fingerprint(), b.fingerprint() == c.fingerprint()
        (False, True)
        """
        digest = hashlib.sha256()
        for document in self:
            digest.update(hashlib.sha256(document).digest())
        return digest.hexdigest()


def _reader(items: Any, error: str) -> Callable[[], Any]:
    """Return a function that returns `items`; called again, it raises an error if `items` is an iterator."""
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
    """Yield blocks of the documents in some texts; no document continues in the next text."""
    return _blocks((document for text in texts for document in rule.split([text])), block_bytes)


def _blocks(documents: Iterable[bytes], block_bytes: int) -> Iterator[Ragged]:
    """Yield the documents in blocks of about `block_bytes`."""
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


def _select(documents: Ragged, is_kept: Callable[[int], bool], indices: Iterator[int]) -> Ragged:
    """Return the documents whose index is kept; `indices` yields the index of each document in turn."""
    return documents.take(
        np.array([row for row in range(len(documents)) if is_kept(next(indices))], np.int64)
    )


def _file_batches(
    path: str, first: int, pretokenizer: Pretokenizer | Pipeline | None, batch_bytes: int
) -> Iterator[Batch]:
    """Yield a plain file, which is one document, in batches that end where the pretokenizer allows a cut."""
    parts: list[np.ndarray[Any, np.dtype[np.uint8]]] = []  # text that was read but is in no batch yet
    done = 0
    for chunk in read_chunks(path, batch_bytes, MARGIN):
        start = MARGIN
        if len(parts) == 1 and len(parts[0]) <= MARGIN:  # a short rest of the previous chunk fits the margin
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
