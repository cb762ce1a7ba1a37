"""UTF-8 to uint32 code points and back, without loss for any bytes.

A byte that is not UTF-8 is U+DC80 to U+DCFF, as in Python's surrogateescape, so that the two kernels
are each other's inverse on every byte string.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from fasttok.core._keys cimport load8
from fasttok.text.unicode._utf8 cimport read_code_point, write_code_point


def decode_code_points(
    const uint8_t[::1] text, const int64_t[::1] offsets, uint32_t[::1] out, int64_t[::1] out_offsets
):
    """Write the code points of each row to `out`, its bounds to `out_offsets`; return how many.

    A row is read on its own: a sequence cut by a row's end is not valid. `out` must have room for one
    code point a byte.
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
    """Write the UTF-8 of each row to `out`, its bounds to `out_offsets`; return how many bytes.

    The code points must be below U+110000, and surrogates only U+DC80 to U+DCFF. `out` must have room
    for four bytes a code point.
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
    Py_ssize_t at  # the end of a code point,
    Py_ssize_t n  # of so many
    Py_ssize_t end_of_ascii  # up to here all bytes from `at` on are ASCII


cdef inline void move_to(Cursor* cursor, const uint8_t* text, Py_ssize_t end, Py_ssize_t stop) noexcept nogil:
    """Move on past all code points that begin before `stop`."""
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
    while i + 8 <= end and load8(text + i) & 0x8080808080808080U == 0:
        i += 8
    while i < end and text[i] < 0x80:
        i += 1
    return i


def locate_code_points(
    const uint8_t[::1] text, const int64_t[:, ::1] byte_spans, int64_t[:, ::1] out
):
    """Write for each span of bytes the span of the code points that its first to its last byte belong to.

    Spans must lie within the text, and neither their starts nor their ends may decrease. One that is empty is so in
    code points too, unless it lies inside one.
    """
    cdef Py_ssize_t i, start, end = text.shape[0]
    cdef Cursor begun = Cursor(0, 0, 0)  # the code points that begin up to a span's first byte,
    cdef Cursor before = begun  # and those that begin before its end
    cdef const uint8_t* data = &text[0] if end else NULL
    with nogil:
        for i in range(byte_spans.shape[0]):
            start = byte_spans[i, 0]
            if begun.at < before.at <= start:
                begun = before  # the usual case: they were read for the span before
            move_to(&begun, data, end, min(start + 1, end))
            move_to(&before, data, end, min(<Py_ssize_t>byte_spans[i, 1], end))
            out[i, 0] = begun.n - (start < end)
            out[i, 1] = before.n
