"""UTF-8 to uint32 code points and back, without loss for any bytes.

A byte that is not UTF-8 is U+DC80 to U+DCFF, as in Python's surrogateescape, so that the two kernels
are each other's inverse on every byte string.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t

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


def locate_code_points(
    const uint8_t[::1] text, const int64_t[:, ::1] byte_spans, int64_t[:, ::1] out
):
    """Write for each span of bytes the span of the code points that its first to its last byte belong to.

    Spans must lie within the text, and neither their starts nor their ends may decrease. One that is empty is so in
    code points too, unless it lies inside one. In ASCII both are the same.
    """
    cdef Py_ssize_t end = text.shape[0], n = byte_spans.shape[0], i
    with nogil:
        if end and not is_ascii(&text[0], end):
            locate_characters(&text[0], end, byte_spans, out)
        else:
            for i in range(n):
                out[i, 0] = byte_spans[i, 0]
                out[i, 1] = byte_spans[i, 1]


cdef void locate_characters(
    const uint8_t* text, Py_ssize_t end, const int64_t[:, ::1] byte_spans, int64_t[:, ::1] out
) noexcept nogil:
    cdef Py_ssize_t i, size = 0
    cdef Py_ssize_t n_begun = 0, at = 0  # code points that begin up to a span's first byte, and where they end
    cdef Py_ssize_t n_before = 0, before = 0  # code points that begin before its end, and where they end
    for i in range(byte_spans.shape[0]):
        while at <= byte_spans[i, 0] and at < end:
            read_code_point(text, at, end, &size)
            at += size
            n_begun += 1
        while before < byte_spans[i, 1]:
            read_code_point(text, before, end, &size)
            before += size
            n_before += 1
        out[i, 0] = n_begun - (byte_spans[i, 0] < end)
        out[i, 1] = n_before


cdef bint is_ascii(const uint8_t* text, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef uint8_t bits = 0
    for i in range(n):
        bits |= text[i]
    return bits < 0x80
