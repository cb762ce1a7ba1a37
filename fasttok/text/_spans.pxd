"""Sources of the spans of pretokens; see _spans.pyx."""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t

cdef extern from *:
    """
    #define FT_MOST_AHEAD ((Py_ssize_t)0xFFFFFFFF)
    """
    const Py_ssize_t MOST_AHEAD "FT_MOST_AHEAD"  # largest end that `next_ends` writes

cdef enum:
    TOO_LONG = -1  # result of `next_ends` in front of a pretoken of more than MOST_AHEAD bytes


cdef class Spans:
    cdef bint has_ends  # whether `next_ends` is defined: every span begins where the one before ends

    cdef Py_ssize_t next_ends(
        self,
        const uint8_t* text,
        Py_ssize_t begin,
        Py_ssize_t end,
        Py_ssize_t* position,
        uint32_t* ends,
        Py_ssize_t n,
    ) noexcept nogil
    cdef Py_ssize_t next(
        self,
        const uint8_t* text,
        Py_ssize_t begin,
        Py_ssize_t end,
        Py_ssize_t* position,
        int64_t* starts,
        int64_t* ends,
        Py_ssize_t n,
    ) noexcept nogil


@cython.final
cdef class Boundaries(Spans):
    cdef const int64_t[::1] boundaries
    cdef Py_ssize_t used


@cython.final
cdef class Kept(Spans):
    cdef const int64_t[::1] boundaries
    cdef const uint8_t[::1] kept
    cdef Py_ssize_t used


@cython.final
cdef class Nested(Spans):
    cdef const int64_t[::1] boundaries
    cdef Spans inner
    cdef Py_ssize_t used
