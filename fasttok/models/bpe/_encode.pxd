"""The tables of byte-level BPE, for the kernels that merge; see _encode.pyx."""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fasttok._interrupt cimport Interrupt
from fasttok.models._encoder cimport PretokenEncoder


@cython.final
cdef class PieceTable:
    cdef const uint8_t* values
    cdef const int64_t* offsets
    cdef uint64_t* table  # half of the hash, then the id
    cdef int bits
    cdef object _owners

    cdef uint32_t find(self, const uint8_t* piece, Py_ssize_t length) noexcept nogil


@cython.final
cdef class BPEEncoder(PretokenEncoder):
    cdef uint32_t byte_ids[256]
    cdef uint32_t* byte_ranks  # of the pair (a, b) of bytes at a << 8 | b
    cdef uint32_t* merged  # by rank
    cdef uint64_t* pairs
    cdef void* block
    cdef int shift  # what makes an index of a hash
    cdef int id_bits
    cdef Py_ssize_t n_merges
    cdef bint ascends  # whether a pair ranks behind the merges that make its two
    cdef PieceTable whole

    cdef void _insert(self, uint64_t left, uint64_t right, uint64_t rank) noexcept nogil
    cdef uint32_t _rank(self, uint64_t left, uint64_t right) noexcept nogil
    cdef uint32_t _merged(self, uint32_t rank) noexcept nogil
    cdef bint _ranks_ascend(self, const uint32_t[:, ::1] merges, uint32_t largest)
    cdef Py_ssize_t _merge_short(self, const uint8_t* pretoken, Py_ssize_t n, uint32_t* out) noexcept nogil
    cdef Py_ssize_t _merge_long(
        self, const uint8_t* pretoken, Py_ssize_t n, uint32_t* ids, Interrupt interrupt
    ) noexcept nogil
