"""`Files`: files of a corpus as sources of documents; `Origin`: origin of the documents of a corpus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from fasttok.core.errors import CorpusError
from fasttok.core.ragged import Ragged
from fasttok.corpus.batches import ReadChunks, gather
from fasttok.corpus.documents import DocumentRule, split_lines
from fasttok.corpus.files import format_of, is_regular
from fasttok.corpus.formats import Options, open_pipe
from fasttok.corpus.streams import read_chunks

# Reader of a text that is one document, or an iterator over blocks of documents.
Source = ReadChunks | Iterator[Ragged]


@dataclass
class Origin:
    """Origin of the documents of a corpus.

    Attributes
    ----------
    description : str
        Description for ``repr``.
    files : tuple of str
        Files that are read.
    skipped : dict of str to str
        Files and folders that are not read, and why.
    plain : tuple of str
        Those of the files that have at least as many bytes as their text.
    skipped_rows : dict of str or None to int
        Number of records without text that were skipped, by file, in the last reading of the file.
    reader : Files or None
        Reader of the files.
    """

    description: str
    files: tuple[str, ...] = ()
    skipped: dict[str, str] = field(default_factory=dict)
    plain: tuple[str, ...] = ()
    skipped_rows: dict[str | None, int] = field(default_factory=dict)
    reader: Files | None = None


class Files:
    """Files that are sources of documents. The beginning of each regular file is checked.

    Parameters
    ----------
    paths : sequence of str
        Files.
    options : Options
        Options with which they are read.
    rule : DocumentRule
        Rule that splits texts into documents.

    Attributes
    ----------
    plain : tuple of str
        Files that have at least as many bytes as their text.
    skipped_rows : dict of str or None to int
        Number of records without text that were skipped, by file, in the last reading of the file.

    Raises
    ------
    ValueError
        If an option has no effect on any of the files.
    CorpusError, ImportError, OSError
        If the beginning of a file shows that the file cannot be read.
    """

    def __init__(self, paths: Sequence[str], options: Options, rule: DocumentRule) -> None:
        is_auto = options.format == "auto"
        # Formats by file; None if only its content can tell.
        self._formats = {path: format_of(path) if is_auto else options.format for path in paths}
        self._options = options
        self._rule = rule
        self._pipes: set[str] = set()
        self._used_up: set[str] = set()  # pipes that have been read
        self.skipped_rows: dict[str | None, int] = {}
        known = {format for format in self._formats.values() if format is not None}
        if None not in self._formats.values():
            options.check_effect(known)
        plain = []
        for path, format in self._formats.items():
            if not is_regular(path):
                self._pipes.add(path)
            elif format is None or options.check_head(path, format):
                plain.append(path)
        self.plain = tuple(plain)

    def sources(self, chunk_bytes: int) -> Iterator[Source]:
        """Return an iterator that opens the files, one after another."""
        return (self.open(path, chunk_bytes) for path in self._formats)

    def open(self, path: str, chunk_bytes: int) -> Source:
        """Return the source of the documents in one file.

        Raises
        ------
        CorpusError
            If the file is a pipe that has been read already.
        """
        if path in self._used_up:
            raise CorpusError("a pipe can be read only once; save its data to a file first", path)
        if path in self._pipes:
            self._used_up.add(path)
        format, chunks = self._formats[path], None
        is_found = format is None
        if format is None:
            format, chunks = open_pipe(path, self._options)
        if format == "text":
            read = chunks or partial(read_chunks, path, self._options.reading)
            return _text_source(read, self._rule, chunk_bytes)
        texts = self._options.texts(path, format, self.skipped_rows, chunks)
        texts = _advising(texts) if is_found and self._options.field is None else texts
        return gather_documents(([text] for text in texts), self._rule, chunk_bytes)


def _text_source(read: ReadChunks, rule: DocumentRule, chunk_bytes: int) -> Source:
    """Return the source of the documents in a text."""
    if rule.expression is None:
        return read
    if rule.name == "line":
        return split_lines(chunk.text for chunk in read(chunk_bytes, 0))
    chunks = (chunk.text.tobytes() for chunk in read(chunk_bytes, 0))
    return gather(([document] for document in rule.split(chunks)), chunk_bytes)


def gather_documents(parts: Iterable[list[bytes]], rule: DocumentRule, block_bytes: int) -> Iterator[Ragged]:
    """Yield blocks of the documents in texts, given in lists; no document continues in the next text."""
    if rule.expression is None:
        return gather(parts, block_bytes)
    return gather(
        ([document] for part in parts for text in part for document in rule.split([text])), block_bytes
    )


def _advising(texts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the texts of records whose format was recognized by content, which may have been wrong."""
    try:
        yield from texts
    except CorpusError as error:
        error.args = (f'{error} (pass format="text" if it is not JSON but text that begins like it)',)
        raise
