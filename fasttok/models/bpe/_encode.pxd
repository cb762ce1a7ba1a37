"""The merging that the encoders of bytes and of characters share; see _encode.pyx."""

cimport cython
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

from fasttok.core._interrupt cimport Interrupt
from fasttok.models._encoder cimport PretokenEncoder
from fasttok.models._pieces cimport PieceTable

cdef enum:
    SHORT = 64  # the longest pretoken whose positions are the bits of a word


cdef class MergeEncoder(PretokenEncoder):
    cdef uint32_t* merged  # by rank; NULL where the rank is the id
    cdef uint64_t* pairs
    cdef void* pairs_block
    cdef uint64_t* filter  # a bit set for each hash that a pair has
    cdef void* filter_block
    cdef int shift  # what makes an index into `pairs` of a hash
    cdef int filter_shift
    cdef int id_bits
    cdef Py_ssize_t n_ranks
    cdef bint ascends  # whether a pair ranks behind the merges that make its two
    cdef PieceTable whole  # of pretokens that are not merged; None for none
    cdef uint32_t* byte_ranks  # of the pair (a, b) of bytes at a << 8 | b; NULL for characters

    cdef int set_merges(
        self, const uint32_t[:, ::1] merges, const uint32_t[::1] merge_ids, uint32_t largest
    ) except -1
    cdef Py_ssize_t begin(self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* ids) noexcept nogil
    @cython.final
    cdef void _insert(self, const uint32_t[:, ::1] merges, const uint32_t[::1] ranks) noexcept nogil
    @cython.final
    cdef uint32_t _rank(self, uint64_t left, uint64_t right) noexcept nogil
    @cython.final
    cdef uint32_t _merged(self, uint32_t rank) noexcept nogil
    @cython.final
    cdef int32_t _place(self, uint32_t rank, Py_ssize_t i) noexcept nogil
    @cython.final
    cdef Py_ssize_t merge(self, uint32_t* ids, Py_ssize_t n, Interrupt interrupt) noexcept nogil
    @cython.final
    cdef Py_ssize_t _merge_short(self, uint32_t* ids, int32_t* order, Py_ssize_t n) noexcept nogil
    @cython.final
    cdef Py_ssize_t _merge_long(self, uint32_t* ids, Py_ssize_t n, Interrupt interrupt) noexcept nogil
    @cython.final
    cdef Py_ssize_t _merge_in_any_order(self, uint32_t* ids, Py_ssize_t n, Interrupt interrupt) noexcept nogil


@cython.final
cdef class BPEEncoder(MergeEncoder):
    cdef uint32_t byte_ids[256]
