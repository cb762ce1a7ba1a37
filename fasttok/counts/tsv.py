r"""Tables of counts as text: lines of a pretoken, a tab and its count, as sentencepiece reads them.

With escapes, ``\t``, ``\n``, ``\r``, ``\\`` and ``\xNN`` are a tab, a line feed, a carriage return, a
backslash and the byte NN.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import describe
from fasttok.core.errors import CorpusError, ModelExportError
from fasttok.core.ragged import Ragged
from fasttok.core.saving import atomic_write
from fasttok.corpus.compression import find_compression

_LINES_PER_WRITE = 1 << 16
_TAB, _LINE_FEED, _RETURN, _ZERO = b"\t\n\r0"
_MARK = b"\xef\xbb\xbf"  # byte order mark of UTF-8, which is not part of the first text
_MOST_DIGITS = 19  # of 2^63 - 1
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.?)", re.DOTALL)
_CHARACTERS = {b"\\": b"\\", b"t": b"\t", b"n": b"\n", b"r": b"\r"}
_NAMES = {_TAB: "a tab", _LINE_FEED: "a line feed", _RETURN: "a carriage return"}


def read_tsv(
    path: str, *, escapes: bool = False, header: bool = False, allows_empty: bool = False
) -> tuple[Ragged, NDArray[np.int64]]:
    """Read a table of texts and counts. O(n) for n bytes.

    Parameters
    ----------
    path : str
        File. A byte order mark at its beginning is ignored.
    escapes : bool
        Whether texts contain escapes.
    header : bool
        Whether the first line is skipped.
    allows_empty : bool
        Whether a text may be empty.

    Returns
    -------
    texts : Ragged of uint8
        Text of each line; a text may occur several times.
    counts : ndarray of int64
        Count of each text, at least 1.

    Raises
    ------
    CorpusError
        If a line is not a text, a tab and an integer from 1 to 2^63 - 1, a text is empty although
        `allows_empty` is False, an escape is unknown, or the file is compressed.
    OSError
        If the file cannot be read.
    """
    with open(path, "rb") as file:
        content = file.read()
    # The first text may begin as compressed data does, so a table without a header must prove to be wrong.
    if header:
        _refuse_compressed(content, path)
    try:
        return _read_rows(content, path, escapes, 2 if header else 1, allows_empty)
    except CorpusError:
        _refuse_compressed(content, path)
        raise


def write_tsv(path: str, texts: Ragged, counts: NDArray[np.int64], *, escapes: bool = False) -> None:
    """Write a table that `read_tsv` reads, atomically.

    Raises
    ------
    ModelExportError
        If a text cannot be written without escapes.
    """
    if escapes:
        texts = _escape(texts)
    else:
        _check_plain(texts)
    with atomic_write(path) as file:
        for first in range(0, len(texts), _LINES_PER_WRITE):
            part = texts[first : first + _LINES_PER_WRITE].to_bytes()
            numbers = counts[first : first + _LINES_PER_WRITE].tolist()
            file.write(b"".join(b"%b\t%d\n" % row for row in zip(part, numbers, strict=True)))


def _refuse_compressed(content: bytes, path: str) -> None:
    if compression := find_compression(content[:1024]):
        raise CorpusError(f"the file is compressed with {compression}; decompress it first", path) from None


def _read_rows(
    content: bytes, path: str, escapes: bool, first_line: int, allows_empty: bool
) -> tuple[Ragged, NDArray[np.int64]]:
    """Return the texts and counts of the lines from `first_line` on, which is 1 or 2."""
    data = np.frombuffer(content, np.uint8)[len(_MARK) if content.startswith(_MARK) else 0 :]
    ends = np.flatnonzero(data == _LINE_FEED)
    if len(data) and data[-1] != _LINE_FEED:
        ends = np.append(ends, len(data))
    starts = np.append(0, ends + 1)[: len(ends)]
    starts, ends = starts[first_line - 1 :], ends[first_line - 1 :]
    tabs = np.flatnonzero(data == _TAB)
    n_tabs = np.searchsorted(tabs, ends) - np.searchsorted(tabs, starts)
    if (wrong := np.flatnonzero(n_tabs != 1)).size:
        i = int(wrong[0])
        raise CorpusError(
            f"a line must be a text, one tab and a count, but has {n_tabs[i]} tabs: "
            f"{_show(data[starts[i] : ends[i]])}",
            path,
            line=first_line + i,
        )
    tabs = tabs[np.searchsorted(tabs, starts)]
    counts = _parse(data, tabs + 1, ends, path, first_line)
    if not allows_empty and (tabs == starts).any():
        raise CorpusError(
            "a pretoken must not be empty", path, line=first_line + int(np.argmax(tabs == starts))
        )
    if not len(starts):
        return Ragged(data[:0], np.zeros(1, np.int64)), counts
    # The rows alternate: a text, then the rest of its line.
    offsets = np.append(np.stack([starts, tabs], axis=1).reshape(-1), len(data))
    texts = Ragged(data, offsets).take(np.arange(0, 2 * len(starts), 2))
    return _unescape(texts, path, first_line) if escapes else texts, counts


def _parse(
    data: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64], path: str, first_line: int
) -> NDArray[np.int64]:
    """Return the numbers at the ends of lines; a carriage return before the end belongs to the line feed."""
    if not len(starts):
        return np.empty(0, np.int64)
    ends = ends - ((ends > starts) & (data[ends - 1] == _RETURN))
    widths = ends - starts
    is_valid = (widths >= 1) & (widths <= _MOST_DIGITS)
    values = np.zeros(len(starts), np.uint64)
    for k in range(_MOST_DIGITS):
        rows = np.flatnonzero(is_valid & (widths > k))
        digits = data[starts[rows] + k] - np.uint8(_ZERO)
        is_valid[rows] &= digits <= 9
        values[rows] = values[rows] * np.uint64(10) + digits
    is_valid &= (values >= 1) & (values < 1 << 63)
    if (wrong := np.flatnonzero(~is_valid)).size:
        i = int(wrong[0])
        advice = "; pass header=True if this is a line of names" if i == 0 and first_line == 1 else ""
        raise CorpusError(
            f"a count must be an integer from 1 to 2^63 - 1, not {_show(data[starts[i] : ends[i]])}{advice}",
            path,
            line=first_line + i,
        )
    return values.astype(np.int64)


def _show(text: NDArray[np.uint8]) -> str:
    return describe(text[:100].tobytes().decode(errors="backslashreplace"))


def _rows_with(texts: Ragged, is_searched: NDArray[np.bool_]) -> list[int]:
    """Return the indices of the rows that contain one of the bytes where `is_searched` is true."""
    rows: list[int] = np.unique(
        np.searchsorted(texts.offsets, np.flatnonzero(is_searched), side="right") - 1
    ).tolist()
    return rows


def _replace_rows(texts: Ragged, new: dict[int, bytes]) -> Ragged:
    """Return the texts with other ones in some rows."""
    if not new:
        return texts
    added = Ragged.from_bytes([*new.values()])
    n = len(texts.values)
    both = Ragged(
        np.concatenate([texts.values, added.values]), np.append(texts.offsets[:-1], added.offsets + n)
    )
    order = np.arange(len(texts))
    order[[*new]] = len(texts) + np.arange(len(new))
    return both.take(order)


def _escape(texts: Ragged) -> Ragged:
    values = texts.values
    rows = _rows_with(texts, np.isin(values, np.frombuffer(b"\\\t\n\r", np.uint8)) | (values >= 0x80))
    return _replace_rows(texts, {i: _escape_text(texts[i].tobytes(), i == 0) for i in rows})


def _escape_text(text: bytes, is_first: bool) -> bytes:
    for letter, character in _CHARACTERS.items():  # backslashes come first
        text = text.replace(character, b"\\" + letter)
    text = text.decode(errors="backslashreplace").encode()  # other bytes become \xNN
    if is_first and text.startswith(_MARK):
        text = rb"\xef\xbb\xbf" + text[len(_MARK) :]
    return text


def _unescape(texts: Ragged, path: str, first_line: int) -> Ragged:
    def replace(match: re.Match[bytes]) -> bytes:
        if len(match[1]) == 3:
            return bytes.fromhex(match[1][1:].decode())
        if match[1] in _CHARACTERS:
            return _CHARACTERS[match[1]]
        raise CorpusError(
            f"unknown escape {_show(np.frombuffer(match[0], np.uint8))}; the escapes are "
            r"\t, \n, \r, \\ and \xNN",
            path,
            line=first_line + i,
        )

    new = {}
    for i in _rows_with(texts, texts.values == ord("\\")):
        new[i] = _ESCAPE.sub(replace, texts[i].tobytes())
    return _replace_rows(texts, new)


def _check_plain(texts: Ragged) -> None:
    advice = "pass escapes=True, or use to_arrow or save"
    if (is_special := np.isin(texts.values, [*_NAMES])).any():
        position = int(np.argmax(is_special))
        row = int(np.searchsorted(texts.offsets, position, side="right")) - 1
        raise ModelExportError(
            f"row {row}: {_show(texts[row])} contains {_NAMES[int(texts.values[position])]}; {advice}"
        )
    if len(texts) and texts[0].tobytes().startswith(_MARK):
        raise ModelExportError(f"row 0: {_show(texts[0])} begins with a byte order mark; {advice}")
