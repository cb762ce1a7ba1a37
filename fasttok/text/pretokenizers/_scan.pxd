"""Classes of code points, for all kernels."""

from libc.stdint cimport uint8_t

from fasttok.text.unicode._utf8 cimport read_code_point

# The bits of a class, as in tests/make_unicode.py.
cdef enum:
    LETTER = 1
    NUMBER = 2
    SPACE = 4
    MARK = 8
    UPPER = 16  # Lu and Lt
    LOWER = 32  # Ll
    PUNCTUATION = 64  # P, and the symbols of ASCII

cdef const uint8_t* CLASS


cdef inline uint8_t classify(
    const uint8_t* classes, const uint8_t* text, Py_ssize_t i, Py_ssize_t end, Py_ssize_t* length
) noexcept nogil:
    """Return the class of the code point at `i`, with a table of classes; store its length in bytes."""
    if text[i] < 0x80:
        length[0] = 1
        return classes[text[i]]
    return classes[read_code_point(text, i, end, length)]


cdef inline uint8_t classify_before(
    const uint8_t* classes, const uint8_t* text, Py_ssize_t begin, Py_ssize_t i, Py_ssize_t* start
) noexcept nogil:
    """Return the class of the code point that ends at `i`, with a table of classes; store its start.

    `i` must be greater than `begin` and must not be inside a code point.
    """
    cdef Py_ssize_t length
    cdef uint8_t kind
    start[0] = i - 1
    while start[0] > begin and i - start[0] < 4 and text[start[0]] & 0xC0 == 0x80:
        start[0] -= 1
    kind = classify(classes, text, start[0], i, &length)
    if start[0] + length == i:
        return kind
    start[0] = i - 1  # a byte that is not UTF-8
    return 0
