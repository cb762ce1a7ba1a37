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

    Spans must ascend, not overlap, and lie within the text. One that is empty is so in code points too, unless
    it lies inside one.
    """
    cdef Py_ssize_t i = 0, end = text.shape[0], token, length = 0, n = -1  # code point n is at i
    with nogil:
        for token in range(byte_spans.shape[0]):
            while i + length <= byte_spans[token, 0] and i < end or n < 0:
                i += length
                n += 1
                length = 0
                if i < end:
                    read_code_point(&text[0], i, end, &length)
            out[token, 0] = n
            while i + length < byte_spans[token, 1]:
                i += length
                n += 1
                read_code_point(&text[0], i, end, &length)
            out[token, 1] = n + (i < byte_spans[token, 1])
