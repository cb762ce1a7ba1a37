"""`Corpus`: documents streamed in batches, never all in memory at once."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from itertools import count
from typing import Any, Literal

import numpy as np

from fasttok.core.checks import (
    checked_batch,
    checked_fraction,
    checked_instance,
    checked_maker,
    checked_seed,
    checked_size,
)
from fasttok.core.errors import CorpusError, TextError
from fasttok.core.ragged import Ragged
from fasttok.corpus.batches import BATCH_BYTES, Batch, document_batches, text_batches
from fasttok.corpus.documents import resolve_rule
from fasttok.corpus.fields import Field, Nulls, checked_nulls, keep_texts
from fasttok.corpus.files import PathLike, find_files
from fasttok.corpus.fingerprint import TextHash
from fasttok.corpus.formats import Format, Options
from fasttok.corpus.sources import Files, Origin, Source, gather_documents
from fasttok.corpus.tables import check_table, table_rows
from fasttok.text.pipeline import Pipeline
from fasttok.text.steps import Pretokenizer
from fasttok.text.unicode.utf8 import Errors, checked_errors, encode_utf8

SLICE = 64  # texts of a list that are encoded together
SLICE_CHARACTERS = 1 << 16  # longer texts are encoded one by one, because they take memory twice
MOST_BATCH_BYTES = 1 << 32  # larger sizes are reduced to this one; a batch is kept in memory
Texts = Iterable[str | bytes] | Callable[[], Iterable[str | bytes]]


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
        self, sources: Callable[[int], Iterator[Source]], document_rule: str, origin: Origin
    ) -> None:
        self._sources = sources  # function of the size of the chunks in which files are read
        self._document_rule = document_rule
        self._origin = origin

    @classmethod
    def from_files(
        cls,
        paths: PathLike | Iterable[PathLike],
        *,
        format: Format = "auto",
        document: Literal["whole", "line", "paragraph"] = "whole",
        separator: str | bytes | None = None,
        field: str | None = None,
        encoding: str | None = None,
        nulls: Nulls = "raise",
        errors: Errors = "strict",
    ) -> Corpus:
        """Read documents from files.

        Parameters
        ----------
        paths : path or iterable of paths
            Files, globs (``books/**/*.txt``) and folders. A folder gives the files in it and its subfolders
            that have the suffix of a text or record format; hidden files and backups are skipped. `files` and
            `skipped` of the corpus say what is read. Files compressed with gzip, xz, bzip2, Zstandard or LZ4
            (with pyarrow) are decompressed, whatever their names.
        format : {"auto", "text", "jsonl", "json", "csv", "tsv", "parquet", "arrow"}
            Format of the files:

            - "text": plain text. Binary content is allowed;
            - "jsonl": one JSON object per line;
            - "json": an array of objects, or one or more objects one after another;
            - "csv", "tsv": a table whose first line names the columns. An empty field without quotes is null;
            - "parquet", "arrow": a Parquet file, or an Arrow (Feather) file or stream; they need pyarrow;
            - "auto": the suffix decides, as in ``web.jsonl.gz``; other suffixes are plain text. Standard
              input (``/dev/stdin``) and other pipes are read as JSON if they begin with a JSON object, and as
              text otherwise. Binary content is an error.
        document : {"whole", "line", "paragraph"}
            Unit of text that is one document: a whole file or record, a line, or a paragraph (text between
            blank lines). Empty lines are documents too, so that aligned files remain aligned. Line ends that
            separate documents are discarded.
        separator : str or bytes, optional
            String that separates documents, given instead of `document`. Separators are discarded.
        field : str, optional
            Field or column of the records that contains the text: a name; a path, such as ``meta.text`` for
            the field ``text`` in the field ``meta``; or a template with names in braces, such as
            ``"{title}: {text}"``. The default is ``text``.
        encoding : str, optional
            Encoding of text, JSON and tables: the name of a codec of Python. The default is what a byte order
            mark says, or else UTF-8. A byte order mark is removed. Without `encoding`, bytes of plain text
            that are not UTF-8 are kept, since byte-level models encode every byte.
        nulls : {"raise", "skip"}
            Treatment of records without text, that is, with no such field, or with null or NaN in it: an
            error, or they are skipped and counted in `skipped` and `skipped_rows`.
        errors : {"strict", "replace", "surrogatepass"}
            Treatment of a lone surrogate in a JSON string: raise an error, replace it by U+FFFD, or keep its
            three bytes. With an encoding, also of what is not of the encoding: Python's error handler.

        Returns
        -------
        Corpus

        Raises
        ------
        FileNotFoundError
            Immediately, if a path does not exist, or a glob or folder has no matching file.
        PermissionError
            Immediately, if a file, folder or subfolder cannot be read.
        TypeError, ValueError
            Immediately, if there are no paths, a file is given twice, an argument is not valid or has no
            effect on any of the files, or both `document` and `separator` are given.
        CorpusError
            If the content of a file is of another format, damaged or not in the encoding, or a record has no
            text: immediately if the first bytes or the first record show it, and otherwise while reading.
            Also if a pipe is read a second time.
        ImportError
            Immediately, if a file needs pyarrow, which is not installed.

        Examples
        --------
        >>> import fasttok as ft
        >>> corpus = ft.Corpus.from_files(ft.parallel_sample()["eng"], document="line")
        >>> next(iter(corpus))
        b'Good morning!'
        """
        options = Options.check(format, field, encoding, nulls, errors)
        rule = resolve_rule(document, separator)
        found = find_files(paths, format)
        files = Files(found.files, options, rule)
        origin = Origin(
            f"{len(found.files):,} files",
            tuple(found.files),
            found.skipped,
            files.plain,
            files.skipped_rows,
            files,
        )
        return cls(files.sources, rule.name, origin)

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
        TypeError
            Immediately, if `texts` is one text, a table, a dict, a set or not iterable, or an item of a list
            is not a text. While reading, if another iterable yields an item that is not a text; the message
            gives its index.
        ValueError
            Immediately, if another argument is not valid.
        CorpusError
            While reading, if a generator is read a second time, or a function returns the same one again.
        TextError
            While reading, if a ``str`` contains a lone surrogate and `errors` is "strict".

        Examples
        --------
        >>> import fasttok as ft
        >>> list(ft.Corpus.from_texts(["one\\ntwo", "three"], document="line"))
        [b'one', b'two', b'three']
        """
        rule = resolve_rule(document, separator)
        checked_errors(errors)
        if callable(texts) and not isinstance(texts, type):
            read: Callable[[], Any] = _renewing(checked_maker("texts", texts))
        else:
            again = "a list, or a function that returns a new iterator"
            read = _reader(_checked_texts(texts), f"Corpus.from_texts is used up; pass {again}")

        def sources(chunk_bytes: int) -> Iterator[Source]:
            yield gather_documents(_encoded(read(), errors), rule, chunk_bytes)

        return cls(sources, rule.name, Origin("texts"))

    @classmethod
    def from_table(
        cls,
        table: Any,
        column: str = "text",
        *,
        document: Literal["whole", "line", "paragraph"] = "whole",
        separator: str | bytes | None = None,
        nulls: Nulls = "raise",
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
            Name of the column, or a path or template as for `field` in `from_files`; a name is ignored for an
            iterable of texts.
        document, separator, nulls, errors
            As in `from_files`.

        Returns
        -------
        Corpus

        Raises
        ------
        TypeError
            Immediately, if the table has no rows, or no order of its rows, as a set.
        ValueError
            Immediately, if another argument is not valid.
        CorpusError
            Immediately, if the columns are known and the column is missing or not text. While reading, if a
            row is null or not text; the message gives the row. Also if an iterator, such as a record batch
            reader, is read a second time.
        TextError
            While reading, if a ``str`` contains a lone surrogate and `errors` is "strict".
        ImportError
            Immediately, if the table is an Arrow table and pyarrow is not installed.

        Examples
        --------
        >>> import fasttok as ft
        >>> records = [{"title": "A", "text": "one fish"}, {"title": "B", "text": "two fish"}]
        >>> list(ft.Corpus.from_table(records))
        [b'one fish', b'two fish']
        >>> list(ft.Corpus.from_table(records, "{title}: {text}"))
        [b'A: one fish', b'B: two fish']
        """
        text = Field.parse("column", column, "column")
        rule = resolve_rule(document, separator)
        checked_nulls(nulls)
        checked_errors(errors)
        check_table(table, text)
        read = _reader(table, "Corpus.from_table is used up; pass a table that can be read again")
        origin = Origin("table")

        def sources(chunk_bytes: int) -> Iterator[Source]:
            rows = keep_texts(table_rows(read(), text), nulls, None, origin.skipped_rows)
            texts = ([encode_utf8(one, errors, row.row)] for one, row in rows)
            yield gather_documents(texts, rule, chunk_bytes)

        return cls(sources, rule.name, origin)

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
        TypeError, ValueError
            If `fraction` or `seed` is not a number, or out of range.

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
        fraction, seed = checked_fraction("fraction", fraction), checked_seed("seed", seed)
        limit = math.ceil(Fraction(fraction) * (1 << 64))
        key = seed.to_bytes(8, "little")

        def is_kept(index: int) -> bool:
            hashed = hashlib.blake2b(index.to_bytes(8, "little"), digest_size=8, key=key)
            return int.from_bytes(hashed.digest(), "little") < limit

        def sources(chunk_bytes: int) -> Iterator[Source]:
            indices = count()
            for source in self._sources(chunk_bytes):
                if isinstance(source, Iterator):
                    yield (_select(block, is_kept, indices) for block in source)
                elif is_kept(next(indices)):
                    yield source

        # The number of skipped rows is shared with the whole corpus.
        origin = replace(
            self._origin, description=f"{self._origin.description}, a sample", plain=(), reader=None
        )
        return Corpus(sources, self._document_rule, origin)

    @property
    def files(self) -> tuple[str, ...]:
        """Paths of the files that are read, in order; empty if the corpus is not read from files."""
        return self._origin.files

    def by_file(self) -> dict[str, Corpus]:
        """Return a corpus for each of the `files`.

        A file must not be read by two of the corpora at the same time if it is a pipe.

        Returns
        -------
        dict of str to Corpus

        Raises
        ------
        ValueError
            If the corpus is not read from files.

        Examples
        --------
        >>> import fasttok as ft
        >>> sample = ft.parallel_sample()
        >>> corpus = ft.Corpus.from_files([sample["eng"], sample["deu"]], document="line")
        >>> [next(iter(part)).decode() for part in corpus.by_file().values()]
        ['Good morning!', 'Guten Morgen!']
        """
        files = self._origin.reader
        if files is None:
            raise ValueError("by_file is for a corpus that is read from files with Corpus.from_files")

        def part(path: str) -> Corpus:
            plain = (path,) if path in self._origin.plain else ()
            origin = replace(self._origin, description=path, files=(path,), plain=plain)
            return Corpus(
                lambda chunk_bytes: iter([files.open(path, chunk_bytes)]), self._document_rule, origin
            )

        return {path: part(path) for path in self.files}

    @property
    def skipped(self) -> dict[str, str]:
        """Reason for each file or folder that is not read, and for each file with records that were skipped.

        Hidden files are an example; see `from_files`. Records without text are known after they have been
        passed over in reading.

        Examples
        --------
        >>> import os, tempfile
        >>> import fasttok as ft
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("a.txt", ".b.txt", "c.py"):
        ...         with open(os.path.join(folder, name), "w") as file:
        ...             _ = file.write("text")
        ...     corpus = ft.Corpus.from_files(folder)
        ...     for path, reason in corpus.skipped.items():
        ...         print(os.path.basename(path), "-", reason)
        .b.txt - hidden
        c.py - suffix '.py' is of no text or record format; pass its name or a glob
        """
        rows = {
            path: f"{n:,} records without text" for path, n in self._origin.skipped_rows.items() if path and n
        }
        return self._origin.skipped | rows

    @property
    def skipped_rows(self) -> int:
        """Number of records without text that have been skipped in the last reading, with ``nulls="skip"``.

        Examples
        --------
        >>> import fasttok as ft
        >>> corpus = ft.Corpus.from_table({"text": ["one fish", None]}, nulls="skip")
        >>> list(corpus), corpus.skipped_rows
        ([b'one fish'], 1)
        """
        return sum(self._origin.skipped_rows.values())

    @property
    def document_rule(self) -> str:
        """Rule that splits text into documents: "whole", "line", "paragraph" or "separator SEPARATOR"."""
        return self._document_rule

    def __repr__(self) -> str:
        return f"Corpus({self._origin.description}, document_rule={self.document_rule!r})"

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
            Pretokenizer, or pipeline of normalizer and pretokenizer, that will process the batches. Documents
            longer than two batches, and files that are one document and longer than a batch, are
            then split at positions that are always boundaries of pretokens. Without a pretokenizer, or if
            there is no such position, the document is one row.
        batch_bytes : int
            Target size of a batch, in bytes. Results computed from the batches must not depend on this size.

        Yields
        ------
        Batch
            Consecutive documents, or a part of one.

        Raises
        ------
        TypeError, ValueError
            If `pretokenizer` is not a pretokenizer, or `batch_bytes` is not an integer or below 1.
        """
        batch_bytes = min(checked_size("batch_bytes", batch_bytes, least=1), MOST_BATCH_BYTES)
        if pretokenizer is not None:
            kinds = (Pretokenizer, Pipeline)
            checked_instance("pretokenizer", pretokenizer, kinds, "a Pretokenizer or a Pipeline")
        return self._batches(pretokenizer, batch_bytes)

    def _batches(self, pretokenizer: Pretokenizer | Pipeline | None, batch_bytes: int) -> Iterator[Batch]:
        first = 0
        for source in self._sources(batch_bytes):
            if not isinstance(source, Iterator):
                yield from text_batches(source, first, pretokenizer, batch_bytes)
                first += 1
                continue
            for documents in source:
                yield from document_batches(documents, first, pretokenizer, batch_bytes)
                first += len(documents)

    def most_bytes(self) -> int:
        """Return the total size of the files in bytes; 0 if there are no files.

        Files that may have more text than bytes, such as compressed ones, are left out, and so are pipes.
        """
        return sum(os.path.getsize(path) for path in self._origin.plain)

    def fingerprint(self) -> str:
        """Read the whole corpus; return a hash of documents and their boundaries, in hexadecimal.

        The fingerprint does not depend on paths, or on how documents are distributed over files. It is the
        hash of two hashes: that of the text of all documents, and that of their lengths in bytes, as int64
        in little-endian order. All three are XXH3 with 128 bits, as bytes in big-endian order. This hash is
        as fast as reading the memory and finds any change by accident, but not one made to deceive it.

        Examples
        --------
        >>> import fasttok as ft
        >>> a, b = ft.Corpus.from_texts(["a b"]), ft.Corpus.from_texts(["a", "b"])
        >>> c = ft.Corpus.from_texts(["a\\nb"], document="line")
        >>> a.fingerprint() == b.fingerprint(), b.fingerprint() == c.fingerprint()
        (False, True)
        """
        text = TextHash()
        for batch in self.batches():
            text.update(batch)
        return text.fingerprint()


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


def _renewing(make: Callable[[], Any]) -> Callable[[], Any]:
    """Return a function that calls `make`; an error if an iterator that has been read is returned again."""
    last = None

    def read() -> Any:
        nonlocal last
        items = make()
        if items is last is not None:
            raise CorpusError(
                "the function given to Corpus.from_texts returned the same iterator again; it must return a "
                "new one each time"
            )
        last = items if isinstance(items, Iterator) else None
        return items

    return read


@contextmanager
def advising_corpus(given: Any) -> Iterator[None]:
    """Inside the block, errors about files that are not `given` as a `Corpus` advise to make one.

    Errors about files advise options of `Corpus.from_files`, which functions that take paths do not have.
    """
    try:
        yield
    except (CorpusError, TextError) as error:
        if not isinstance(given, Corpus) and "pass " in str(error):
            error.args = (f"{error} (make a Corpus with Corpus.from_files, which has these options)",)
        raise


def _checked_texts(texts: Any) -> Any:
    """Return the argument `texts` if it is an iterable of texts; the items of a list or tuple are checked."""
    checked_batch("texts", texts)
    if isinstance(texts, (list, tuple)) and not {str, bytes}.issuperset(map(type, texts)):
        for i, text in enumerate(texts):
            _check_text(i, text)
    return texts


def _check_text(index: int, text: Any) -> None:
    if not isinstance(text, (str, bytes, bytearray, memoryview)):
        raise TypeError(f"texts[{index}] must be str or bytes, not {type(text).__name__}")


def _encoded(texts: Any, errors: Errors) -> Iterator[list[bytes]]:
    """Yield the texts in UTF-8; those of a list or tuple several at a time."""
    checked_batch("texts", texts)
    if not isinstance(texts, (list, tuple)):
        yield from _encoded_one_by_one(texts, errors, 0)
        return
    for first in range(0, len(texts), SLICE):
        part = texts[first : first + SLICE]
        if {str}.issuperset(map(type, part)) and sum(map(len, part)) <= SLICE_CHARACTERS:
            try:
                yield list(map(str.encode, part))  # ten times faster than one by one
                continue
            except UnicodeEncodeError:  # a lone surrogate
                pass
        yield from _encoded_one_by_one(part, errors, first)


def _encoded_one_by_one(texts: Iterable[Any], errors: Errors, first: int) -> Iterator[list[bytes]]:
    for i, text in enumerate(texts, first):
        _check_text(i, text)
        yield [encode_utf8(text, errors, i)]


def _select(documents: Ragged, is_kept: Callable[[int], bool], indices: Iterator[int]) -> Ragged:
    """Return the documents whose index is kept; `indices` yields the index of each document in turn."""
    return documents.take(
        np.array([row for row in range(len(documents)) if is_kept(next(indices))], np.int64)
    )
