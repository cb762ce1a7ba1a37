"""The pretoken cache as encoders use it; see _cache.pyx."""

cimport cython
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._keys cimport FT_PREFETCH, Key

cdef enum:
    INLINE_IDS = 4

cdef struct CacheEntry:
    # The key of the pretoken, with the number of ids in the top four bits of key.high: 1 to 4 where they
    # stand in `ids`, 15 where they stand in the arena. All zero in an empty entry.
    Key key
    uint32_t ids[INLINE_IDS]


@cython.final
cdef class PretokenCache:
    cdef CacheEntry* entries
    cdef void* block
    cdef int shift  # a hash shifted right by this is an index; 64 less the table's size in bits
    cdef int smallest_shift
    cdef Py_ssize_t n_used
    cdef uint8_t* arena
    cdef Py_ssize_t arena_used
    cdef Py_ssize_t arena_size
    cdef Py_ssize_t n_not_kept  # pretokens that were encoded and not to be kept, so far
    cdef readonly Py_ssize_t limit
    cdef readonly Interrupt interrupt  # for the kernel that has the cache

    cdef Py_ssize_t get(
        self, Key key, uint64_t hashed, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out
    ) noexcept nogil
    cdef void put(
        self, Key key, uint64_t hashed, const uint8_t* pretoken, Py_ssize_t length, const uint32_t* ids, Py_ssize_t n
    ) noexcept nogil
    cdef Py_ssize_t table_bytes(self) noexcept nogil
    cdef bint _is_full(self) noexcept nogil
    cdef bint _reserve(self, Py_ssize_t needed) noexcept nogil
    cdef bint _grow(self) noexcept nogil
    cdef void _forget(self) noexcept nogil


# What runs for every pretoken is here, to be compiled into the loop that calls it.

cdef inline void cache_prefetch(PretokenCache cache, uint64_t hashed) noexcept nogil:
    FT_PREFETCH(&cache.entries[hashed >> cache.shift])


cdef inline Py_ssize_t cache_first(
    const CacheEntry* entry, const Key* key, uint32_t* out
) noexcept nogil:
    """Write the ids to `out` and return how many, if the first entry to look at holds them; 0 if not.

    Writes INLINE_IDS ids whatever their number: `out` must have room for as many.
    """
    cdef Py_ssize_t n = entry.key.high >> 60
    if entry.key.low == key.low and (entry.key.high ^ key.high) << 4 == 0 and n <= INLINE_IDS:
        memcpy(out, entry.ids, sizeof(entry.ids))
        return n
    return 0
