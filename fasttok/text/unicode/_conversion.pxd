"""Conversion of a str to UTF-8 for other kernels; see _to_utf8.h."""

from libc.stdint cimport uint8_t


cdef extern from "_to_utf8.h" nogil:
    Py_ssize_t utf8_space "FT_UTF8_SPACE"(int kind, Py_ssize_t n)
    int fastest_utf8 "ft_fastest_utf8"()
    Py_ssize_t to_utf8 "ft_to_utf8"(
        int kind, const void* data, Py_ssize_t start, Py_ssize_t stop, uint8_t* out, int way
    )

cdef extern from "Python.h":
    int PyUnicode_KIND(object text)
    void* PyUnicode_DATA(object text)

cdef int utf8_way  # how text is converted: 0 plain, 1 with AVX2, 2 with AVX-512
