"""Kernel of `ByteFallback`: write the text of runs of byte pieces."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t
from libc.string cimport memcpy

from fasttok.text.unicode._utf8 cimport read_code_point

cdef enum:
    EMPTY = 0xFE
    ESCAPE = 0xFF


def write_runs(bytes text not None):
    """Return a text without marks: each run of escaped bytes as it is if it is UTF-8, else as U+FFFD for each byte.

    An escaped byte is the byte 0xFF and the byte itself; a byte follows each escape. A byte 0xFE ends a run, and
    is removed.
    """
    cdef Py_ssize_t n = len(text), size
    # A byte of a run has two bytes in `text` and at most three in the result.
    cdef bytes out = PyBytes_FromStringAndSize(NULL, n + (n >> 1))
    cdef const uint8_t* start = <const uint8_t*>PyBytes_AS_STRING(text)
    cdef uint8_t* first = <uint8_t*>PyBytes_AS_STRING(out)
    with nogil:
        size = write(start, n, first)
    return out[:size]


cdef Py_ssize_t write(const uint8_t* text, Py_ssize_t n, uint8_t* out) noexcept nogil:
    cdef Py_ssize_t i = 0, begin, length, written = 0
    while i < n:
        if text[i] != ESCAPE:
            out[written] = text[i]
            written += text[i] != EMPTY
            i += 1
            continue
        begin = written
        while i < n and text[i] == ESCAPE:  # a byte follows, at worst the null byte at the end of `text`
            out[written] = text[i + 1]
            written += 1
            i += 2
        if not is_utf8(out + begin, written - begin):
            length = written - begin
            written = begin
            while length:
                memcpy(out + written, b"\xef\xbf\xbd", 3)  # U+FFFD
                written += 3
                length -= 1
    return written


cdef inline bint is_utf8(const uint8_t* text, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i = 0, length
    while i < n:
        if text[i] >= 0x80:
            read_code_point(text, i, n, &length)
            if length == 1:
                return False
            i += length
        else:
            i += 1
    return True
