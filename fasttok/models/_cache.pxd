"""The pretoken cache as encoders use it; see _cache.pyx."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fasttok._keys cimport Key

cdef enum:
    INLINE_IDS = 4

cdef struct CacheEntry:
    # The key of the pretoken, with the number of ids in the top four bits of key.high: 1 to 4 where they
    # stand in `ids`, 15 where they stand in the arena. All zero in an empty entry.
    Key key
    uint32_t ids[INLINE_IDS]


cdef class PretokenCache:
    cdef CacheEntry* entries
    cdef void* block
    cdef int bits
    cdef int largest_bits
    cdef Py_ssize_t n_used
    cdef uint8_t* arena
    cdef Py_ssize_t arena_used
    cdef Py_ssize_t arena_size
    cdef Py_ssize_t arena_limit
    cdef readonly Py_ssize_t limit
    cdef void* scratch
    cdef Py_ssize_t scratch_size

    cdef Py_ssize_t get(
        self, Key key, uint64_t hashed, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out
    ) noexcept nogil
    cdef void put(
        self, Key key, uint64_t hashed, const uint8_t* pretoken, Py_ssize_t length, const uint32_t* ids, Py_ssize_t n
    ) noexcept nogil
    cdef void prefetch(self, uint64_t hashed) noexcept nogil
    cdef void* get_scratch(self, Py_ssize_t n_bytes) noexcept nogil
    cdef bint _reserve(self, Py_ssize_t needed) noexcept nogil
    cdef bint _grow(self) noexcept nogil
    cdef void _forget(self) noexcept nogil
