"""The pretoken cache as encoders use it; see _cache.pyx."""

cimport cython
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._keys cimport FT_PREFETCH, Key
from fasttok.models._pieces cimport PieceTable

cdef extern from "_lookup.h" nogil:
    enum:
        BLOCK "FT_LOOKUPS"
        INLINE_IDS "FT_INLINE_IDS"
        IN_ARENA "FT_IN_ARENA"

    ctypedef struct CacheEntry "ft_cache_entry":
        Key key
        uint32_t ids[4]

    ctypedef struct Block "ft_block":
        const CacheEntry* entries[64]

    CacheEntry* find_entry "ft_find_entry"(
        CacheEntry* entries,
        int shift,
        const uint8_t* arena,
        Key key,
        uint64_t hash,
        const uint8_t* pretoken,
        size_t length,
    )
    bint has_key "ft_has_key"(const CacheEntry* entry, Key key)
    size_t find_ids "ft_find_ids"(
        CacheEntry* entries,
        int shift,
        const uint8_t* arena,
        Key key,
        uint64_t hash,
        const uint8_t* pretoken,
        size_t length,
        uint32_t* out,
    )
    size_t cache_first "ft_copy_first"(const CacheEntry* entry, Key key, uint32_t* out)
    Key block_key "ft_block_key"(const Block* block, size_t i)
    ctypedef void (*BeginBlock "ft_begin *")(
        Block* block,
        const uint8_t* text,
        size_t text_length,
        const uint32_t* starts,
        const uint32_t* ends,
        size_t i,
        size_t n,
        const CacheEntry* entries,
        int shift,
    ) noexcept nogil
    const BeginBlock begin_block "ft_begin_block"
    size_t look_up "ft_look_up"(
        const Block* block,
        const uint8_t* text,
        const uint32_t* starts,
        const uint32_t* ends,
        size_t i,
        size_t n,
        CacheEntry* entries,
        int shift,
        const uint8_t* arena,
        uint32_t** out,
    )


@cython.final
cdef class PretokenCache:
    cdef CacheEntry* entries
    cdef void* block  # allocated memory that contains `entries`
    cdef int shift  # a hash shifted right by `shift` is an index: 64 minus log2 of the table's size
    cdef int smallest_shift
    cdef Py_ssize_t n_used
    cdef uint8_t* arena
    cdef Py_ssize_t arena_used
    cdef Py_ssize_t arena_size
    cdef Py_ssize_t n_not_cached  # number of pretokens so far whose ids must not be cached
    cdef Py_ssize_t n_joined  # number of pretokens after the last `join`; -1 before the first one
    cdef readonly bint is_seeded
    cdef readonly Py_ssize_t limit
    cdef readonly Interrupt interrupt  # interrupt of the kernel that uses the cache
    cdef readonly PretokenCache inner  # cache of parts of the pretokens; None if there is none
    cdef uint64_t* come  # bit set of the hashes for which `has_come` was called; NULL before the first call
    cdef Py_ssize_t n_come  # number of hashes in it

    cdef Py_ssize_t get(
        self, Key key, uint64_t hashed, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out
    ) noexcept nogil
    cdef void put(
        self, Key key, uint64_t hashed, const uint8_t* pretoken, Py_ssize_t length, const uint32_t* ids, Py_ssize_t n
    ) noexcept nogil
    cdef bint add_inner(self) noexcept nogil
    cdef bint has_come(self, uint64_t hashed) noexcept nogil
    cdef void _add_all(self, PretokenCache other) noexcept nogil
    cdef bint _can_copy(self, PretokenCache other) noexcept nogil
    cdef void _copy(self, PretokenCache other) noexcept nogil
    cdef bint has_space(self, PieceTable pieces) noexcept nogil
    cdef bint can_seed(self, PieceTable pieces) noexcept nogil
    cdef void seed(self, PieceTable pieces) noexcept nogil
    cdef void _add_pieces(self, PieceTable pieces, Py_ssize_t first) noexcept nogil
    cdef Py_ssize_t table_bytes(self) noexcept nogil
    cdef bint _is_full(self) noexcept nogil
    cdef bint _reserve(self, Py_ssize_t needed) noexcept nogil
    cdef bint _grow(self) noexcept nogil
    cdef bint _resize(self, int shift) noexcept nogil
    cdef void _clear(self) noexcept nogil


# This function runs for every pretoken. It is here to be inlined into the loop that calls it.

cdef inline void cache_prefetch(PretokenCache cache, uint64_t hashed) noexcept nogil:
    FT_PREFETCH(&cache.entries[hashed >> cache.shift])
