"""Reader of a text column of a table in memory: Arrow tables, data frames, datasets, iterables of records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import zip_longest
from typing import Any

from fasttok.core.checks import is_iterable
from fasttok.core.errors import CorpusError
from fasttok.corpus.arrow import column_rows, find_columns
from fasttok.corpus.compression import import_pyarrow
from fasttok.corpus.fields import Field, Missing, Row, WrongValue, is_null, split_path

_END = object()  # fills up a column that is shorter than another one


def check_table(table: Any, field: Field) -> None:
    """Raise an error if an object has no rows, or its columns are known and one of them is missing.

    Raises
    ------
    TypeError
        If the table is a single text, a set, or cannot be iterated.
    ImportError
        If the table is an Arrow table and pyarrow is not installed.
    CorpusError
        If a column does not exist, or is not text.
    """
    is_known = is_iterable(table) or _is_arrow(table)
    if isinstance(table, (str, bytes, bytearray, memoryview, type)) or not is_known:
        kind = type(table).__name__
        more = "" if is_iterable(table) else f"; {kind!r} is not iterable"
        raise TypeError(f"table must have rows and a text column, not be a {kind}{more}")
    if isinstance(table, Set) and not isinstance(table, Mapping):
        raise TypeError(f"table must have its rows in a certain order, not be a {type(table).__name__}")
    if _is_arrow(table):
        import_pyarrow("Arrow tables")
        if hasattr(getattr(table, "schema", None), "field"):  # that of pyarrow
            find_columns(table.schema, field)
    elif _has_columns(table):
        _find_columns(table, field)


def table_rows(table: Any, field: Field) -> Iterator[Row]:
    """Yield the texts of a table; `Corpus.from_table` lists the supported tables.

    Raises
    ------
    ImportError
        If the table is an Arrow stream and pyarrow is not installed.
    CorpusError
        If a column does not exist or is not text.
    """
    if _is_arrow(table):
        reader = import_pyarrow("Arrow tables").RecordBatchReader.from_stream(table)
        yield from column_rows(reader, find_columns(reader.schema, field), field)
    elif _has_columns(table):
        # Iterating over the columns reads no other column.
        names = _find_columns(table, field)
        columns = [_values(table, name) for name in names]
        for row, values in enumerate(zip_longest(*columns, fillvalue=_END)):
            if _END in values:
                raise CorpusError(f"columns {', '.join(map(repr, names))} have different lengths", row=row)
            yield _row(field, dict(zip(names, values, strict=True)), row)
    else:
        for row, record in enumerate(table):
            yield _row(field, record, row)


def _row(field: Field, record: Any, row: int) -> Row:
    """Return the row of a record, or of a text or null in the place of a record."""
    if hasattr(record, "as_py"):  # a scalar of pyarrow
        record = record.as_py()
    try:
        if isinstance(record, Mapping):
            return Row(field.extract(record), None, row)
        if field.single is None:
            if is_null(record):
                return Row(Missing("the record is null", is_null=True), None, row)
            raise WrongValue(f"a row must be a record with columns, not {type(record).__name__}")
        return Row(field.join([record]), None, row)
    except WrongValue as error:
        raise CorpusError(str(error), row=row) from None


def _is_arrow(table: Any) -> bool:
    """Return whether a table is read as an Arrow stream; a column, which has such a stream, too, is not."""
    has_schema = hasattr(type(table), "schema") or not (is_iterable(table) or _has_columns(table))
    return has_schema and hasattr(table, "__arrow_c_stream__")


def _has_columns(table: Any) -> bool:
    return isinstance(table, Mapping) or hasattr(type(table), "columns")


def _find_columns(table: Any, field: Field) -> list[Any]:
    """Return the names of the columns that have the fields, or may have the records in which they are."""
    names = list(table.columns if hasattr(type(table), "columns") else table)
    found: dict[Any, None] = {}
    for name in field.names:
        outers = [name] if name in names else [outer for outer, _ in split_path(name) if outer in names]
        if not outers:
            raise CorpusError(field.missing(name, names))
        found.update(dict.fromkeys(outers))
    for name in found:
        if names.count(name) > 1:
            raise CorpusError(f"{names.count(name)} columns are named {name!r}")
    return list(found)


def _values(table: Any, name: Any) -> Iterable[Any]:
    column = table[name]
    if isinstance(column, (str, bytes, Mapping, Set, Iterator)) or not is_iterable(column):
        raise CorpusError(f"column {name!r} must be a list of texts, not {type(column).__name__}")
    values: Iterable[Any] = column.to_pylist() if hasattr(column, "to_pylist") else column
    return values
