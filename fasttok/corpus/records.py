"""Readers of records in text: JSON lines, JSON, and tables separated by commas or tabs."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from fasttok.core.errors import CorpusError
from fasttok.corpus.fields import Field, Missing, Row, WrongValue

MOST_RECORD = 1 << 30  # bytes of one record; a longer one is a quote or brace that is never closed
_DECODER = json.JSONDecoder()
_CARRIAGE_RETURN = re.compile(rb"\r(?!\n)")
_NULL = Missing("the record is null", is_null=True)


class _Quoted(bytes):
    """Empty field in quotes, which is not null."""


_QUOTED = _Quoted()


def read_json_lines(chunks: Iterable[bytes], field: Field, path: str) -> Iterator[Row]:
    """Yield the text of each JSON object, one per line. Blank lines are skipped.

    Raises
    ------
    CorpusError
        If a line is not JSON or not an object, or its field is not a string.
    """
    name = field.single
    for number, line in enumerate(_split_lines(chunks), 1):
        if not line.strip():
            continue
        try:
            record: Any = json.loads(line.decode())
        except UnicodeDecodeError as error:
            message = f"not a line of JSON (its byte {error.start:,} is not UTF-8); pass its encoding=..."
            raise CorpusError(message, path, number) from None
        except (ValueError, RecursionError) as error:
            raise CorpusError(f"not a line of JSON ({error}){_advice(line, number)}", path, number) from None
        if record is None:
            yield Row(_NULL, number)
        elif not isinstance(record, dict):
            message = f"a line must be a JSON object, not {type(record).__name__}{_advice(line, number)}"
            raise CorpusError(message, path, number)
        elif type(text := record.get(name)) is str:
            yield Row(text, number)
        else:
            yield _row(field, record, path, line=number)


def _split_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a text, without their ends. O(n)."""
    begun: list[bytes] = []  # parts of the line that is not complete yet
    for chunk in chunks:
        first, *lines = chunk.split(b"\n")
        begun.append(first)
        if lines:
            yield b"".join(begun)
            begun = [lines.pop()]
            yield from lines
    if last := b"".join(begun):
        yield last


def _advice(line: bytes, number: int) -> str:
    """Return advice for a file whose first line begins a longer JSON value, or has several objects."""
    text = line.decode(errors="replace").strip()
    if number != 1 or text[:1] not in ("[", "{"):
        return ""
    try:
        value, end = _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        is_json = error.pos >= len(text)
    except (RecursionError, ValueError):
        is_json = False
    else:
        is_array = isinstance(value, list) and isinstance(next(iter(value), None), dict)
        is_json = is_array or text[end:].lstrip().startswith("{")
    return '; pass format="json" if the file is one JSON value' if is_json else ""


def read_json(chunks: Iterable[bytes], field: Field, path: str) -> Iterator[Row]:
    """Yield the text of each JSON object: those in one array, or one or several that follow one another.

    Raises
    ------
    CorpusError
        If the text is not JSON, an item is not an object, or its field is not a string.
    """
    for index, (line, record) in enumerate(_JsonStream(chunks, path)):
        if record is None:
            yield Row(_NULL, line, index)
        elif not isinstance(record, dict):
            message = f"a record must be a JSON object, not {type(record).__name__}"
            raise CorpusError(message, path, line, index)
        else:
            yield _row(field, record, path, line, index)


class _JsonStream:
    """Iterator over the lines and values of the items of one JSON array, or of values one after another."""

    def __init__(self, chunks: Iterable[bytes], path: str) -> None:
        self._chunks = iter(chunks)
        self._path = path
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._position = 0
        self._line = 1  # line of the position `_counted`
        self._counted = 0
        self._n_bytes = 0
        self._is_end = False

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        is_array = self._peek() == "["
        if is_array:
            self._position += 1
        if is_array and self._peek() == "]":
            self._position += 1
        elif is_array:
            while True:
                yield self._next()
                if (mark := self._peek()) not in (",", "]"):
                    raise self._error("expected , or ] after an item of the array")
                self._position += 1
                if mark == "]":
                    break
        else:
            while self._peek():
                yield self._next()
        if self._peek():
            raise self._error("expected the end of the file after the array")

    def _next(self) -> tuple[int, Any]:
        """Return the line and value of the next item."""
        self._peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._position)
            except json.JSONDecodeError as error:
                is_cut = error.pos >= len(self._text) - 16 or error.msg.startswith("Unterminated string")
                if not is_cut or self._is_end:
                    self._position = max(error.pos, self._position)
                    raise self._error(f"not JSON ({error.msg})") from None
                self._read(len(self._text) - self._position)
                continue
            except (RecursionError, ValueError) as error:
                raise self._error(f"not JSON ({error})") from None
            # A number at the end of what has been read may continue.
            if end == len(self._text) and not self._is_end and not isinstance(value, (dict, list, str)):
                self._read(1)
                continue
            line = self._count_lines()
            self._position = end
            return line, value

    def _peek(self) -> str:
        """Skip white space; return the next character, or nothing at the end of the text."""
        while True:
            while self._position < len(self._text):
                if (character := self._text[self._position]) not in " \t\r\n":
                    return character
                self._position += 1
            if self._is_end:
                return ""
            self._read(1)

    def _read(self, size: int) -> None:
        """Read at least `size` bytes more, so that the time for a long item is linear."""
        self._count_lines()
        parts, n_bytes = [self._text[self._position :]], 0
        self._position = self._counted = 0
        while n_bytes < size and not self._is_end:
            chunk = next(self._chunks, b"")
            self._is_end = not chunk
            try:
                parts.append(self._decoder.decode(chunk, self._is_end))
            except UnicodeDecodeError as error:
                place = self._n_bytes - (len(error.object) - len(chunk)) + error.start
                raise CorpusError(f"byte {place:,} is not UTF-8; pass its encoding=...", self._path) from None
            n_bytes += len(chunk)
            self._n_bytes += len(chunk)
        self._text = "".join(parts)
        if len(self._text) > MOST_RECORD and n_bytes:
            raise self._error(f"a record of more than {MOST_RECORD:,} characters")

    def _error(self, message: str) -> CorpusError:
        return CorpusError(message, self._path, self._count_lines())

    def _count_lines(self) -> int:
        """Return the line of the position."""
        self._line += self._text.count("\n", self._counted, self._position)
        self._counted = self._position
        return self._line


