"""Conversion of a str, or a part of it, to UTF-8; several times as fast as ``str.encode``, which is for all codecs."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, _PyBytes_Resize
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport uint8_t

is_wide = has_wide_utf8()


def use_wide(bint wide):
    """Choose whether the wide functions are used if this processor has them, for tests; return whether they are."""
    global is_wide
    is_wide = wide and has_wide_utf8()
    return is_wide


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
        size = to_utf8(kind, data, start, stop, out, is_wide)
    return size
