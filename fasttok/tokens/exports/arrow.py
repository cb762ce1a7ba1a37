"""Parquet and Arrow: a column of lists of ids, one row per document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_choice, checked_word
from fasttok.core.errors import TokenStoreError
from fasttok.tokens.exports.base import (
    BLOCK,
    INT32_IDS,
    UINT16_IDS,
    Ids,
    Part,
    TokenFormat,
    TokenSource,
    check_vocabulary,
    checked_block,
    stored_order,
)
from fasttok.tokens.exports.output import open_files

ROWS = 1 << 16  # most rows of a batch
ARROW_FILE = b"ARROW1"  # first bytes of the file format; the stream format has none


def import_pyarrow() -> Any:
    """Import pyarrow.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise ImportError("Parquet and Arrow files of ids need pyarrow: pip install pyarrow") from error
    return pyarrow


def export_parquet(
    store: TokenSource, path: str, *, column: str = "input_ids", compression: str = "zstd"
) -> tuple[str, ...]:
    """Write a Parquet file with one row per document.

    Parameters
    ----------
    store : TokenStore
        The ids.
    path : str
        The file.
    column : str
        Name of the column, of type list<uint16> if the vocabulary fits, else list<int32>.
    compression : {"zstd", "snappy", "none"}
        Compression of the column.
    """
    checked_choice("compression", compression, "zstd", "snappy", "none")
    import_pyarrow()
    import pyarrow.parquet as pq

    def open_writer(file: Any, schema: Any) -> Any:
        return pq.ParquetWriter(file, schema, compression=compression)

    return _export(store, path, column, open_writer)


def export_arrow(
    store: TokenSource, path: str, *, column: str = "input_ids", container: str = "stream"
) -> tuple[str, ...]:
    """Write an Arrow file with one row per document.

    Parameters
    ----------
    store : TokenStore
        The ids.
    path : str
        The file.
    column : str
        Name of the column, of type list<uint16> if the vocabulary fits, else list<int32>.
    container : {"stream", "file"}
        Format of the file: "stream" as in the files of Hugging Face datasets, or "file", also called Feather.
    """
    checked_choice("container", container, "stream", "file")
    pa = import_pyarrow()
    return _export(store, path, column, pa.ipc.new_stream if container == "stream" else pa.ipc.new_file)


def _export(
    store: TokenSource, path: str, column: str, open_writer: Callable[[Any, Any], Any]
) -> tuple[str, ...]:
    import pyarrow as pa

    check_vocabulary(store, INT32_IDS, "a column of int32", 'use another format, such as "olmo"')
    kind, type_ = (np.uint16, pa.uint16()) if store.vocab_size <= UINT16_IDS else (np.int32, pa.int32())
    offsets = store.offsets
    longest = int(np.diff(offsets).max()) if len(offsets) > 1 else 0
    if longest >= INT32_IDS:
        raise TokenStoreError(
            f"document {int(np.diff(offsets).argmax())} has {longest:,} ids, but a list has less than 2^31",
            store.path,
        )
    schema = pa.schema([(checked_word("column", column), pa.list_(type_))])
    read = stored_order(store)
    with open_files(store, [path]) as [file], open_writer(file, schema) as writer:
        for start, stop in _batches(offsets):
            first, last = int(offsets[start]), int(offsets[stop])
            ids = checked_block(read(first, last), store.vocab_size, store.path, first)
            values = pa.array(np.ascontiguousarray(ids, kind))
            places = pa.array((offsets[start : stop + 1] - first).astype(np.int32))
            lists = pa.ListArray.from_arrays(places, values)
            writer.write_batch(pa.record_batch([lists], schema=schema))
    return (path,)


