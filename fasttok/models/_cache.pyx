"""Cache of the ids of pretokens, with a limit in bytes.

The table uses open addressing with linear probing. Its entries have 32 bytes, two per cache line: the 16-byte
key and up to four ids. Longer lists of ids are in an arena, as are the bytes of a pretoken that is too long for
its key. Table and arena may each grow to half the limit. When one of them is full, the whole cache is cleared,
which is cheaper than tracking the use of entries. A cache belongs to one thread at a time. Before several threads
begin to work, `join` gives each cache the pretokens of all.

A cache of raw words may have an inner cache, of up to half its size, for the parts of their rewritten text.

A cache may be seeded: it then has all pieces of a vocabulary that are encoded as a single id, so a pretoken that is
not in the cache is none of them. `PretokenEncoder.new_cache` makes a seeded cache if the pieces fit.
"""

cimport cython
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy, memset

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._keys cimport LONG, Key, calloc_table, hash_key, make_key
from fasttok.models._pieces cimport PieceTable

cdef enum:
    LARGEST_SHIFT = 64 - 9  # shift of the initial table, with 512 entries
    LARGE_SHIFT = 64 - 16  # shift from which on a table grows to twice its size, not four times
    ENOUGH = 1 << 16  # pretokens; see `can_seed`
    FULL = 5  # a table grows when so many eighths of it are in use,
    FULLEST = 7  # or, if it is as large as the limit allows, is cleared when so many eighths are
    COME_BITS = 20  # log2 of the size of the bit set of `has_come`
    FEW = 16  # caches are joined if more than the sixteenth part of their pretokens is new

SPARE_IDS = INLINE_IDS  # a lookup may write this many ids past the end of the output

cdef uint64_t KEY_BITS = 0x0FFFFFFFFFFFFFFFULL  # the bits of key.high without the number of ids


