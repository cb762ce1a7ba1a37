"""Declarations of _pieces.pyx: a hash table of pieces."""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef enum:
    NOTHING = 0xFFFFFFFF  # no id


@cython.final
cdef class PieceTable:
    cdef const uint8_t* values
    cdef const int64_t* offsets
    cdef uint64_t* table  # per entry: the lower half of the hash in the upper 32 bits, the id in the lower
    cdef int bits
    cdef object _owners

    cdef uint32_t find(self, const uint8_t* piece, Py_ssize_t length) noexcept nogil
