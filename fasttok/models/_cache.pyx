"""Cache of the ids of pretokens, with a limit in bytes.

The table uses open addressing with linear probing. Its entries have 32 bytes, two per cache line: the 16-byte
key and up to four ids. Longer lists of ids are in an arena, as are the bytes of a pretoken that is too long for
its key. Table and arena may each grow to half the limit. When one of them is full, the whole cache is cleared,
which is cheaper than tracking the use of entries. A cache belongs to one thread at a time.

A cache may be seeded: it then has all pieces of a vocabulary that are encoded as a single id, so a pretoken that is
not in the cache is none of them.
"""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._keys cimport LONG, Key, calloc_table, hash_key, make_key

cdef enum:
    LARGEST_SHIFT = 64 - 9  # shift of the initial table, with 512 entries
    LARGE_SHIFT = 64 - 16  # shift from which on a table grows to twice its size, not four times
    SEED_SHARE = 16  # a cache that has met 1/16 as many pretokens as there are pieces is seeded
    BLOCK = 32  # pieces whose entries are fetched together

SPARE_IDS = INLINE_IDS  # a lookup may write this many ids past the end of the output

cdef uint64_t KEY_BITS = 0x0FFFFFFFFFFFFFFFULL  # the bits of key.high without the number of ids


@cython.final
cdef class PretokenCache:
    """Map from pretokens to ids that takes at most `limit` bytes."""

    def __cinit__(self, Py_ssize_t limit):
        if limit < 1 << 16:
            raise ValueError(f"the limit of a cache must be at least 65,536 bytes, not {limit}")
        self.limit = limit
        self.interrupt = Interrupt()
        self.smallest_shift = LARGEST_SHIFT
        while <size_t>limit // 2 >> 5 >> (64 - self.smallest_shift) > 1:
            self.smallest_shift -= 1
        self.shift = LARGEST_SHIFT
        self.entries = <CacheEntry*>calloc_table(self.table_bytes(), &self.block)
        if self.entries == NULL:
            raise MemoryError("not enough memory for a pretoken cache")

    def __dealloc__(self):
        free(self.block)
        free(self.arena)

    def __len__(self):
        return self.n_used

    @property
    def n_bytes(self):
        """Memory of the table and the arena in bytes."""
        return self.table_bytes() + self.arena_size

    cdef Py_ssize_t table_bytes(self) noexcept nogil:
        return sizeof(CacheEntry) << (64 - self.shift)

    cdef Py_ssize_t get(
        self, Key key, uint64_t hashed, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out
    ) noexcept nogil:
        """Write the ids of a pretoken to `out` and return their number; 0 if it is not in the cache.

        `out` needs space for at least INLINE_IDS ids, because the whole array of an entry is copied.
        """
        cdef const CacheEntry* entry = find_entry(
            self.entries, self.shift, self.arena, key, hashed, pretoken, length
        )
        return 0 if entry == NULL else copy_ids(entry, self.arena, out)

    cdef void put(
        self, Key key, uint64_t hashed, const uint8_t* pretoken, Py_ssize_t length, const uint32_t* ids, Py_ssize_t n
    ) noexcept nogil:
        """Add a pretoken that is not in the cache, unless it needs more than half the limit or memory runs out."""
        cdef Py_ssize_t i, mask, needed = 0
        cdef CacheEntry* entry
        cdef uint64_t place
        if n > INLINE_IDS or length >= LONG:
            needed = 4 * n + ((length + 3) & ~<Py_ssize_t>3 if length >= LONG else 0)
            if needed > self.limit // 2 or not self._reserve(needed):
                return
        if self._is_full() and not self._grow():
            self._clear()
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

    cdef bint can_seed(self, Py_ssize_t n_pieces, Py_ssize_t n_bytes) noexcept nogil:
        """Return whether so many pieces fit, and the cache has met enough pretokens.

        Seeding costs about as much as encoding a sixteenth as many pretokens, so small texts do not pay for it.
        """
        return (
            self.n_used * SEED_SHARE >= n_pieces
            and 2 * (self.n_used + n_pieces) <= (<Py_ssize_t>1) << (64 - self.smallest_shift)
            and self.arena_used + n_bytes + 8 * n_pieces <= self.limit // 2
        )

    cdef void seed(
        self, const uint8_t* values, const int64_t* offsets, const uint8_t* included, Py_ssize_t n, Py_ssize_t n_included
    ) noexcept nogil:
        """Add the included ones of n distinct pieces, whose ids are their rows, unless they are in the cache.

        `can_seed` must be true. If memory runs out, the cache is not seeded.
        """
        cdef Key keys[BLOCK]
        cdef uint64_t hashes[BLOCK]
        cdef uint32_t rows[BLOCK]
        cdef Py_ssize_t row = 0, k, j
        cdef const uint8_t* piece
        cdef Py_ssize_t length
        cdef Py_ssize_t needed = 0  # space in the arena
        cdef int shift = self.shift
        for row in range(n):
            length = offsets[row + 1] - offsets[row]
            if included[row] and length >= LONG:
                needed += 4 + ((length + 3) & ~<Py_ssize_t>3)
        while (<Py_ssize_t>1) << (64 - shift) < 2 * (self.n_used + n_included):
            shift -= 1
        if not self._reserve(needed) or (shift < self.shift and not self._resize(shift)):
            return
        row = 0
        while row < n:
            k = 0
            while row < n and k < BLOCK:
                if included[row]:
                    rows[k] = row
                    keys[k] = make_key(values, offsets[row], offsets[row + 1] - offsets[row], offsets[n])
                    hashes[k] = hash_key(keys[k])
                    cache_prefetch(self, hashes[k])
                    k += 1
                row += 1
            for j in range(k):
                piece = values + offsets[rows[j]]
                length = offsets[rows[j] + 1] - offsets[rows[j]]
                if find_entry(self.entries, self.shift, self.arena, keys[j], hashes[j], piece, length) == NULL:
                    self.put(keys[j], hashes[j], piece, length, &rows[j], 1)
        self.is_seeded = True

    cdef bint _is_full(self) noexcept nogil:
        """Return whether the table is half full; for a table of the largest size, whether it is 7/8 full."""
        cdef Py_ssize_t size = (<Py_ssize_t>1) << (64 - self.shift)
        return self.n_used >= (size // 2 if self.shift > self.smallest_shift else size // 8 * 7)

    cdef bint _reserve(self, Py_ssize_t needed) noexcept nogil:
        """Reserve space in the arena; clear the cache first if its limit is reached."""
        cdef Py_ssize_t size, limit = self.limit // 2
        cdef uint8_t* arena
        if self.arena_used + needed > limit:
            self._clear()
        if self.arena_used + needed > self.arena_size:
            size = min(limit, max(2 * self.arena_size, self.arena_used + needed, <Py_ssize_t>4096))
            arena = <uint8_t*>realloc(self.arena, size)
            if arena == NULL:
                return False
            self.arena = arena
            self.arena_size = size
        return True

    cdef bint _grow(self) noexcept nogil:
        """Move all entries to a larger table, if the limit and the memory allow it."""
        cdef int step = 2 if self.shift > LARGE_SHIFT else 1
        cdef int shift = max(self.shift - step, self.smallest_shift)
        return shift < self.shift and self._resize(shift)

    cdef bint _resize(self, int shift) noexcept nogil:
        """Move all entries to a table with another shift, if the memory allows it."""
        cdef Py_ssize_t i, j, mask = ((<Py_ssize_t>1) << (64 - shift)) - 1
        cdef Key key
        cdef void* block
        cdef CacheEntry* entries
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

    cdef void _clear(self) noexcept nogil:
        memset(self.entries, 0, self.table_bytes())
        self.n_used = 0
        self.arena_used = 0
        self.is_seeded = False