@cython.final
cdef class PretokenCache:
    """Map from pretokens to ids that takes at most `limit` bytes; with an inner cache, half as many more."""

    def __cinit__(self, Py_ssize_t limit):
        if limit < 1 << 16:
            raise ValueError(f"the limit of a cache must be at least 65,536 bytes, not {limit}")
        self.limit = limit
        self.n_joined = -1
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
        free(self.come)

    def __len__(self):
        return self.n_used

    @property
    def n_bytes(self):
        """Memory of the table, the arena, the bit set of `has_come` and the inner cache, in bytes."""
        n_come = 0 if self.come == NULL else 1 << (COME_BITS - 3)
        return self.table_bytes() + self.arena_size + n_come + (0 if self.inner is None else self.inner.n_bytes)

    cdef Py_ssize_t table_bytes(self) noexcept nogil:
        return sizeof(CacheEntry) << (64 - self.shift)

    cdef Py_ssize_t get(
        self, Key key, uint64_t hashed, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out
    ) noexcept nogil:
        """Write the ids of a pretoken to `out` and return their number; 0 if it is not in the cache.

        `out` needs space for at least INLINE_IDS ids, because the whole array of an entry is copied.
        """
        return find_ids(self.entries, self.shift, self.arena, key, hashed, pretoken, length, out)

    cdef void put(
        self, Key key, uint64_t hashed, const uint8_t* pretoken, Py_ssize_t length, const uint32_t* ids, Py_ssize_t n
    ) noexcept nogil:
        """Add a pretoken that is not in the cache, unless it needs more than half the limit or memory runs out."""
        cdef Py_ssize_t i, mask, needed = 0
        cdef CacheEntry* entry
        cdef uint64_t place
        if n > INLINE_IDS or length >= LONG:
            needed = arena_bytes(n, length)
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

    cdef bint add_inner(self) noexcept nogil:
        """Add a cache for parts of the pretokens, with half the limit; return whether there is memory for it."""
        with gil:
            try:
                self.inner = PretokenCache(max(self.limit // 2, 1 << 16))
            except MemoryError:
                return False
            self.inner.interrupt = self.interrupt
            return True

    cdef bint has_come(self, uint64_t hashed) noexcept nogil:
        """Return whether this was called with the same hash before, among the last calls.

        A bit set has the hashes. It is emptied when an eighth of its bits may be set, so for up to one in eight new
        hashes, another one counts.
        """
        cdef uint64_t place = hashed >> (64 - COME_BITS)
        if self.come == NULL:
            self.come = <uint64_t*>calloc(1 << (COME_BITS - 6), sizeof(uint64_t))
            if self.come == NULL:
                return False
        if self.come[place >> 6] >> (place & 63) & 1:
            return True
        self.n_come += 1
        if self.n_come >= 1 << (COME_BITS - 3):
            memset(self.come, 0, <size_t>1 << (COME_BITS - 3))
            self.n_come = 1
        self.come[place >> 6] |= <uint64_t>1 << (place & 63)
        return False

    cdef void _add_all(self, PretokenCache other) noexcept nogil:
        """Add the pretokens of another cache that this one does not have, until there is no space left.

        Both tables are nearly in the order of hashes, so they are read and written from beginning to end.
        """
        cdef Py_ssize_t i, n, length
        cdef uint64_t place, hashed
        cdef CacheEntry* entry
        cdef const uint32_t* ids
        cdef const uint8_t* pretoken
        cdef Key key
        for i in range((<Py_ssize_t>1) << (64 - other.shift)):
            entry = &other.entries[i]
            if entry.key.high == 0:
                continue
            n = entry.key.high >> 60
            key = entry.key
            key.high &= KEY_BITS
            length = key.high >> 56 if key.high >> 56 else key.high
            ids = entry.ids
            pretoken = NULL
            if n == IN_ARENA:
                memcpy(&place, entry.ids, 8)
                n = entry.ids[2]
                ids = <const uint32_t*>(other.arena + place)
                pretoken = other.arena + place + 4 * n  # only that of a long pretoken is read
                if self.arena_used + arena_bytes(n, length) > self.limit // 2:
                    return
            if self._is_full() and self.shift == self.smallest_shift:
                return
            hashed = hash_key(key)
            if find_entry(self.entries, self.shift, self.arena, key, hashed, pretoken, length) == NULL:
                self.put(key, hashed, pretoken, length, ids, n)

    cdef bint _can_copy(self, PretokenCache other) noexcept nogil:
        """Return whether the limit allows a copy of another cache."""
        return other.shift >= self.smallest_shift and other.arena_used <= self.limit // 2

    cdef void _copy(self, PretokenCache other) noexcept nogil:
        """Become a copy of another cache, which the limit must allow; become empty if memory runs out."""
        self._clear()
        if not self._reserve(other.arena_used):
            return
        if self.shift != other.shift and not self._resize(other.shift):
            return
        memcpy(self.entries, other.entries, self.table_bytes())
        if other.arena_used:
            memcpy(self.arena, other.arena, other.arena_used)
        self.arena_used = other.arena_used
        self.n_used = other.n_used
        self.is_seeded = other.is_seeded

    cdef bint has_space(self, PieceTable pieces) noexcept nogil:
        """Return whether the largest table is at most half full with the pieces, and the arena has space."""
        return (
            self.n_used + pieces.n_used <= eighths(self.smallest_shift, 4)
            and self.arena_used + pieces.offsets[pieces.n_pieces] + 8 * pieces.n_pieces <= self.limit // 2
        )

    cdef bint can_seed(self, PieceTable pieces) noexcept nogil:
        """Return whether the pieces fit, and the cache has enough pretokens or soon no space for the pieces.

        Enough are as many as there are pieces, ENOUGH, or half as many as there are pieces if that is more. Threads
        that meet fewer do not pay for pieces that they never meet.
        """
        cdef Py_ssize_t space = eighths(self.smallest_shift, 4) - pieces.n_used
        return self.n_used >= min(pieces.n_used, max(ENOUGH, pieces.n_used // 2), space) and self.has_space(pieces)

    cdef void seed(self, PieceTable pieces) noexcept nogil:
        """Add the pieces, unless they are in the cache. `has_space` must be true.

        If memory runs out, the cache is not seeded.
        """
        cdef Py_ssize_t row, length, block
        cdef Py_ssize_t needed = 0  # space in the arena, also for long pieces that are not in the table
        cdef int shift = self.shift
        for row in range(pieces.n_pieces):
            length = pieces.offsets[row + 1] - pieces.offsets[row]
            if length >= LONG:
                needed += arena_bytes(1, length)
        # An eighth is left for other pretokens, so that the table does not grow again at once.
        while shift > self.smallest_shift and self.n_used + pieces.n_used > eighths(shift, FULL) // 8 * 7:
            shift -= 1
        if not self._reserve(needed) or (shift < self.shift and not self._resize(shift)):
            return
        for block in range((pieces.n_pieces + BLOCK - 1) // BLOCK):
            self._add_pieces(pieces, block * BLOCK)
        self.is_seeded = True

    cdef void _add_pieces(self, PieceTable pieces, Py_ssize_t first) noexcept nogil:
        """Add the pieces of up to BLOCK rows, unless they are in the cache. Their entries are fetched together."""
        cdef Key keys[BLOCK]
        cdef uint64_t hashes[BLOCK]
        cdef uint32_t rows[BLOCK]
        cdef const uint8_t* piece
        cdef Py_ssize_t i, n = 0, start, length, n_bytes = pieces.offsets[pieces.n_pieces]
        cdef Py_ssize_t end = min(first + BLOCK, pieces.n_pieces)
        for i in range(first, end):
            start = pieces.offsets[i]
            length = pieces.offsets[i + 1] - start
            if length and pieces.included[i]:
                rows[n] = i
                keys[n] = make_key(pieces.values, start, length, n_bytes)
                hashes[n] = hash_key(keys[n])
                cache_prefetch(self, hashes[n])
                n += 1
        for i in range(n):
            start = pieces.offsets[rows[i]]
            length = pieces.offsets[rows[i] + 1] - start
            piece = pieces.values + start
            if find_entry(self.entries, self.shift, self.arena, keys[i], hashes[i], piece, length) == NULL:
                self.put(keys[i], hashes[i], piece, length, &rows[i], 1)

    cdef bint _is_full(self) noexcept nogil:
        return self.n_used >= eighths(self.shift, FULL if self.shift > self.smallest_shift else FULLEST)

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


cdef inline Py_ssize_t eighths(int shift, int n) noexcept nogil:
    """Return n eighths of the size of a table."""
    return (<Py_ssize_t>n << (64 - shift)) >> 3


cdef inline Py_ssize_t arena_bytes(Py_ssize_t n, Py_ssize_t length) noexcept nogil:
    """Return the space in the arena that n ids of a pretoken take if they are in it."""
    return 4 * n + ((length + 3) & ~<Py_ssize_t>3 if length >= LONG else 0)


def join(list caches):
    """Give each cache the pretokens of all, unless few are new since they were joined last.

    Caches whose limits are too low for that have the pretokens of one another. Takes O(n) time for n entries.

    Parameters
    ----------
    caches : list of PretokenCache
        Caches of the same model, at least one.
    """
    cdef PretokenCache largest = max(caches, key=len), cache
    cdef Py_ssize_t n_new = 0
    cdef list others = []
    cdef list inner = [cache.inner for cache in caches if cache.inner is not None]
    if len(inner) > 1:
        join(inner)
    for cache in caches:
        n_new += largest.n_used if cache.n_joined < 0 else abs(cache.n_used - cache.n_joined)
    if n_new <= largest.n_used // FEW:
        return
    for cache in caches:
        if cache is not largest:
            with nogil:
                largest._add_all(cache)
    for cache in caches:
        if cache is not largest:
            if not cache._can_copy(largest):
                others.append(cache)
                continue
            with nogil:
                cache._copy(largest)
        cache.n_joined = cache.n_used
    if others:
        join(others)
