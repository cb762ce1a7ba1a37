"""Tables of counts in Arrow's format, which Spark, DuckDB, pandas and polars read and write."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_path, describe, describe_type
from fasttok.core.errors import CorpusError, ModelExportError
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.corpus.arrow import TEXT_TYPES
from fasttok.corpus.compression import import_pyarrow
from fasttok.counts.recipe import Recipe

if TYPE_CHECKING:
    import pyarrow as pa

TEXT, COUNT = "pretoken", "count"  # names of the columns that `make_table` writes
RECIPE = b"fasttok.recipe"  # key of the recipe in the metadata of the schema
_AS_BYTES = {"string": "binary", "large_string": "large_binary"}


def make_table(texts: Ragged, counts: NDArray[np.int64], recipe: Recipe, *, binary: bool) -> pa.Table:
    """Return an Arrow table of pretokens and counts. The arrays are not copied.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    ModelExportError
        If a pretoken is not UTF-8, and the column is not binary.
    """
    pa = import_pyarrow("Arrow tables")
    kind = pa.large_binary() if binary else pa.large_string()
    buffers = [None, pa.py_buffer(texts.offsets), pa.py_buffer(np.ascontiguousarray(texts.values))]
    column = pa.Array.from_buffers(kind, len(texts), buffers)
    if not binary:
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            raise _not_utf8(texts) from None
    schema = pa.schema({TEXT: kind, COUNT: pa.int64()}, metadata={RECIPE: recipe.to_json()})
    return pa.table([column, pa.array(counts)], schema=schema)


def _not_utf8(texts: Ragged) -> ModelExportError:
    rows = enumerate(texts.to_bytes())
    i, text = next((i, row) for i, row in rows if row.decode(errors="ignore").encode() != row)
    return ModelExportError(f"row {i}: {describe(text)} is not UTF-8; pass binary=True for a column of bytes")


def read_table(
    table: Any, text_column: str | None, count_column: str | None, *, allows_empty: bool
) -> tuple[Ragged, NDArray[np.int64], Recipe | None]:
    """Return the texts, their counts and the recipe of an Arrow table. O(n) for n bytes.

    Parameters
    ----------
    table : object with ``__arrow_c_stream__``, str or os.PathLike
        Table, or the path of a Parquet file, an Arrow file or a folder of Parquet files.
    text_column, count_column : str, optional
        Names of the columns. Default: "pretoken" and "count", or the only column of text and the only one of
        integers.
    allows_empty : bool
        Whether a text may be empty.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    CorpusError
        If the columns are not in the table, or a row is not a text with a count from 1 to 2^63 - 1.
    TypeError
        If `table` is not an Arrow table.
    """
    path = checked_path("table", table) if isinstance(table, (str, os.PathLike)) else None
    pa = import_pyarrow("Arrow tables")
    try:
        reader = _open(table, path)
        schema = reader.schema
        names = _find_columns(schema, text_column, count_column, path)
        texts: list[Ragged] = []
        counts: list[NDArray[np.int64]] = []
        n = 0
        for batch in reader:
            batch.validate()
            texts.append(_texts(batch.column(names[0]), n, path))
            counts.append(_counts(batch.column(names[1]), n, path))
            n += len(batch)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # of the system, not of the content
            raise
        raise CorpusError(f"pyarrow cannot read the table ({error})", path) from error
    found = Ragged(
        np.concatenate([np.empty(0, np.uint8), *(part.values for part in texts)]),
        lengths_to_offsets(np.concatenate([np.empty(0, np.int64), *(part.lengths for part in texts)])),
    )
    if not allows_empty and not (lengths := found.lengths).all():
        raise CorpusError("a pretoken must not be empty", path, row=int(np.argmin(lengths)))
    return found, np.concatenate([np.empty(0, np.int64), *counts]), _recipe(schema, path)


def _open(table: Any, path: str | None) -> Any:
    """Return a reader of record batches."""
    import pyarrow as pa

    if path is None:
        if isinstance(table, type) or not hasattr(table, "__arrow_c_stream__"):
            raise TypeError(
                "table must be an Arrow table, an object with __arrow_c_stream__, or a path, not "
                f"{describe_type(table)}"
            )
        return pa.RecordBatchReader.from_stream(table)
    if os.path.isdir(path):
        import pyarrow.dataset

        return pyarrow.dataset.dataset(path, format="parquet").scanner().to_reader()
    with open(path, "rb") as file:
        head = file.read(6)
    if head[:4] == b"PAR1":
        import pyarrow.parquet

        return pyarrow.parquet.read_table(path).to_reader()
    if head == b"ARROW1":
        return pa.ipc.open_file(path).read_all().to_reader()
    if head[:4] == b"\xff\xff\xff\xff":
        return pa.ipc.open_stream(path).read_all().to_reader()
    raise CorpusError(f"neither a Parquet file nor an Arrow file: it begins with {head!r}", path)


def _find_columns(
    schema: pa.Schema, text_column: str | None, count_column: str | None, path: str | None
) -> tuple[str, str]:
    """Return the names of the column of text and of the column of counts."""
    found = []
    for given, default, is_kind, what in (
        (text_column, TEXT, _is_text, "text"),
        (count_column, COUNT, _is_integer, "integers"),
    ):
        names = [field.name for field in schema if is_kind(field.type)]
        name = given
        if name is None:
            name = default if default in names else names[0] if len(names) == 1 else None
        argument = "text_column" if what == "text" else "count_column"
        columns = ", ".join(f"{field.name!r} ({field.type})" for field in schema)
        if name is None:
            number = "several columns" if names else "no column"
            advice = f"; pass {argument}=…" if names else ""
            raise CorpusError(f"{number} of {what} (the columns are: {columns}){advice}", path)
        if name not in schema.names:
            raise CorpusError(f"no column {name!r} (the columns are: {columns}); pass {argument}=…", path)
        if name not in names:
            kind = schema.field(schema.names.index(name)).type
            raise CorpusError(f"column {name!r} must be of {what}, not {kind}; cast it first", path)
        if schema.names.count(name) > 1:
            raise CorpusError(f"{schema.names.count(name)} columns are named {name!r}", path)
        found.append(name)
    return found[0], found[1]


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return str(kind) in TEXT_TYPES - {"null"}


def _is_integer(kind: pa.DataType) -> bool:
    """Return whether a column can have counts; sums of DuckDB are decimals without fractional digits."""
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0))


def _texts(column: pa.Array, first: int, path: str | None) -> Ragged:
    """Return the texts of a part of the column; offsets are checked, as wrong ones crash the process."""
    import pyarrow as pa

    _check_nulls(column, "text", first, path)
    if pa.types.is_dictionary(column.type):
        column.indices.validate(full=True)
        column = _as_bytes(column.dictionary).take(column.indices)
    column = _as_bytes(column)
    if column.null_count:
        _check_nulls(column, "text", first, path)
    _, offsets, values = column.buffers()
    starts = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column) + 1]
    data = np.empty(0, np.uint8) if values is None else np.frombuffer(values, np.uint8)
    if not len(column):
        return Ragged(data[:0], np.zeros(1, np.int64))
    return Ragged(data[starts[0] : starts[-1]], starts - starts[0])


def _as_bytes(column: pa.Array) -> pa.Array:
    """Return a column of text as large_binary; the texts need not be UTF-8."""
    import pyarrow as pa

    kind = str(column.type)
    if kind in _AS_BYTES:
        column = column.view(getattr(pa, _AS_BYTES[kind])())
    column.validate(full=True)
    return column.cast(pa.large_binary())


def _counts(column: pa.Array, first: int, path: str | None) -> NDArray[np.int64]:
    import pyarrow as pa

    _check_nulls(column, "count", first, path)
    if pa.types.is_integer(column.type):
        values = column.to_numpy(zero_copy_only=False)
        is_wrong = values < 1
        if values.dtype == np.uint64:
            is_wrong |= values > np.uint64((1 << 63) - 1)
    else:
        values = np.array(column.to_pylist(), object)
        is_wrong = np.array([not 1 <= value < 1 << 63 for value in values], np.bool_)
    if is_wrong.any():
        i = int(np.argmax(is_wrong))
        raise CorpusError(
            f"a count must be an integer from 1 to 2^63 - 1, not {values[i]}", path, row=first + i
        )
    return np.asarray(values, np.int64)


def _check_nulls(column: pa.Array, what: str, first: int, path: str | None) -> None:
    if column.null_count:
        i = int(np.argmin(column.is_valid().to_numpy(zero_copy_only=False)))
        raise CorpusError(f"the {what} is null", path, row=first + i)


def _recipe(schema: pa.Schema, path: str | None) -> Recipe | None:
    written = (schema.metadata or {}).get(RECIPE)
    if written is None:
        return None
    try:
        return Recipe.from_json(written.decode())
    except ValueError as error:
        raise CorpusError(f"the recipe in the metadata is damaged: {error}", path) from None
