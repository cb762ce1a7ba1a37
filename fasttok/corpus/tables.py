"""Readers of a text column: Parquet files, Arrow streams, data frames, iterables of records."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fasttok.core.errors import CorpusError

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 256  # rows decoded at a time: enough to hide the overhead of a batch, few enough for long documents
BUFFER_BYTES = 1 << 20  # size of pyarrow's read buffer
# Names, in pyarrow, of the column types that contain text.
TEXT_TYPES = {"string", "large_string", "string_view", "binary", "large_binary", "binary_view"}


def read_parquet(path: str, column: str) -> Iterator[bytes]:
    """Yield the texts of a column of a Parquet file, read 256 rows at a time.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    CorpusError
        If the file is damaged or truncated, the column does not exist or is not text, or a row is null.
    """
    pa = _import_pyarrow("Parquet files")
    import pyarrow.parquet as pq

    with open(path, "rb") as file:
        try:
            # Without these options pyarrow reads the whole column of a row group, possibly of the whole file.
            streaming = {"pre_buffer": False, "buffer_size": BUFFER_BYTES}
            parquet = pq.ParquetFile(file, page_checksum_verification=True, **streaming)
            _check_column(parquet.schema_arrow, column, path)
            yield from _column_texts(parquet.iter_batches(ROWS, columns=[column]), column, path)
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # an error of the system, not of the content
            raise CorpusError(f"not a Parquet file, or damaged or truncated ({error})", path) from error


def read_table(table: Any, column: str) -> Iterator[str | bytes]:
    """Yield the texts of a column of a table; `Corpus.from_table` lists the supported tables.

    Raises
    ------
    ImportError
        If the table is an Arrow stream and pyarrow is not installed.
    CorpusError
        If the column does not exist, or a row is null or not text.
    """
    if hasattr(type(table), "schema") and hasattr(table, "__arrow_c_stream__"):
        reader = _import_pyarrow("Arrow tables").RecordBatchReader.from_stream(table)
        _check_column(reader.schema, column)
        yield from _column_texts(reader, column)
        return
    if isinstance(table, Mapping) or hasattr(type(table), "columns"):
        # Iterating over the column reads no other column.
        _check_name(list(table.columns if hasattr(type(table), "columns") else table), column)
        table = table[column]
    for row, record in enumerate(table):
        if isinstance(record, Mapping):
            if column not in record:
                raise CorpusError(_no_column(record, column), row=row)
            yield _checked(record[column], row, column)
        else:
            yield _checked(record, row, column)


def _import_pyarrow(what: str) -> Any:
    try:
        import pyarrow
    except ImportError as error:
        raise ImportError(f"reading {what} needs pyarrow: pip install pyarrow") from error
    return pyarrow


def _column_texts(batches: Iterable[pa.RecordBatch], column: str, path: str | None = None) -> Iterator[bytes]:
    """Yield the bytes of a text column unchanged; they need not be UTF-8."""
    import pyarrow as pa

    first = 0
    for batch in batches:
        values, indices = batch.column(column), None
        if pa.types.is_dictionary(values.type):
            values, indices = values.dictionary.cast(pa.large_binary()), values.indices
        for start in range(0, batch.num_rows, ROWS):
            rows = values.slice(start, ROWS) if indices is None else values.take(indices.slice(start, ROWS))
            texts = rows.cast(pa.large_binary()).to_pylist()
            if None in texts:
                row = first + start + texts.index(None)
                raise CorpusError(f"column {column!r} is null", path, row=row)
            yield from texts
        first += batch.num_rows


def _check_column(schema: pa.Schema, column: str, path: str | None = None) -> None:
    _check_name(schema.names, column, path)
    kind = schema.field(column).type
    if str(kind.value_type if str(kind).startswith("dictionary") else kind) not in TEXT_TYPES:
        raise CorpusError(f"column {column!r} must be text, not {kind}", path)


def _check_name(names: list[Any], column: str, path: str | None = None) -> None:
    if column not in names:
        raise CorpusError(_no_column(names, column), path)
    if names.count(column) > 1:
        raise CorpusError(f"{names.count(column)} columns are named {column!r}", path)


def _no_column(names: Iterable[Any], column: str) -> str:
    return f"no column {column!r} (the columns are: {', '.join(map(repr, names)) or 'none'})"


def _checked(value: Any, row: int, column: str) -> str | bytes:
    if isinstance(value, (str, bytes)):
        return value
    is_null = value is None or (isinstance(value, float) and math.isnan(value))  # pandas writes null as NaN
    problem = "is null" if is_null else f"must be text, not {type(value).__name__}"
    raise CorpusError(f"column {column!r} {problem}", row=row)
