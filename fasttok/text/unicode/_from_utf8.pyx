"""Conversion of UTF-8 to a str; several times as fast as ``bytes.decode`` for long texts that are not ASCII.

``bytes.decode`` copies what it has whenever a code point needs more bytes than the ones before it. Here, the kind of the str
is known from the largest byte before anything is written, and long results are in large pages.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t

from fasttok.core._keys cimport use_large_pages

cdef extern from "_from_utf8.h" nogil:
    Py_ssize_t count_code_points "ft_count_code_points"(const uint8_t* text, Py_ssize_t n, uint8_t* largest)
    bint from_utf8 "ft_from_utf8"(const uint8_t* text, Py_ssize_t n, int kind, void* out)

cdef extern from "Python.h":
    str PyUnicode_New(Py_ssize_t size, Py_UCS4 largest)
    int PyUnicode_KIND(object text)
    void* PyUnicode_DATA(object text)


def str_of_utf8(bytes data not None):
    """Return the text of UTF-8 bytes, or None if they are not valid."""
    cdef const uint8_t* start = <const uint8_t*>PyBytes_AS_STRING(data)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data), n
    cdef uint8_t largest = 0
    cdef str text
    cdef void* out
    cdef int kind
    cdef bint is_valid
    with nogil:
        n = count_code_points(start, size, &largest)
    # The largest first byte tells the range of the largest code point.
    text = PyUnicode_New(
        n, 0x7F if largest < 0x80 else 0xFF if largest < 0xC4 else 0xFFFF if largest < 0xF0 else 0x10FFFF
    )
    out = PyUnicode_DATA(text)
    kind = PyUnicode_KIND(text)
    use_large_pages(out, n * kind)
    with nogil:
        is_valid = from_utf8(start, size, kind, out)
    return text if is_valid else None
