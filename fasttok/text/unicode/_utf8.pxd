"""Reading and writing one code point of UTF-8."""

from libc.stdint cimport uint8_t, uint32_t


cdef inline uint32_t read_code_point(
    const uint8_t* text, Py_ssize_t i, Py_ssize_t end, Py_ssize_t* length
) noexcept nogil:
    """Return the code point at `i` and store its length in bytes. An invalid byte 0xNN is the code point U+DCNN.

    The definition of valid UTF-8 is that of Python's decoder: no overlong forms, no surrogates, nothing above
    U+10FFFF. Each byte of an invalid sequence is invalid on its own.
    """
    cdef uint32_t a = text[i], b, c, d
    length[0] = 1
    if a < 0x80:
        return a
    if 0xC2 <= a <= 0xDF:
        if i + 1 < end:
            b = text[i + 1]
            if b & 0xC0 == 0x80:
                length[0] = 2
                return (a & 0x1F) << 6 | (b & 0x3F)
    elif a & 0xF0 == 0xE0:
        if i + 2 < end:
            b = text[i + 1]
            c = text[i + 2]
            if b & 0xC0 == 0x80 and c & 0xC0 == 0x80:
                a = (a & 0x0F) << 12 | (b & 0x3F) << 6 | (c & 0x3F)
                if a >= 0x800 and not 0xD800 <= a <= 0xDFFF:
                    length[0] = 3
                    return a
    elif 0xF0 <= a <= 0xF4:
        if i + 3 < end:
            b = text[i + 1]
            c = text[i + 2]
            d = text[i + 3]
            if b & 0xC0 == 0x80 and c & 0xC0 == 0x80 and d & 0xC0 == 0x80:
                a = (a & 0x07) << 18 | (b & 0x3F) << 12 | (c & 0x3F) << 6 | (d & 0x3F)
                if 0x10000 <= a <= 0x10FFFF:
                    length[0] = 4
                    return a
    return 0xDC00 + <uint32_t>text[i]


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
