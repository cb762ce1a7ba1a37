"""Counting with limited memory: tables that grow too large are written to temporary files and merged later.

A table is written as a run: its rows, sorted by their bytes, in blocks. Merging is streamed, with one block
per run in memory.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from threading import Lock
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_integer, describe
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.counts._hash import PretokenTable

Rows = tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]  # text, offsets, counts

BLOCK_BYTES = 1 << 16  # size of a block of a run
FAN_IN = 16  # number of runs that are merged at once
LEAST_BYTES = 1 << 22  # smallest limit for the table of a thread; merging needs at most this much memory
# Bytes per unit, for a max_memory that is text.
UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
UNITS |= {"KI": 1 << 10, "MI": 1 << 20, "GI": 1 << 30, "TI": 1 << 40}


class Spill:
    """Context manager of temporary files with the counts that do not fit the tables of the threads.

    The folder of the files is created together with the first file, and is always deleted at the end.

    Parameters
    ----------
    share : int or None
        Limit for the table of each thread, in bytes; None for no limit.
    """

    def __init__(self, share: int | None) -> None:
        self._share = share
        self._runs: list[str] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._lock = Lock()

    def __enter__(self) -> Spill:
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    def ensure_capacity(self, table: PretokenTable, n_text: int) -> None:
        """Write a table to a run and clear it, if `n_text` more bytes could make it exceed its share."""
        if self._share is not None and len(table) and table.peak_bytes(n_text) > self._share:
            self._write_table(table)

    def merge(self, tables: Sequence[PretokenTable]) -> tuple[Ragged, NDArray[np.int64]]:
        """Return the distinct pretokens of all tables and runs, and their counts.

        Rows with the same count are sorted by their bytes, as `PretokenCounts.from_sorted` requires. The
        tables must not be used afterwards. Takes O(n log n) time for n rows in all tables and runs.

        Raises
        ------
        OverflowError
            If a count exceeds 2^63 - 1.
        OSError
            If a run cannot be written or read.
        """
        if not self._runs:
            whole, *others = sorted(tables, key=len, reverse=True) or [PretokenTable()]
            for table in others:
                whole.absorb(table)
                table.clear()
            whole.sort(by_count=True)
            return _join([whole.rows()])
        for table in tables:  # frees their memory for the result
            self._write_table(table)
        while len(self._runs) > FAN_IN:
            group, self._runs = self._runs[:FAN_IN], self._runs[FAN_IN:]
            self._write_run(merge_runs([read_run(path) for path in group]))
            for path in group:
                os.unlink(path)
        return _join(merge_runs([read_run(path) for path in self._runs]))

    def _write_table(self, table: PretokenTable) -> None:
        table.sort()
        try:
            self._write_run(table.blocks(BLOCK_BYTES))
        finally:  # also after an error, since the thread may still have another batch
            table.clear()

    def _write_run(self, blocks: Iterable[Rows]) -> None:
        try:
            with self._lock:
                if self._folder is None:
                    self._folder = tempfile.TemporaryDirectory(prefix="fasttok-")
            handle, path = tempfile.mkstemp(dir=self._folder.name)
            with open(handle, "wb") as file:
                for text, offsets, counts in blocks:
                    for array in (np.array([len(text), len(counts)], np.int64), text, offsets, counts):
                        file.write(array.data)
        except OSError as error:
            hint = "counts beyond max_memory are written to this folder; set TMPDIR to use another"
            reason = f"{error.strerror} ({hint})"
            raise OSError(error.errno, reason, tempfile.gettempdir()) from error
        self._runs.append(path)


def read_run(path: str) -> Iterator[Rows]:
    """Yield the blocks of a run."""
    with open(path, "rb") as file:
        end = os.path.getsize(path)
        while file.tell() < end:
            n_text, n_rows = _read(file, 2, np.int64).tolist()
            text = _read(file, n_text, np.uint8)
            yield text, _read(file, n_rows + 1, np.int64), _read(file, n_rows, np.int64)


def merge_runs(runs: Iterable[Iterator[Rows]]) -> Iterator[Rows]:
    """Yield the rows of sorted runs, sorted by bytes, with the counts of equal pretokens added.

    Each run has one block in memory. The smallest of the last rows of these blocks is a bound: all rows up to
    the bound, of all runs, are in memory. These rows are added, sorted and yielded. Takes O(n log n) time for
    n rows.
    """
    heads = [_Head(run) for run in runs]
    while heads := [head for head in heads if head.has_rows()]:
        bound = min(head.last() for head in heads)
        table = PretokenTable()
        for head in heads:
            table.add(*head.take_until(bound))
        table.sort()
        yield table.rows()


class _Head:
    """Current block of a run that is being merged, and the next row in it."""

    def __init__(self, run: Iterator[Rows]) -> None:
        self._run = run
        self._text = np.empty(0, np.uint8)
        self._offsets = np.zeros(1, np.int64)
        self._counts = np.empty(0, np.int64)
        self._row = 0

    def has_rows(self) -> bool:
        """Return whether the run has more rows; reads the next block if the current one is finished."""
        if self._row == len(self._counts):
            block = next(self._run, None)
            if block is None:
                return False
            self._text, self._offsets, self._counts = block
            self._row = 0
        return True

    def last(self) -> bytes:
        """Return the last pretoken of the block."""
        return self._pretoken(len(self._counts) - 1)

    def take_until(self, bound: bytes) -> Rows:
        """Return the next rows up to and including the pretoken `bound`, and move past them."""
        first = self._row
        self._row = bisect_right(range(len(self._counts)), bound, lo=first, key=self._pretoken)
        return self._text, self._offsets[first : self._row + 1], self._counts[first : self._row]

    def _pretoken(self, row: int) -> bytes:
        return self._text[self._offsets[row] : self._offsets[row + 1]].tobytes()


def share_memory(max_memory: int | str, workers: int) -> int:
    """Return the memory limit per thread, in bytes; `max_memory` may be text like "500 MB" or "1.5GiB".

    Raises
    ------
    TypeError
        If `max_memory` is neither an ``int`` nor a ``str``.
    ValueError
        If the text is not a size, or the limit per thread is below 4 MiB.

    Examples
    --------
    >>> share_memory("2GB", 2), share_memory("12.5 MiB", 1)
    (1000000000, 13107200)
    """
    if isinstance(max_memory, str):
        match = re.fullmatch(r"([0-9]{1,30}(?:\.[0-9]{1,30})?) ?([KMGT]I?)?B?", max_memory.strip().upper())
        if match is None:
            raise ValueError(
                'max_memory must be a number of bytes or text like "2GB" or "500 MiB", not '
                f"{describe(max_memory)}"
            )
        size = int(Fraction(match[1]) * UNITS[match[2] or ""])
    else:
        size = checked_integer("max_memory", max_memory, 'a number of bytes or text like "2GB"')
    least = workers * LEAST_BYTES
    if size < least:
        raise ValueError(
            f"max_memory must be at least {least:,} bytes with workers={workers}, not {describe(max_memory)}"
        )
    return size // workers


def _read(file: BinaryIO, n: int, dtype: Any) -> NDArray[Any]:
    array = np.empty(n, dtype)
    if file.readinto(array.view(np.uint8)) < array.nbytes:  # type: ignore[attr-defined]
        raise OSError(errno.EIO, "a temporary file was truncated", file.name)
    return array


def _join(blocks: Iterable[Rows]) -> tuple[Ragged, NDArray[np.int64]]:
    texts, lengths, counts = [np.empty(0, np.uint8)], [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for text, offsets, block_counts in blocks:
        texts.append(text)
        lengths.append(np.diff(offsets))
        counts.append(block_counts)
    rows = Ragged(np.concatenate(texts), lengths_to_offsets(np.concatenate(lengths)))
    return rows, np.concatenate(counts)
