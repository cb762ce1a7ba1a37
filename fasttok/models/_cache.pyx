"""The pretoken cache: what a model made of a pretoken before, within a limit in bytes.

Open addressing with linear probing over entries of 32 bytes, two to a cache line: the 16-byte key and up
to four ids. More ids, and the bytes of a pretoken too long for its key, stand in an arena. The table grows
to half the limit and the arena to the other half; when either is full, everything is forgotten, which costs
less than keeping books on what is used. A cache belongs to one thread at a time.
"""

cimport cython
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcmp, memcpy, memset

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._keys cimport LONG, Key, calloc_table, hash_key

cdef enum:
    LARGEST_SHIFT = 64 - 9
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
        self.interrupt = Interrupt()
        self.smallest_shift = LARGEST_SHIFT
        while <size_t>limit // 2 >> 5 >> (64 - self.smallest_shift) > 1:
            self.smallest_shift -= 1
        self.shift = LARGEST_SHIFT
        self.entries = <CacheEntry*>calloc_table(self.table_bytes(), &self.block)
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
        return self.table_bytes() + self.arena_size

    cdef Py_ssize_t table_bytes(self) noexcept nogil:
        return sizeof(CacheEntry) << (64 - self.shift)

    cdef Py_ssize_t get(
        self, Key key, uint64_t hashed, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out
    ) noexcept nogil:
        """Write the ids of a pretoken to `out` and return how many; 0 if it is not here.

        Writes INLINE_IDS ids whatever their number: `out` must have room for as many.
        """
        cdef Py_ssize_t mask = ((<Py_ssize_t>1) << (64 - self.shift)) - 1
        cdef Py_ssize_t i = hashed >> self.shift, n
        cdef CacheEntry* entry
        cdef uint64_t place
        while True:
            entry = &self.entries[i]
            if entry.key.low == key.low and entry.key.high << 4 == key.high << 4:
                n = entry.key.high >> 60
                if n <= INLINE_IDS:
                    memcpy(out, entry.ids, sizeof(entry.ids))
                    return n
                memcpy(&place, entry.ids, 8)
                n = entry.ids[2]
                if length < LONG or memcmp(self.arena + place + 4 * n, pretoken, length) == 0:
                    memcpy(out, self.arena + place, 4 * n)
                    return n
            elif entry.key.high == 0:
                return 0
            i = (i + 1) & mask

    cdef void put(
        self, Key key, uint64_t hashed, const uint8_t* pretoken, Py_ssize_t length, const uint32_t* ids, Py_ssize_t n
    ) noexcept nogil:
        """Remember the ids of a pretoken that is not here; one larger than half the cache is let go."""
        cdef Py_ssize_t i, mask, needed = 0
        cdef CacheEntry* entry
        cdef uint64_t place
        if n > INLINE_IDS or length >= LONG:
            needed = 4 * n + ((length + 3) & ~<Py_ssize_t>3 if length >= LONG else 0)
            if needed > self.limit // 2 or not self._reserve(needed):
                return
        if self._is_full() and not self._grow():
            self._forget()
        mask = ((<Py_ssize_t>1) << (64 - self.shift)) - 1
        i = hashed >> self.shift
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

    cdef bint _is_full(self) noexcept nogil:
        """Whether the table should grow: from half full on, or where it cannot grow, from 7/8 on."""
        cdef Py_ssize_t size = (<Py_ssize_t>1) << (64 - self.shift)
        return self.n_used >= (size // 2 if self.shift > self.smallest_shift else size // 8 * 7)

    cdef bint _reserve(self, Py_ssize_t needed) noexcept nogil:
        """Make room in the arena, forgetting everything if its limit is reached."""
        cdef Py_ssize_t size, limit = self.limit // 2
        cdef uint8_t* arena
        if self.arena_used + needed > limit:
            self._forget()
        if self.arena_used + needed > self.arena_size:
            size = min(limit, max(2 * self.arena_size, self.arena_used + needed, <Py_ssize_t>4096))
            arena = <uint8_t*>realloc(self.arena, size)
            if arena == NULL:
                return False
            self.arena = arena
            self.arena_size = size
        return True

    cdef bint _grow(self) noexcept nogil:
        """Move every entry to a table four times the size, if the limit and the memory allow it."""
        cdef int shift = max(self.shift - 2, self.smallest_shift)
        cdef Py_ssize_t i, j, mask = ((<Py_ssize_t>1) << (64 - shift)) - 1
        cdef Key key
        cdef void* block
        cdef CacheEntry* entries
        if shift == self.shift:
            return False
        entries = <CacheEntry*>calloc_table(sizeof(CacheEntry) << (64 - shift), &block)
        if entries == NULL:
            return False
        for i in range((<Py_ssize_t>1) << (64 - self.shift)):
            if self.entries[i].key.high:
                key = self.entries[i].key
                key.high &= KEY_BITS
                j = hash_key(key) >> shift
                while entries[j].key.high:
                    j = (j + 1) & mask
                entries[j] = self.entries[i]
        free(self.block)
        self.entries = entries
        self.block = block
        self.shift = shift
        return True

    cdef void _forget(self) noexcept nogil:
        memset(self.entries, 0, self.table_bytes())
        self.n_used = 0
        self.arena_used = 0
