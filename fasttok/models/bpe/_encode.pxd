"""Declarations of _encode.pyx: merging, as shared by the encoders of bytes and of characters."""

cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from fasttok.core._interrupt cimport Interrupt
from fasttok.models._encoder cimport PretokenEncoder

cdef enum:
    SHORT = 64  # maximum number of symbols whose positions fit the bits of one word


cdef class MergeEncoder(PretokenEncoder):
    cdef uint32_t* merged  # merged id of each result; NULL if the number of the result is the id
    cdef uint32_t* rank_of  # rank of each result; NULL if the number of the result is the rank
    cdef uint64_t* pairs  # hash table: the pair in the upper bits, the number of its result in the lower bits
    cdef void* pairs_block
    cdef uint64_t* filter  # bit set of the hashes of all pairs
    cdef void* filter_block
    cdef int shift  # a hash shifted right by `shift` is an index into `pairs`
    cdef int filter_shift  # a hash shifted right by `filter_shift` is the number of a bit of `filter`
    cdef int id_bits  # number of bits of an id in `pairs`
    cdef bint is_in_order  # whether every merge ranks after the merges that produce its parts
    cdef int64_t fused_id  # runs of this id become one in a row; -1 for none
    cdef uint32_t* byte_ranks  # rank of the pair of bytes (a, b) at a << 8 | b; NULL for characters

    cdef int set_merges(
        self,
        const uint32_t[:, ::1] merges,
        const uint32_t[::1] merge_ids,
        uint32_t largest,
        merge_ranks=*,
    ) except -1
    cdef const uint32_t[::1] _set_results(self, merge_ids, merge_ranks)
    cdef Py_ssize_t begin(self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* ids) noexcept nogil
    cdef Py_ssize_t finish(self, uint32_t* ids, Py_ssize_t n) noexcept nogil
    @cython.final
    cdef void _insert(self, const uint32_t[:, ::1] merges, const uint32_t[::1] ranks) noexcept nogil
    @cython.final
    cdef uint32_t _find(self, uint64_t left, uint64_t right) noexcept nogil
    @cython.final
    cdef uint32_t _rank(self, uint64_t left, uint64_t right) noexcept nogil
    @cython.final
    cdef uint32_t _merged(self, uint32_t rank, uint64_t left, uint64_t right) noexcept nogil
    @cython.final
    cdef int32_t _order_key(self, uint32_t rank, Py_ssize_t i) noexcept nogil
    @cython.final
    cdef Py_ssize_t merge(
        self, uint32_t* ids, Py_ssize_t n, uint32_t* sizes, Interrupt interrupt
    ) noexcept nogil
    @cython.final
    cdef Py_ssize_t _merge_short(
        self, uint32_t* ids, int32_t* order, Py_ssize_t n, uint32_t* sizes
    ) noexcept nogil
    @cython.final
    cdef Py_ssize_t _merge_in_blocks(self, uint32_t* ids, Py_ssize_t n, uint32_t* sizes) noexcept nogil
    @cython.final
    cdef int32_t _place_key(self, uint32_t rank, Py_ssize_t i) noexcept nogil
    @cython.final
    cdef Py_ssize_t _merge_long(
        self, uint32_t* ids, Py_ssize_t n, uint32_t* sizes, Interrupt interrupt
    ) noexcept nogil
    @cython.final
    cdef Py_ssize_t _merge_in_windows(
        self, const uint32_t* initial, Py_ssize_t n, uint32_t* ids, uint32_t* lengths, Interrupt interrupt
    ) noexcept nogil
    @cython.final
    cdef Py_ssize_t _merge_with_heap(
        self, uint32_t* ids, Py_ssize_t n, uint32_t* sizes, uint32_t* found, Interrupt interrupt
    ) noexcept nogil
    @cython.final
    cdef void _note(self, uint32_t* found, uint32_t rank, uint32_t left, uint32_t right) noexcept nogil


@cython.final
cdef class BPEEncoder(MergeEncoder):
    cdef uint32_t byte_ids[256]
    cdef bint lacks_bytes  # whether some byte cannot be encoded
    # Tables of `_find_characters`. The first one has the rank of the last merge in each character of three bytes, at
    # its code point; NULL if merging starts from bytes.
    cdef uint32_t* characters
    # Lowest rank of a merge of a symbol that ends with byte p, at the column p, with the row's symbol after it: a byte
    # from 0xC0 on, or the first two bytes of characters.
    cdef uint32_t* before
    cdef uint32_t* after  # lowest rank of a merge of the row's byte, 0x80 to 0xBF, with a symbol that begins with byte q
    cdef uint16_t rows_of_two[1024]  # row in `before` of the first two bytes of characters of three bytes

    cdef int _find_characters(self, const uint32_t[:, ::1] merges, const uint32_t[::1] merge_ids) except -1
    cdef Py_ssize_t _begin_with_characters(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* ids
    ) noexcept nogil
    cdef inline uint32_t _rank_of_character(
        self, const uint8_t* pretoken, Py_ssize_t i, Py_ssize_t length, Py_ssize_t size
    ) noexcept nogil
