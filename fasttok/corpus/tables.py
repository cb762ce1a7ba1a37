"""The text column of a table: Parquet files, Arrow streams, data frames, iterables of records."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fasttok.core.errors import CorpusError

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 256  # decoded at a time: enough to hide what a batch costs, few enough for long documents
BUFFER_BYTES = 1 << 20
# How pyarrow prints the types that hold text.
TEXT_TYPES = {"string", "large_string", "string_view", "binary", "large_binary", "binary_view"}


def read_parquet(path: str, column: str) -> Iterator[bytes]:
    """Yield the texts of a column of a Parquet file, reading a few hundred rows at a time.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    CorpusError
        If the file is damaged or truncated, has no such column, or the column holds no text or a null.
    """
    pa = _import_pyarrow("Parquet files")
    import pyarrow.parquet as pq

    with open(path, "rb") as file:
        try:
            # Without these a row group's whole column, which may be the whole file's, is in memory.
            streaming = {"pre_buffer": False, "buffer_size": BUFFER_BYTES}
            parquet = pq.ParquetFile(file, page_checksum_verification=True, **streaming)
            _check_column(parquet.schema_arrow, column, path)
            yield from _column_texts(parquet.iter_batches(ROWS, columns=[column]), column, path)
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # of the disk, not of what is in the file
            raise CorpusError(f"not a Parquet file, or damaged or truncated ({error})", path) from error


def read_table(table: Any, column: str) -> Iterator[str | bytes]:
    """Yield the texts of a column of a table; see `Corpus.from_table` for what a table is.

    Raises
    ------
    ImportError
        If the table is an Arrow stream and pyarrow is not installed.
    CorpusError
        If there is no such column, or it holds a null or what is no text.
    """
    if hasattr(type(table), "schema") and hasattr(table, "__arrow_c_stream__"):
        reader = _import_pyarrow("Arrow tables").RecordBatchReader.from_stream(table)
        _check_column(reader.schema, column)
        yield from _column_texts(reader, column)
        return
    if isinstance(table, Mapping) or hasattr(type(table), "columns"):
        # A frame gives the one column: nothing is asked of the others.
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
        raise ImportError(f"{what} are read with pyarrow: pip install 'fasttok[parquet]'") from error
    return pyarrow


def _column_texts(batches: Iterable[pa.RecordBatch], column: str, path: str | None = None) -> Iterator[bytes]:
    """The bytes of a column of text as they are: they need not be UTF-8."""
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
        raise CorpusError(f"column {column!r} holds {kind}, not text", path)


def _check_name(names: list[Any], column: str, path: str | None = None) -> None:
    if column not in names:
        raise CorpusError(_no_column(names, column), path)
    if names.count(column) > 1:
        raise CorpusError(f"{names.count(column)} columns are called {column!r}", path)


def _no_column(names: Iterable[Any], column: str) -> str:
    return f"no column {column!r} (the columns are: {', '.join(map(repr, names)) or 'none'})"


def _checked(value: Any, row: int, column: str) -> str | bytes:
    if isinstance(value, (str, bytes)):
        return value
    is_null = value is None or (isinstance(value, float) and math.isnan(value))  # NaN is how pandas says it
    kind = "null" if is_null else f"a {type(value).__name__}, not text"
    raise CorpusError(f"column {column!r} is {kind}", row=row)
