"""Conversion of UTF-8 to uint32 code points and back, lossless for all bytes.

An invalid byte 0xNN becomes the code point U+DCNN, as with Python's surrogateescape. So encoding inverts decoding
for every byte string.
"""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint32_t

from fasttok.core._keys cimport load8
from fasttok.text.unicode._utf8 cimport read_code_point, write_code_point


def decode_code_points(
    const uint8_t[::1] text, const int64_t[::1] offsets, uint32_t[::1] out, int64_t[::1] out_offsets
):
    """Write the code points of each row to `out` and their offsets to `out_offsets`; return their number.

    `text` is uint8[n], `offsets` and `out_offsets` are int64[k + 1]. Rows are decoded independently: a sequence that
    continues in the next row is invalid. `out` must have the capacity for one code point per byte.
    """
    cdef Py_ssize_t row, i, end, length, n = 0
    with nogil:
        for row in range(offsets.shape[0] - 1):
            out_offsets[row] = n
            i = offsets[row]
            end = offsets[row + 1]
            while i < end:
                out[n] = read_code_point(&text[0], i, end, &length)
                i += length
                n += 1
        out_offsets[offsets.shape[0] - 1] = n
    return n


def encode_code_points(
    const uint32_t[::1] code_points, const int64_t[::1] offsets, uint8_t[::1] out, int64_t[::1] out_offsets
):
    """Write the UTF-8 of each row to `out` and its offsets to `out_offsets`; return the number of bytes.

    `code_points` is uint32[n], `offsets` and `out_offsets` are int64[k + 1]. Code points must be below 0x110000. The
    only surrogates allowed are U+DC80 to U+DCFF, which are written as bytes. `out` must have the capacity for four
    bytes per code point.
    """
    cdef Py_ssize_t row, i, n = 0
    with nogil:
        for row in range(offsets.shape[0] - 1):
            out_offsets[row] = n
            for i in range(offsets[row], offsets[row + 1]):
                n += write_code_point(&out[n], code_points[i])
        out_offsets[offsets.shape[0] - 1] = n
    return n


cdef struct Cursor:
    Py_ssize_t at  # a byte position between two code points
    Py_ssize_t n  # number of code points before `at`
    Py_ssize_t end_of_ascii  # all bytes from `at` up to this position are ASCII


cdef inline void move_to(Cursor* cursor, const uint8_t* text, Py_ssize_t end, Py_ssize_t stop) noexcept nogil:
    """Move the cursor after all code points that begin before `stop`."""
    cdef Py_ssize_t size
    while cursor.at < stop:
        if cursor.at < cursor.end_of_ascii:
            size = min(stop, cursor.end_of_ascii) - cursor.at
            cursor.n += size
        elif text[cursor.at] < 0x80:
            cursor.end_of_ascii = find_end_of_ascii(text, cursor.at, end)
            continue
        else:
            read_code_point(text, cursor.at, end, &size)
            cursor.n += 1
        cursor.at += size


cdef Py_ssize_t find_end_of_ascii(const uint8_t* text, Py_ssize_t i, Py_ssize_t end) noexcept nogil:
    """Return the end of the run of ASCII bytes at `i`."""
    while i + 8 <= end and load8(text + i) & 0x8080808080808080U == 0:
        i += 8
    while i < end and text[i] < 0x80:
        i += 1
    return i


def locate_code_points(
    const uint8_t[::1] text, const int64_t[:, ::1] byte_spans, int64_t[:, ::1] out
):
    """Convert spans of bytes to spans of code points; return the index of the first span not within the text, or -1.

    `text` is uint8[n], `byte_spans` and `out` are int64[m, 2]. A span of code points contains every code point of which
    at least one byte is in the span of bytes. An empty span stays empty, unless it is inside a code point. Spans may
    overlap and be in any order: O(n + m) if neither their starts nor their ends decrease, otherwise O(n + m log m). If
    a span is not within the text, `out` is undefined.
    """
    cdef Py_ssize_t i
    if locate_ascending(text, byte_spans, out):
        return -1
    for i in range(byte_spans.shape[0]):
        if not 0 <= byte_spans[i, 0] <= byte_spans[i, 1] <= text.shape[0]:
            return i
    # Starts and ends are converted independently, so each can be sorted and put back in its own order.
    order = np.argsort(byte_spans, axis=0, kind="stable")
    located = np.take_along_axis(np.asarray(byte_spans), order, axis=0)
    locate_ascending(text, located, located)
    np.put_along_axis(np.asarray(out), order, located, axis=0)
    return -1


cdef bint locate_ascending(
    const uint8_t[::1] text, const int64_t[:, ::1] byte_spans, int64_t[:, ::1] out
):
    """Convert spans; return False at the first one that is not within the text or not after the span before it."""
    cdef Py_ssize_t i, start, stop, last_start = 0, last_stop = 0, end = text.shape[0]
    cdef bint is_ascending = True
    cdef Cursor begun = Cursor(0, 0, 0)  # counts code points that begin at or before the first byte of a span
    cdef Cursor before = begun  # counts code points that begin before the end of a span
    cdef const uint8_t* data = &text[0] if end else NULL
    with nogil:
        for i in range(byte_spans.shape[0]):
            start = byte_spans[i, 0]
            stop = byte_spans[i, 1]
            if start < last_start or stop < last_stop or start > stop or stop > end:
                is_ascending = False
                break
            if begun.at < before.at <= start:
                begun = before  # the usual case: these were counted for the span before
            move_to(&begun, data, end, min(start + 1, end))
            move_to(&before, data, end, stop)
            out[i, 0] = begun.n - (start < end)
            out[i, 1] = before.n
            last_start = start
            last_stop = stop
    return is_ascending
