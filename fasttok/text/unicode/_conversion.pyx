"""Conversion of a str, or a part of it, to UTF-8, and back; several times as fast as Python's own for long texts.

``str.encode`` is slow for a str that is not ASCII. ``bytes.decode`` copies what it has whenever a code point needs more
bytes than the ones before it; here, the kind of the str is known from the largest byte before anything is written.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE, _PyBytes_Resize
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport uint8_t

from fasttok.core._keys cimport use_large_pages

cdef extern from "_from_utf8.h" nogil:
    Py_ssize_t count_code_points "ft_count_code_points"(const uint8_t* text, Py_ssize_t n, uint8_t* largest)
    bint from_utf8 "ft_from_utf8"(const uint8_t* text, Py_ssize_t n, int kind, void* out)

cdef extern from "Python.h":
    str PyUnicode_New(Py_ssize_t size, Py_UCS4 largest)

WAYS = ("plain", "avx2", "avx512")
utf8_way = fastest_utf8()


def use_way(str way not None):
    """Choose one of WAYS to convert text, or the fastest way before it, for tests; return the way that is used."""
    global utf8_way
    utf8_way = min(WAYS.index(way), fastest_utf8())
    return WAYS[utf8_way]


def utf8_of_str(str text not None):
    """Return the UTF-8 bytes of a text, or None if it has a surrogate."""
    cdef bytes data = PyBytes_FromStringAndSize(NULL, utf8_space(PyUnicode_KIND(text), len(text)))
    cdef Py_ssize_t size = write_part(text, 0, len(text), <uint8_t*>PyBytes_AS_STRING(data))
    cdef PyObject* shrunk = <PyObject*>data
    if size < 0:
        return None
    # `_PyBytes_Resize` takes over the only reference to the bytes, and returns one in its place.
    Py_INCREF(data)
    data = None
    _PyBytes_Resize(&shrunk, size)
    data = <bytes>shrunk
    Py_DECREF(data)
    return data


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


def write_utf8(str text not None, Py_ssize_t start, Py_ssize_t stop, uint8_t[::1] out not None):
    """Write the UTF-8 of the code points ``text[start:stop]`` to `out`; return the number of bytes.

    `out` is uint8[`space_for(text, stop - start)`]. If there is a surrogate, -1 minus its index in the part is
    returned.
    """
    return write_part(text, start, stop, &out[0])


def space_for(str text not None, Py_ssize_t n):
    """Return the number of bytes that `write_utf8` needs for n code points of a text."""
    return utf8_space(PyUnicode_KIND(text), n)


cdef Py_ssize_t write_part(str text, Py_ssize_t start, Py_ssize_t stop, uint8_t* out):
    cdef int kind = PyUnicode_KIND(text)
    cdef const void* data = PyUnicode_DATA(text)
    cdef Py_ssize_t size
    with nogil:
        size = to_utf8(kind, data, start, stop, out, utf8_way)
    return size
