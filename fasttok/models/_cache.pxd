"""The pretoken cache as encoders use it; see _cache.pyx."""

cimport cython
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from fasttok._keys cimport FT_PREFETCH, LONG, Key

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
    cdef int bits
    cdef int largest_bits
    cdef Py_ssize_t n_used
    cdef uint8_t* arena
    cdef Py_ssize_t arena_used
    cdef Py_ssize_t arena_size
    cdef Py_ssize_t arena_limit
    cdef readonly Py_ssize_t limit

    cdef void put(
        self, Key key, uint64_t hashed, const uint8_t* pretoken, Py_ssize_t length, const uint32_t* ids, Py_ssize_t n
    ) noexcept nogil
    cdef bint _reserve(self, Py_ssize_t needed) noexcept nogil
    cdef bint _grow(self) noexcept nogil
    cdef void _forget(self) noexcept nogil


# The two that run for every pretoken are here, to be compiled into the loops that call them.

cdef inline void cache_prefetch(PretokenCache cache, uint64_t hashed) noexcept nogil:
    FT_PREFETCH(&cache.entries[hashed >> (64 - cache.bits)])


cdef inline Py_ssize_t cache_get(
    PretokenCache cache, Key key, uint64_t hashed, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out
) noexcept nogil:
    """Write the ids of a pretoken to `out` and return how many; 0 if it is not in the cache.

    Writes INLINE_IDS ids whatever their number: `out` must have room for as many.
    """
    cdef Py_ssize_t mask = (<Py_ssize_t>1 << cache.bits) - 1
    cdef Py_ssize_t i = hashed >> (64 - cache.bits), n
    cdef CacheEntry* entry
    cdef uint64_t place
    while True:
        entry = &cache.entries[i]
        if entry.key.low == key.low and entry.key.high << 4 == key.high << 4:
            n = entry.key.high >> 60
            if n <= INLINE_IDS:
                memcpy(out, entry.ids, sizeof(entry.ids))
                return n
            memcpy(&place, entry.ids, 8)
            n = entry.ids[2]
            if length < LONG or memcmp(cache.arena + place + 4 * n, pretoken, length) == 0:
                memcpy(out, cache.arena + place, 4 * n)
                return n
        elif entry.key.high == 0:
            return 0
        i = (i + 1) & mask
