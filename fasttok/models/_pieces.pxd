"""Declarations of _pieces.pyx: a hash table of pieces."""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fasttok.core._keys cimport hash_key, make_key

cdef enum:
    NOTHING = 0xFFFFFFFF  # no id


@cython.final
cdef class PieceTable:
    cdef const uint8_t* values
    cdef const int64_t* offsets
    cdef const uint8_t* included  # whether each piece is in the table, unless it is empty
    cdef uint64_t* table  # per entry: the lower half of the hash in the upper 32 bits, the id in the lower
    cdef int bits
    cdef Py_ssize_t n_pieces
    cdef Py_ssize_t n_used  # number of pieces in the table
    cdef object _owners

    cdef bint has(self, uint32_t i, const uint8_t* piece, Py_ssize_t length) noexcept nogil
    cdef uint32_t find(self, const uint8_t* piece, Py_ssize_t length) noexcept nogil
    cdef uint32_t find_hashed(self, uint64_t hashed, const uint8_t* piece, Py_ssize_t length) noexcept nogil
    cdef void _hash_block(self, Py_ssize_t first, uint64_t* hashes, int steps) noexcept
    cdef void fetch(self, uint64_t hashed, int step) noexcept nogil


cdef inline uint64_t hash_piece(const uint8_t* piece, Py_ssize_t length) noexcept nogil:
    return hash_key(make_key(piece, 0, length, length))
