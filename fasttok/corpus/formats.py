"""Formats of files: the options that each of them takes, and its reader."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, get_args

from fasttok.core.checks import checked_choice
from fasttok.core.errors import CorpusError, TextError
from fasttok.corpus.arrow import read_arrow, read_parquet
from fasttok.corpus.batches import ReadChunks
from fasttok.corpus.fields import Field, Missing, Nulls, Row, checked_nulls, keep_texts, no_text
from fasttok.corpus.records import read_delimited, read_json, read_json_lines
from fasttok.corpus.streams import Chunk, Reading, TextStream, checked_encoding
from fasttok.corpus.streams import read_chunks as read_text
from fasttok.text.unicode.utf8 import Errors, checked_errors, encode_utf8

Format = Literal["auto", "text", "jsonl", "json", "csv", "tsv", "parquet", "arrow"]
BINARY = ("parquet", "arrow")
TABLES = ("csv", "tsv", *BINARY)
RECORD_BYTES = 1 << 20  # size of the chunks in which records are read


@dataclass(frozen=True)
class Options:
    """Options with which files are read; see `Corpus.from_files`.

    Attributes
    ----------
    format : str
        Format, or "auto".
    field : Field or None
        Fields with the text, if they were given.
    nulls : {"raise", "skip"}
        Treatment of records without text.
    reading : Reading
        Options of text.
    """

    format: str
    field: Field | None
    nulls: Nulls
    reading: Reading

    @classmethod
    def check(
        cls, format: str, field: str | None, encoding: str | None, nulls: Nulls, errors: Errors
    ) -> Options:
        """Return the options if they are valid and have an effect on the format.

        Raises
        ------
        TypeError, ValueError
            If an option is not valid, or has no effect.
        """
        checked_choice("format", format, *get_args(Format))
        options = cls(
            format,
            None if field is None else Field.parse("field", field),
            checked_nulls(nulls),
            Reading(checked_encoding(encoding), checked_errors(errors), format == "text"),
        )
        if format != "auto":
            options.check_effect([format])
        return options

    def check_effect(self, formats: Collection[str]) -> None:
        """Raise an error if an option has no effect on any of the formats.

        Raises
        ------
        ValueError
            The message names the option.
        """
        if all(format == "text" for format in formats):
            for name, is_given in (("field", self.field is not None), ("nulls", self.nulls == "skip")):
                if is_given:
                    raise ValueError(
                        f"{name} has no effect on plain text; remove it, or pass the format of the "
                        'records, such as format="jsonl"'
                    )
        if all(format in BINARY for format in formats) and self.reading.encoding is not None:
            raise ValueError(f"encoding has no effect on {' and '.join(sorted(formats))} files; remove it")

    def rows(self, path: str, format: str, read_chunks: ReadChunks | None = None) -> Iterator[Row]:
        """Return an iterator over the records of a file; `read_chunks` reads its text.

        Raises
        ------
        ImportError
            If the format needs pyarrow, which is not installed.
        CorpusError
            While reading, for what is wrong with the file.
        """
        field = replace(
            self.field or Field.parse("field", "text"), noun="column" if format in TABLES else "field"
        )
        if format in BINARY:
            return (read_parquet if format == "parquet" else read_arrow)(path, field)
        chunks = (read_chunks or partial(read_text, path, self.reading))(RECORD_BYTES, 0)
        texts = (chunk.text.tobytes() for chunk in chunks)
        if format == "jsonl":
            return read_json_lines(texts, field, path)
        if format == "json":
            return read_json(texts, field, path)
        return read_delimited(texts, "," if format == "csv" else "\t", field, path)

    def texts(
        self, path: str, format: str, skipped: dict[str | None, int], read_chunks: ReadChunks | None = None
    ) -> Iterator[bytes]:
        """Yield the text of each record of a file in UTF-8; `skipped` gets the number without text."""
        for text, row in keep_texts(self.rows(path, format, read_chunks), self.nulls, path, skipped):
            try:
                yield encode_utf8(text, self.reading.errors)
            except TextError as error:
                raise CorpusError(f"field {self.name!r}: {error}", path, row.line, row.row) from None

    def check_head(self, path: str, format: str) -> bool:
        """Raise an error if a file does not begin as its format does, or its first record has no such field.

        Return whether the file has at least as many bytes as its text.
        """
        if format == "text":
            with TextStream(path, self.reading) as stream:
                stream.check()
                return stream.is_plain
        with closing(self.rows(path, format)) as rows:  # type: ignore[type-var]
            row = next(iter(rows), None)
        if row and isinstance(row.value, Missing) and not row.value.is_null and self.nulls == "raise":
            raise no_text(row, row.value, path)
        if format in BINARY:
            return False
        with TextStream(path, self.reading) as stream:
            return stream.is_plain

    @property
    def name(self) -> str:
        """Name of the field, or of the first field of a template."""
        return self.field.names[0] if self.field else "text"


def open_pipe(path: str, options: Options) -> tuple[str, ReadChunks]:
    """Open standard input or another pipe whose name says nothing; return its format and its text.

    Raises
    ------
    ValueError
        If an option has no effect on the format.
    """
    stream = TextStream(path, options.reading)
    try:
        format = stream.find_format()
        options.check_effect([format])
    except BaseException:
        stream.close()
        raise

    def read_chunks(size: int, margin: int) -> Iterator[Chunk]:
        with stream:
            yield from stream.chunks(size, margin)

    return format, read_chunks
