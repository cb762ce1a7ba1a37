"""Reading and writing one code point of UTF-8."""

from libc.stdint cimport uint8_t, uint32_t


cdef extern from "_utf8.h" nogil:
    uint32_t read_code_point "ft_read_code_point"(
        const uint8_t* text, Py_ssize_t i, Py_ssize_t end, Py_ssize_t* length
    )


cdef inline Py_ssize_t write_code_point(uint8_t* out, uint32_t c) noexcept nogil:
    """Write the bytes that `read_code_point` reads as `c`; return their number, at most four."""
    if c < 0x80:
        out[0] = c
        return 1
    if 0xDC80 <= c <= 0xDCFF:
        out[0] = c - 0xDC00
        return 1
    if c < 0x800:
        out[0] = 0xC0 | c >> 6
        out[1] = 0x80 | (c & 0x3F)
        return 2
    if c < 0x10000:
        out[0] = 0xE0 | c >> 12
        out[1] = 0x80 | (c >> 6 & 0x3F)
        out[2] = 0x80 | (c & 0x3F)
        return 3
    out[0] = 0xF0 | c >> 18
    out[1] = 0x80 | (c >> 12 & 0x3F)
    out[2] = 0x80 | (c >> 6 & 0x3F)
    out[3] = 0x80 | (c & 0x3F)
    return 4
