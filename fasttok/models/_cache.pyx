"""The pretoken cache: what a model made of a pretoken before, within a limit in bytes.

Open addressing with linear probing over entries of 32 bytes, two to a cache line: the 16-byte key and up
to four ids. More ids, and the bytes of a pretoken too long for its key, stand in an arena. The table grows
to half the limit and the arena to the other half; when either is full, everything is forgotten, which costs
less than keeping books on what is used. A cache belongs to one thread at a time.
"""

cimport cython
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from fasttok._keys cimport LONG, Key, calloc_lines, hash_key

cdef enum:
    SMALLEST_BITS = 9
    IN_ARENA = 15

SPARE_IDS = INLINE_IDS  # a look-up may write this many ids past the end of the output

cdef uint64_t KEY_BITS = 0x0FFFFFFFFFFFFFFFULL


@cython.final
cdef class PretokenCache:
    """A bounded map from pretoken to ids; `limit` is in bytes."""

    def __cinit__(self, Py_ssize_t limit):
        if limit < 1 << 16:
            raise ValueError(f"a cache needs a limit of at least 65,536 bytes, not {limit}")
        self.limit = limit
        self.largest_bits = SMALLEST_BITS
        while sizeof(CacheEntry) << (self.largest_bits + 1) <= <size_t>limit // 2:
            self.largest_bits += 1
        self.arena_limit = limit // 2
        self.bits = SMALLEST_BITS
        self.entries = <CacheEntry*>calloc_lines(sizeof(CacheEntry) << self.bits, &self.block)
        if self.entries == NULL:
            raise MemoryError("no memory for a pretoken cache")

    def __dealloc__(self):
        free(self.block)
        free(self.arena)

    def __len__(self):
        return self.n_used

    @property
    def n_bytes(self):
        """The memory that the table and the arena take."""
        return (sizeof(CacheEntry) << self.bits) + self.arena_size

    cdef void put(
        self, Key key, uint64_t hashed, const uint8_t* pretoken, Py_ssize_t length, const uint32_t* ids, Py_ssize_t n
    ) noexcept nogil:
        """Remember the ids of a pretoken that is not here; one larger than all the cache is let go."""
        cdef Py_ssize_t i, mask, needed = 0
        cdef CacheEntry* entry
        cdef uint64_t place
        if n > INLINE_IDS or length >= LONG:
            needed = 4 * n + ((length + 3) & ~<Py_ssize_t>3 if length >= LONG else 0)
            if needed > self.arena_limit or not self._reserve(needed):
                return
        if 2 * (self.n_used + 1) > <Py_ssize_t>1 << self.bits and not self._grow():
            self._forget()
        mask = (<Py_ssize_t>1 << self.bits) - 1
        i = hashed >> (64 - self.bits)
        while self.entries[i].key.high:
            i = (i + 1) & mask
        entry = &self.entries[i]
        entry.key = key
        self.n_used += 1
        if needed == 0:
            entry.key.high |= <uint64_t>n << 60
            memcpy(entry.ids, ids, 4 * n)
            return
        entry.key.high |= <uint64_t>IN_ARENA << 60
        place = self.arena_used
        memcpy(entry.ids, &place, 8)
        entry.ids[2] = n
        memcpy(self.arena + place, ids, 4 * n)
        if length >= LONG:
            memcpy(self.arena + place + 4 * n, pretoken, length)
        self.arena_used += needed

    cdef bint _reserve(self, Py_ssize_t needed) noexcept nogil:
        """Make room in the arena, forgetting everything if its limit is reached."""
        cdef Py_ssize_t size
        cdef uint8_t* arena
        if self.arena_used + needed > self.arena_limit:
            self._forget()
        if self.arena_used + needed > self.arena_size:
            size = min(self.arena_limit, max(2 * self.arena_size, self.arena_used + needed, <Py_ssize_t>4096))
            arena = <uint8_t*>realloc(self.arena, size)
            if arena == NULL:
                return False
            self.arena = arena
            self.arena_size = size
        return True

    cdef bint _grow(self) noexcept nogil:
        """Move every entry to a table four times the size, if the limit and the memory allow it."""
        cdef int bits = min(self.bits + 2, self.largest_bits)
        cdef Py_ssize_t i, j, mask = (<Py_ssize_t>1 << bits) - 1
        cdef Key key
        cdef void* block
        cdef CacheEntry* entries
        if bits == self.bits:
            return False
        entries = <CacheEntry*>calloc_lines(sizeof(CacheEntry) << bits, &block)
        if entries == NULL:
            return False
        for i in range(<Py_ssize_t>1 << self.bits):
            if self.entries[i].key.high:
                key = self.entries[i].key
                key.high &= KEY_BITS
                j = hash_key(key) >> (64 - bits)
                while entries[j].key.high:
                    j = (j + 1) & mask
                entries[j] = self.entries[i]
        free(self.block)
        self.entries = entries
        self.block = block
        self.bits = bits
        return True

    cdef void _forget(self) noexcept nogil:
        memset(self.entries, 0, sizeof(CacheEntry) << self.bits)
        self.n_used = 0
        self.arena_used = 0