def read_delimited(chunks: Iterable[bytes], delimiter: str, field: Field, path: str) -> Iterator[Row]:
    """Yield the text of each row of a table. The first line has the names of the columns.

    Fields may be quoted and then contain delimiters, line ends and doubled quotes. A field that is empty and
    not quoted is null. Blank lines are skipped.

    Raises
    ------
    CorpusError
        If a column does not exist, a row has another number of fields, or a quote is not closed.
    """
    rows = _delimited_rows(chunks, delimiter.encode(), path)
    line, header = next(rows, (1, []))
    if any(_CARRIAGE_RETURN.search(name) for name in header):
        raise CorpusError("carriage returns separate the lines; convert them to line feeds", path, line)
    names = [name.decode(errors="replace") for name in header]
    columns = []
    for name in field.names:
        if (n := names.count(name)) != 1:
            if n:
                raise CorpusError(f"{n} columns are named {name!r}", path, line)
            separator, other = ("commas", "tsv") if delimiter == "," else ("tabs", "csv")
            advice = f"; the fields must be separated by {separator}" if len(names) == 1 else ""
            if advice and ("\t" if other == "tsv" else ",") in names[0]:
                advice += f', or pass format="{other}"'
            raise CorpusError(field.missing(name, names) + advice, path, line)
        columns.append(names.index(name))
    first = columns[0]
    for line, values in rows:
        if len(values) != len(names):
            message = f"{len(values)} fields, but the first line names {len(names)} columns"
            raise CorpusError(message, path, line)
        if field.single and values[first]:
            yield Row(values[first], line)
        else:
            texts = [values[i] or (b"" if values[i] is _QUOTED else None) for i in columns]
            yield Row(field.join(texts), line)


def _delimited_rows(
    chunks: Iterable[bytes], delimiter: bytes, path: str
) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the line and the fields of each row; `_QUOTED` for an empty field in quotes."""
    fields: list[bytes] = []  # complete fields of the row
    quoted: list[bytes] = []  # lines of a quoted field that is not closed yet
    first, n_bytes = 1, 0
    for number, line in enumerate(_split_lines(chunks), 1):
        if not quoted:
            first, n_bytes = number, 0
            if b'"' not in line:  # most lines
                if line := line.removesuffix(b"\r"):
                    yield number, line.split(delimiter)
                continue
        begin = 0
        while True:
            if quoted or line.startswith(b'"', begin):
                begin += not quoted
                end = _find_quote(line, begin)
                quoted.append(line[begin : None if end < 0 else end])
                if end < 0:
                    break
                fields.append(b"\n".join(quoted).replace(b'""', b'"') or _QUOTED)
                quoted, end = [], end + 1
            else:
                end = line.find(delimiter, begin)
                end = len(line) - line.endswith(b"\r") if end < 0 else end
                fields.append(line[begin:end])
            if line[end:] in (b"", b"\r"):
                yield first, fields
                fields = []
                break
            if not line.startswith(delimiter, end):
                message = (
                    f"text after the closing quote of field {len(fields)}; double a quote inside a field"
                )
                raise CorpusError(message, path, number)
            begin = end + 1
        n_bytes += len(line)
        if n_bytes > MOST_RECORD:
            break
    if quoted:
        raise CorpusError(f"the quote of field {len(fields) + 1} of this row is never closed", path, first)


def _find_quote(line: bytes, begin: int) -> int:
    """Return the position of the next quote that is not doubled, or -1."""
    while (end := line.find(b'"', begin)) >= 0 and line.startswith(b'"', end + 1):
        begin = end + 2
    return end


def _row(field: Field, record: dict[str, Any], path: str, line: int, row: int | None = None) -> Row:
    try:
        return Row(field.extract(record), line, row)
    except WrongValue as error:
        raise CorpusError(str(error), path, line, row) from None
