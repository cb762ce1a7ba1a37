"""Readers of Parquet and Arrow files, and of the text columns of Arrow data, with pyarrow."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import count, repeat
from typing import TYPE_CHECKING, Any

from fasttok.core.errors import CorpusError
from fasttok.corpus.compression import as_file, find_compression, import_pyarrow
from fasttok.corpus.fields import Field, Row, split_path
from fasttok.corpus.streams import Reading, TextStream

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 256  # rows decoded at a time: enough to hide the overhead of a batch, few enough for long documents
BUFFER_BYTES = 1 << 20  # size of pyarrow's read buffer
# Names, in pyarrow, of the column types that contain text.
TEXT_TYPES = {"string", "large_string", "string_view", "binary", "large_binary", "binary_view", "null"}
_AS_BYTES = {
    "string": "binary",
    "large_string": "large_binary",
    "binary": "binary",
    "large_binary": "large_binary",
}
_PARQUET, _ARROW = (b"PAR1", b"PARE"), b"ARROW1"
_ANY = Reading(allows_binary=True)


def read_parquet(path: str, field: Field) -> Iterator[Row]:
    """Yield the texts of a Parquet file, read 256 rows at a time.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    CorpusError
        If the file is damaged or of another format, or a column does not exist or is not text.
    """
    pa = import_pyarrow("Parquet files")
    import pyarrow.parquet as pq

    with open(path, "rb") as file:
        if not file.seekable():
            raise CorpusError("Parquet cannot be read from a pipe; save it to a file first", path)
        if (head := file.read(16))[:4] not in _PARQUET:
            raise _other_format(head, "Parquet", path)
        file.seek(0)
        try:
            # Without these options pyarrow reads the whole column of a row group, possibly of the whole file.
            streaming = {"pre_buffer": False, "buffer_size": BUFFER_BYTES}
            # The default limits of pyarrow refuse files with much metadata.
            limits = dict.fromkeys(["thrift_string_size_limit", "thrift_container_size_limit"], (1 << 31) - 1)
            parquet = pq.ParquetFile(file, page_checksum_verification=True, **streaming, **limits)
            columns = find_columns(parquet.schema_arrow, field, path)
            names = [".".join(column) for column in columns]
            yield from column_rows(parquet.iter_batches(ROWS, columns=names), columns, field)
        except (pa.ArrowException, OSError) as error:
            raise _converted(error, "Parquet", path) from error


def read_arrow(path: str, field: Field) -> Iterator[Row]:
    """Yield the texts of an Arrow file or stream, read one record batch at a time.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    CorpusError
        If the file is damaged or of another format, or a column does not exist or is not text.
    """
    pa = import_pyarrow("Arrow files")
    with TextStream(path, _ANY) as stream:
        source = stream.source
        head = source.peek(least=len(_ARROW))[: len(_ARROW)]
        is_file = head.startswith(_ARROW)
        if not is_file and not head.startswith(b"\xff\xff\xff\xff") and head[2:4] != b"\0\0":
            raise _other_format(head, "Arrow", path)
        try:
            if is_file and stream.is_plain and stream.is_regular:
                yield from _file_rows(path, field)
                return
            if is_file:  # what follows the magic bytes of a file is a stream
                source.readinto(memoryview(bytearray(8)))
            reader = pa.ipc.open_stream(as_file(source))
            columns = find_columns(reader.schema, field, path)
            yield from column_rows(reader, columns, field)
        except (pa.ArrowException, OSError) as error:
            raise _converted(error, "Arrow", path) from error


def _file_rows(path: str, field: Field) -> Iterator[Row]:
    import pyarrow as pa

    with pa.OSFile(path) as file:
        schema = pa.ipc.open_file(file).schema
        columns = find_columns(schema, field, path)
        fields = sorted({schema.get_field_index(column[0]) for column in columns})
        reader = pa.ipc.open_file(file, options=pa.ipc.IpcReadOptions(included_fields=fields))
        batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
        yield from column_rows(batches, columns, field)


def find_columns(schema: pa.Schema, field: Field, path: str | None = None) -> list[tuple[str, ...]]:
    """Return the column of each name of a field: its name and, if it is in structs, theirs before it.

    Raises
    ------
    CorpusError
        If a column does not exist, is not text, or two columns have the name.
    """
    columns = []
    for name in field.names:
        if (found := _find_column(schema, name)) is None:
            raise CorpusError(field.missing(name, schema.names), path)
        column, kind = found
        if (n := schema.names.count(column[0])) > 1:
            raise CorpusError(f"{n} columns are named {column[0]!r}", path)
        if str(kind.value_type if str(kind).startswith("dictionary") else kind) not in TEXT_TYPES:
            raise CorpusError(f"column {name!r} must be text, not {kind}", path)
        columns.append(column)
    return columns


def _find_column(schema: Iterable[pa.Field], name: str) -> tuple[tuple[str, ...], pa.DataType] | None:
    """Return the names on the way to a column, and its type; the schema can be the type of a struct."""
    kinds = {field.name: field.type for field in schema}
    if name in kinds:
        return (name,), kinds[name]
    for outer, rest in split_path(name):
        inside = kinds.get(outer)
        if inside is not None and str(inside).startswith("struct") and (found := _find_column(inside, rest)):
            return (outer, *found[0]), found[1]
    return None


def column_rows(
    batches: Iterable[pa.RecordBatch], columns: list[tuple[str, ...]], field: Field
) -> Iterator[Row]:
    """Yield the texts of some columns, as bytes, unchanged; they need not be UTF-8.

    Offsets are checked, as wrong ones, from a damaged file, would crash the process.
    """
    first = 0
    for batch in batches:
        values = [_column(batch, column) for column in columns]
        for start in range(0, batch.num_rows, ROWS):
            texts = [_texts(column, start) for column in values]
            if field.single and None not in texts[0]:
                yield from map(Row, texts[0], repeat(None), count(first + start))  # type: ignore[arg-type]
            else:
                for row, record in enumerate(zip(*texts, strict=True), first + start):
                    yield Row(field.join(record), None, row)
        first += batch.num_rows


def _column(batch: pa.RecordBatch, column: tuple[str, ...]) -> Any:
    import pyarrow as pa

    batch.validate()
    values = batch.column(column[0])
    if len(column) > 1:
        import pyarrow.compute as pc

        for name in column[1:]:
            values = pc.struct_field(values, name)
    kind = str(values.type)
    if kind in _AS_BYTES:  # without a check that they are UTF-8
        values.view(getattr(pa, _AS_BYTES[kind])()).validate(full=True)
    return values


def _texts(values: Any, start: int) -> list[bytes | None]:
    import pyarrow as pa

    rows = values.slice(start, ROWS)
    if pa.types.is_dictionary(values.type):
        rows = values.dictionary.cast(pa.large_binary()).take(rows.indices)
    texts: list[bytes | None] = rows.cast(pa.large_binary()).to_pylist()
    return texts


def _other_format(head: bytes, kind: str, path: str) -> CorpusError:
    if not head:
        return CorpusError(f"damaged or truncated {kind} file: it is empty; copy or download it again", path)
    if compression := find_compression(head):
        message = f"a {kind} file that is compressed as a whole with {compression}; decompress it first"
        return CorpusError(message, path)
    return CorpusError(f"not a {kind} file: it begins with {head!r}".replace("a Arrow", "an Arrow"), path)


def _converted(error: Exception, kind: str, path: str) -> Exception:
    """Return the error to raise for one of pyarrow."""
    import pyarrow as pa

    if isinstance(error, OSError) and error.errno is not None:  # of the system, not of the content
        return error
    if isinstance(error, MemoryError):
        return MemoryError(f"{path}: {error}")
    if isinstance(error, (pa.ArrowNotImplementedError, pa.ArrowCapacityError)):
        return CorpusError(f"pyarrow cannot read this {kind} file ({error})", path)
    size = f" of {os.path.getsize(path):,} bytes" if os.path.isfile(path) else ""
    return CorpusError(f"damaged or truncated {kind} file{size} ({error}); copy or download it again", path)
