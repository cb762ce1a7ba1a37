"""One code point of UTF-8, the way every kernel reads it."""

from libc.stdint cimport uint8_t, uint32_t


cdef inline uint32_t read_code_point(
    const uint8_t* text, Py_ssize_t i, Py_ssize_t end, Py_ssize_t* length
) noexcept nogil:
    """The code point at `i`; a byte that is not UTF-8 is one code point, U+DC80 to U+DCFF.

    What is valid is what Python's decoder takes: no overlong forms, no surrogates, nothing above
    U+10FFFF, and of a broken sequence each byte counts alone.
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