def _batches(offsets: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last document plus 1 of batches of at most `ROWS` rows, about `BLOCK` ids."""
    start, n = 0, len(offsets) - 1
    while start < n:
        stop = int(np.searchsorted(offsets, offsets[start] + BLOCK, "right")) - 1
        stop = min(max(stop, start + 1), start + ROWS, n)
        yield start, stop
        start = stop


def read_parquet(paths: list[str], expected: Ids, *, column: str = "input_ids") -> Iterator[Part]:
    """Read Parquet files with a column of lists of integers."""
    import_pyarrow()
    import pyarrow.parquet as pq

    def open_file(path: str) -> tuple[Any, Any]:
        file = pq.ParquetFile(path, memory_map=True)
        batches = (
            file.iter_batches(ROWS // 16, row_groups=[i], columns=[column])
            for i in range(file.num_row_groups)
        )
        return file.schema_arrow, chain.from_iterable(batches)

    return _read(paths, expected, column, open_file)


def read_arrow(paths: list[str], expected: Ids, *, column: str = "input_ids") -> Iterator[Part]:
    """Read Arrow files, of both formats, with a column of lists of integers."""
    pa = import_pyarrow()

    def open_file(path: str) -> tuple[Any, Any]:
        file = pa.memory_map(path)
        if file.read(len(ARROW_FILE)) == ARROW_FILE:
            reader = pa.ipc.open_file(file)
            return reader.schema, (reader.get_batch(i) for i in range(reader.num_record_batches))
        file.seek(0)
        reader = pa.ipc.open_stream(file)
        return reader.schema, reader

    return _read(paths, expected, column, open_file)


def _read(
    paths: list[str], expected: Ids, column: str, open_file: Callable[[str], tuple[Any, Any]]
) -> Iterator[Part]:
    import pyarrow as pa

    checked_word("column", column)
    opened = []
    for path in paths:
        with open(path, "rb"):
            pass  # an error of the system, before those of pyarrow
        try:
            schema, batches = open_file(path)
        except (pa.lib.ArrowException, ValueError, OSError) as error:
            raise TokenStoreError(f"the file cannot be read: {error}", path) from None
        _check_column(schema, column, path)
        opened.append((path, batches))
    return chain.from_iterable(_parts(path, batches, column, expected) for path, batches in opened)


def _check_column(schema: Any, column: str, path: str) -> None:
    import pyarrow as pa

    if column not in schema.names:
        names = ", ".join(map(repr, schema.names))
        raise TokenStoreError(f"no column {column!r} (the columns are: {names}); pass column=", path)
    kind = schema.field(column).type
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    if not is_list or not pa.types.is_integer(kind.value_type):
        raise TokenStoreError(f"the column {column!r} has the type {kind}, not a list of integers", path)


def _parts(path: str, batches: Any, column: str, expected: Ids) -> Iterator[Part]:
    import pyarrow as pa

    row = at = 0
    try:
        for batch in batches:
            lists = batch.column(column)
            lists.validate(full=True)  # pyarrow aborts the process on damaged offsets
            if lists.null_count:
                missing = row + int(np.argmax(lists.is_null().to_numpy(zero_copy_only=False)))
                raise TokenStoreError(f"row {missing} of the column {column!r} is null", path)
            values = lists.flatten()
            if values.null_count:
                raise TokenStoreError(f"a row from {row} on has a null among the ids", path)
            ids = checked_block(values.to_numpy(), expected.vocab_size, path, at)
            lengths = lists.value_lengths().to_numpy().astype(np.int64)
            yield Part(ids, np.cumsum(lengths))
            row, at = row + len(lists), at + len(ids)
    except TokenStoreError:
        raise
    except (pa.lib.ArrowException, ValueError, OSError) as error:
        raise TokenStoreError(f"the file is damaged after row {row}: {error}", path) from None


PARQUET = TokenFormat(
    "parquet", "Parquet: a column of lists of uint16 or int32", export_parquet, read_parquet, "*.parquet"
)
ARROW = TokenFormat(
    "arrow", "Arrow: a column of lists of uint16 or int32", export_arrow, read_arrow, "*.arrow"
)
