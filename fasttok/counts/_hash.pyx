"""Hash table that counts distinct pretokens.

Open addressing with linear probing. An entry has 32 bytes, so two fit a cache line: a 16-byte key, the count,
and, for a pretoken too long for its key, the offset of its bytes in an arena. Keys are computed in blocks, and the
entries of a block are prefetched before the first is read, so that the waits for memory overlap.
"""

import sys

import numpy as np

cimport cython
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcmp, memcpy, memset

from fasttok.core._keys cimport FT_PREFETCH, LONG, Key, calloc_table, hash_key, load8, make_key
from fasttok.text._spans cimport Spans

cdef struct Entry:
    Key key  # key.high is 0 in an empty entry
    int64_t count
    uint64_t offset  # of a long pretoken's bytes in the arena

cdef struct Rank:  # a row while it is sorted
    uint64_t key
    int64_t row

cdef enum:
    CHUNK = 512  # spans requested at once
    AHEAD = 16  # number of rows after which a row that is prefetched is read
    BLOCK = 32  # pretokens whose entries are prefetched together
    SMALLEST_BITS = 12  # log2 of the initial number of entries
    ROW_BYTES = 16  # size of a row without its text: an offset and a count
    N_INSERTED = 8  # entries that are sorted by insertion
    N_DISTRIBUTED = 255  # smallest count of the rows that are sorted by comparing counts

cdef enum Status:
    FINE
    NO_MEMORY
    OVERFLOW


@cython.final
cdef class PretokenTable:
    """Growing hash table of distinct pretokens and their int64 counts; not thread-safe."""

    cdef Entry* entries
    cdef void* block  # pointer to free for `entries`
    cdef int bits  # log2 of the number of entries
    cdef Py_ssize_t n_used  # number of entries that are not empty
    cdef const Rank* ranks  # sorted rows, in the second half of `entries`; NULL if the table is not sorted
    cdef uint8_t* arena  # bytes of the long pretokens, concatenated
    cdef Py_ssize_t arena_used
    cdef Py_ssize_t arena_size

    def __cinit__(self):
        self.bits = SMALLEST_BITS
        self.entries = <Entry*>calloc_table(sizeof(Entry) << self.bits, &self.block)
        if self.entries == NULL:
            raise MemoryError("not enough memory for the table of pretokens")

    def __dealloc__(self):
        free(self.block)
        free(self.arena)

    def __len__(self):
        return self.n_used

    def count(self, const uint8_t[::1] text, const int64_t[::1] offsets, Spans spans):
        """Count the pretokens of every row of text.

        Parameters
        ----------
        text : ndarray of uint8, shape (n,)
            Text of all rows, concatenated.
        offsets : ndarray of int64, shape (k + 1,)
            Start of each row in `text`, followed by n.
        spans : Spans
            Spans of the pretokens, none of which is empty.

        Raises
        ------
        MemoryError
            If there is not enough memory for the table.
        OverflowError
            If a count would exceed 2^63 - 1. After either error, the table must not be used.
        """
        cdef Status status
        if text.shape[0] == 0:
            return
        with nogil:
            status = self._count(&text[0], text.shape[0], &offsets[0], offsets.shape[0] - 1, spans)
        self._raise_for(status)

    cdef Status _count(
        self, const uint8_t* text, Py_ssize_t n_text, const int64_t* offsets, Py_ssize_t n_rows, Spans spans
    ) noexcept nogil:
        cdef int64_t starts[CHUNK]
        cdef int64_t ends[CHUNK]
        cdef Py_ssize_t row, position, n
        cdef Status status
        for row in range(n_rows):
            position = offsets[row]
            while position < offsets[row + 1]:
                n = spans.next(text, offsets[row], offsets[row + 1], &position, starts, ends, CHUNK)
                status = self._add(text, n_text, starts, ends, n, NULL)
                if status != FINE:
                    return status
        return FINE

    def add(self, const uint8_t[::1] text, const int64_t[::1] boundaries, const int64_t[::1] counts):
        """Add pretokens with their counts. Errors are those of `count`.

        Parameters
        ----------
        text : ndarray of uint8, shape (n,)
            Text of all pretokens.
        boundaries : ndarray of int64, shape (k + 1,)
            Pretoken i is bytes ``boundaries[i]`` to ``boundaries[i + 1] - 1`` of `text`. None is empty.
        counts : ndarray of int64, shape (k,)
            Count of each pretoken, at least 0.
        """
        cdef Status status
        if counts.shape[0] == 0:
            return
        with nogil:
            status = self._add(
                &text[0], text.shape[0], &boundaries[0], &boundaries[1], counts.shape[0], &counts[0]
            )
        self._raise_for(status)

    def absorb(self, PretokenTable other):
        """Add the counts of another table. Neither table must have been sorted. Errors are those of `count`.

        The table grows before any entry is added, unless all entries of both would fill three quarters of it at
        most. The entries of `other` come in the order of their hashes, so they would pile up at the start of a
        smaller table.
        """
        cdef Status status
        with nogil:
            status = self._absorb(other)
        self._raise_for(status)

    cdef Status _absorb(self, PretokenTable other) noexcept nogil:
        cdef Py_ssize_t i
        cdef Entry* entry
        cdef Entry* ours
        while 4 * (self.n_used + other.n_used) > <Py_ssize_t>3 << self.bits:
            if not self._grow():
                return NO_MEMORY
        for i in range(<Py_ssize_t>1 << other.bits):
            entry = &other.entries[i]
            if entry.key.high == 0:
                continue
            if 2 * (self.n_used + 1) > <Py_ssize_t>1 << self.bits and not self._grow():
                return NO_MEMORY
            ours = self._find(entry.key, hash_key(entry.key), other.arena + entry.offset, entry_length(entry))
            if ours == NULL:
                return NO_MEMORY
            if ours.count > INT64_MAX - entry.count:
                return OVERFLOW
            ours.count += entry.count
        return FINE

    cdef _raise_for(self, Status status):
        if status == NO_MEMORY:
            raise MemoryError(f"not enough memory for more than {self.n_used:,} distinct pretokens")
        if status == OVERFLOW:
            raise OverflowError("the count of a pretoken exceeds 2^63 - 1")

    cdef Status _add(
        self,
        const uint8_t* text,
        Py_ssize_t n_text,
        const int64_t* starts,
        const int64_t* ends,
        Py_ssize_t n,
        const int64_t* counts,
    ) noexcept nogil:
        """Add pretokens with the given counts, or with count 1 if `counts` is NULL.

        Pretoken i is bytes ``starts[i]`` to ``ends[i] - 1`` of the text, for i below n. Return FINE, NO_MEMORY or
        OVERFLOW.
        """
        cdef Key keys[BLOCK]
        cdef uint64_t hashes[BLOCK]
        cdef Py_ssize_t first = 0, i, size
        cdef Entry* entry
        cdef Entry* entries
        cdef int64_t count = 1
        cdef int shift
        while first < n:
            if 2 * (self.n_used + BLOCK) > <Py_ssize_t>1 << self.bits and not self._grow():
                return NO_MEMORY
            size = min(<Py_ssize_t>BLOCK, n - first)
            entries = self.entries
            shift = 64 - self.bits
            for i in range(size):
                keys[i] = make_key(text, starts[first + i], ends[first + i] - starts[first + i], n_text)
                hashes[i] = hash_key(keys[i])
                FT_PREFETCH(&entries[hashes[i] >> shift])
            for i in range(size):
                entry = &entries[hashes[i] >> shift]
                # Nearly always the pretoken is short, and its first candidate entry is the right one.
                if entry.key.low != keys[i].low or entry.key.high != keys[i].high or keys[i].high >> 56 == 0:
                    entry = self._find(
                        keys[i], hashes[i], text + starts[first + i], ends[first + i] - starts[first + i]
                    )
                    if entry == NULL:
                        return NO_MEMORY
                if counts != NULL:
                    count = counts[first + i]
                if entry.count > INT64_MAX - count:
                    return OVERFLOW
                entry.count += count
            first += size
        return FINE

    cdef Entry* _find(
        self, Key key, uint64_t hashed, const uint8_t* pretoken, Py_ssize_t length
    ) noexcept nogil:
        """Find or create the entry of a pretoken. Return NULL if there is not enough memory for its bytes.

        `hashed` is ``hash_key(key)``. At least one entry of the table must be empty.
        """
        cdef Py_ssize_t mask = (<Py_ssize_t>1 << self.bits) - 1
        cdef Py_ssize_t i = hashed >> (64 - self.bits)
        cdef Entry* entry
        while True:
            entry = &self.entries[i]
            if entry.key.high == key.high and entry.key.low == key.low:
                if length < LONG or memcmp(self.arena + entry.offset, pretoken, length) == 0:
                    return entry
            elif entry.key.high == 0:
                if length >= LONG:
                    if not self._store(pretoken, length):
                        return NULL
                    entry.offset = self.arena_used - length
                entry.key = key
                self.n_used += 1
                return entry
            i = (i + 1) & mask

    cdef bint _store(self, const uint8_t* pretoken, Py_ssize_t length) noexcept nogil:
        """Append the bytes of a long pretoken to the arena. Return whether there was enough memory."""
        cdef Py_ssize_t size
        cdef uint8_t* arena
        if self.arena_used + length > self.arena_size:
            size = max(2 * self.arena_size, self.arena_used + length, <Py_ssize_t>4096)
            arena = <uint8_t*>realloc(self.arena, size)
            if arena == NULL:
                return False
            self.arena = arena
            self.arena_size = size
        memcpy(self.arena + self.arena_used, pretoken, length)
        self.arena_used += length
        return True

    cdef bint _grow(self) noexcept nogil:
        """Double the number of entries. Return whether there was enough memory."""
        cdef int bits = self.bits + 1
        cdef Py_ssize_t i, j, mask = (<Py_ssize_t>1 << bits) - 1
        cdef void* block
        cdef Entry* entries = <Entry*>calloc_table(sizeof(Entry) << bits, &block)
        if entries == NULL:
            return False
        for i in range(<Py_ssize_t>1 << self.bits):
            if self.entries[i].key.high:
                j = hash_key(self.entries[i].key) >> (64 - bits)
                while entries[j].key.high:
                    j = (j + 1) & mask
                entries[j] = self.entries[i]
        free(self.block)
        self.entries = entries
        self.block = block
        self.bits = bits
        return True

    def peak_bytes(self, Py_ssize_t n_text):
        """Return an upper limit for the memory in use while `n_text` bytes of pretokens are added.

        While the table grows, old and new entries are in memory together.
        """
        cdef int bits = self.bits
        cdef Py_ssize_t entries, arena = self.arena_size
        # Upper limit for the number of distinct pretokens: 256 have one byte, all others at least two.
        while 2 * (self.n_used + n_text // 2 + 128 + BLOCK) > <Py_ssize_t>1 << bits:
            bits += 1
        entries = <Py_ssize_t>sizeof(Entry) << bits
        if bits > self.bits:
            entries += entries // 2
        if self.arena_used + n_text > arena:
            arena += max(2 * arena, self.arena_used + n_text)
        return entries + arena

    def clear(self):
        """Remove all entries and free their memory."""
        cdef void* block
        cdef Entry* entries = <Entry*>calloc_table(sizeof(Entry) << SMALLEST_BITS, &block)
        if entries == NULL:
            raise MemoryError("not enough memory for the table of pretokens")
        free(self.block)
        free(self.arena)
        self.entries = entries
        self.block = block
        self.bits = SMALLEST_BITS
        self.ranks = NULL
        self.arena = NULL
        self.arena_used = self.arena_size = self.n_used = 0

    def sort(self, *, bint by_count=False):
        """Sort the rows by their bytes, or by descending count and then by their bytes.

        Nothing must be added afterwards, until `clear` is called.

        Unsorted rows must not be added to another table row by row. They are in the order of their hashes, so they
        would pile up in one part of the other table, which takes quadratic time.
        """
        cdef Py_ssize_t i = 0, n = 0
        cdef Entry* entry
        # At most half of the entries are used, so the second half has space for two ranks per row.
        cdef Rank* ranks = <Rank*>(self.entries + (<Py_ssize_t>1 << self.bits) // 2)
        with nogil:
            while n < self.n_used:  # move the entries that are not empty to the front
                entry = &self.entries[i]
                if entry.key.high and entry.key.high >> 56 == 0:
                    entry.key.low = load8(self.arena + entry.offset)  # instead of the hash
                self.entries[n] = entry[0]
                n += entry.key.high != 0
                i += 1
            sort_rows(self.entries, ranks, n, self.arena, by_count)
        self.ranks = ranks

    def rows(self):
        """Return the distinct pretokens and their counts, sorted if `sort` was called.

        Returns
        -------
        text : ndarray of uint8, shape (n,)
            Bytes of the pretokens, concatenated.
        offsets : ndarray of int64, shape (k + 1,)
            Start of each pretoken in `text`, followed by n.
        counts : ndarray of int64, shape (k,)
            Count of each pretoken.
        """
        for block in self.blocks(sys.maxsize):
            return block
        return np.empty(0, np.uint8), np.zeros(1, np.int64), np.empty(0, np.int64)

    def blocks(self, Py_ssize_t n_bytes):
        """Yield the rows in blocks, each in the form that `rows` returns.

        A block takes at most `n_bytes` bytes of memory, unless it is a single row.
        """
        cdef Py_ssize_t start = 0, n_left = self.n_used
        while n_left:
            text, offsets, counts, start = self._block(start, n_left, n_bytes)
            n_left -= len(counts)
            yield text, offsets, counts

    cdef tuple _block(self, Py_ssize_t start, Py_ssize_t n_left, Py_ssize_t n_bytes):
        """Return the next block as (text, offsets, counts, stop), where `stop` is the row after the block.

        `n_left` rows are left, from row `start` on. If the table is not sorted, empty entries count as rows.
        """
        cdef Py_ssize_t stop = start, i, k, length, n = 0, position = 0
        cdef Py_ssize_t last = (<Py_ssize_t>1 << self.bits if self.ranks == NULL else self.n_used) - 1
        cdef uint64_t word
        cdef const Entry* entry
        with nogil:
            while n < n_left:
                FT_PREFETCH(self._row(min(stop + AHEAD, last)))
                entry = self._row(stop)
                if entry.key.high:
                    length = entry_length(entry)
                    if n and position + length + (n + 1) * ROW_BYTES > n_bytes:
                        break
                    position += length
                    n += 1
                stop += 1
        cdef uint8_t[::1] text = np.empty(position, np.uint8)
        cdef int64_t[::1] offsets = np.zeros(n + 1, np.int64)
        cdef int64_t[::1] counts = np.empty(n, np.int64)
        with nogil:
            n = position = 0
            for i in range(start, stop):
                FT_PREFETCH(self._row(min(i + AHEAD, last)))
                entry = self._row(i)
                if entry.key.high == 0:
                    continue
                length = entry_length(entry)
                if length < LONG:
                    for k in range(length):
                        word = entry.key.low if k < 8 else entry.key.high
                        text[position + k] = word >> (8 * (k & 7)) & 0xFF
                else:
                    memcpy(&text[position], self.arena + entry.offset, length)
                counts[n] = entry.count
                n += 1
                position += length
                offsets[n] = position
        return text.base, offsets.base, counts.base, stop

    cdef inline const Entry* _row(self, Py_ssize_t i) noexcept nogil:
        return &self.entries[i if self.ranks == NULL else self.ranks[i].row]


cdef inline Py_ssize_t entry_length(const Entry* entry) noexcept nogil:
    cdef Py_ssize_t length = entry.key.high >> 56
    return length if length else <Py_ssize_t>entry.key.high


cdef inline uint64_t swap_bytes(uint64_t word) noexcept nogil:
    word = (word & 0x00FF00FF00FF00FFu) << 8 | (word >> 8) & 0x00FF00FF00FF00FFu
    word = (word & 0x0000FFFF0000FFFFu) << 16 | (word >> 16) & 0x0000FFFF0000FFFFu
    return word << 32 | word >> 32


cdef inline uint64_t rank_word(const Entry* entry, const uint8_t* arena, int i) noexcept nogil:
    """Return word 0 or 1 of a sort key: the first 15 bytes and, as the last byte, the length (at most 16).

    The length puts a prefix before the longer pretoken, even if that continues with zero bytes.
    """
    if i == 0:
        return swap_bytes(entry.key.low)
    if entry.key.high >> 56:
        return swap_bytes(entry.key.high)
    return swap_bytes(load8(arena + entry.offset + 8)) & ~<uint64_t>0xFF | LONG


cdef inline bint goes_before(const Rank* a, const Rank* b, const Entry* entries, const uint8_t* arena) noexcept nogil:
    """Return whether rank a is the lower one. Without `entries`, only the keys count.

    With them, the keys are words 1, and rows with the same key are longer than 15 bytes.
    """
    cdef const Entry* x
    cdef const Entry* y
    cdef int order
    if entries == NULL or a.key != b.key:
        return a.key < b.key
    x = &entries[a.row]
    y = &entries[b.row]
    order = memcmp(arena + x.offset, arena + y.offset, min(x.key.high, y.key.high))
    return order < 0 or (order == 0 and x.key.high < y.key.high)


cdef void sort_rows(
    const Entry* entries, Rank* ranks, Py_ssize_t n, const uint8_t* arena, bint by_count
) noexcept nogil:
    """Rank n entries by their bytes, or by descending count and then by their bytes.

    `ranks` must have space for 2n ranks; the first n are the result.
    """
    cdef Py_ssize_t i = 0, j
    if by_count:
        rank_by_count(entries, ranks, n)
        while i < n:
            j = i + 1
            while j < n and ranks[j].key == ranks[i].key:
                j += 1
            if j - i > 1:
                sort_by_bytes(ranks + i, ranks + n, j - i, entries, arena)
            i = j
    else:
        for i in range(n):
            ranks[i].row = i
        sort_by_bytes(ranks, ranks + n, n, entries, arena)


cdef void rank_by_count(const Entry* entries, Rank* ranks, Py_ssize_t n) noexcept nogil:
    """Rank n entries by descending count; `ranks` must have space for 2n ranks.

    Most counts are small, so the ranks are first distributed by the count, up to `N_DISTRIBUTED`.
    """
    cdef Py_ssize_t starts[N_DISTRIBUTED + 1]
    cdef Py_ssize_t i, start = 0, size
    memset(starts, 0, sizeof(starts))
    for i in range(n):
        starts[min(entries[i].count, <int64_t>N_DISTRIBUTED)] += 1
    cdef Py_ssize_t n_frequent = starts[N_DISTRIBUTED]
    for i in range(N_DISTRIBUTED, -1, -1):
        size = starts[i]
        starts[i] = start
        start += size
    for i in range(n):
        start = starts[min(entries[i].count, <int64_t>N_DISTRIBUTED)]
        starts[min(entries[i].count, <int64_t>N_DISTRIBUTED)] += 1
        ranks[start].key = ~<uint64_t>entries[i].count
        ranks[start].row = i
    sort_ranks(ranks, ranks + n, n_frequent, NULL, NULL)


cdef void sort_by_bytes(
    Rank* ranks, Rank* buffer, Py_ssize_t n, const Entry* entries, const uint8_t* arena
) noexcept nogil:
    """Sort n ranks by the bytes of their rows: by word 0 of their sort keys, those that have the same by the rest.

    `buffer` must have space for n ranks; its content is overwritten.
    """
    cdef Py_ssize_t i, j, k
    for i in range(n):
        ranks[i].key = rank_word(&entries[ranks[i].row], arena, 0)
    sort_ranks(ranks, buffer, n, NULL, NULL)
    i = 0
    while i < n:
        j = i + 1
        while j < n and ranks[j].key == ranks[i].key:
            j += 1
        if j - i > 1:
            for k in range(i, j):
                ranks[k].key = rank_word(&entries[ranks[k].row], arena, 1)
            sort_ranks(ranks + i, buffer, j - i, entries, arena)
        i = j


cdef void sort_ranks(
    Rank* ranks, Rank* buffer, Py_ssize_t n, const Entry* entries, const uint8_t* arena
) noexcept nogil:
    """Sort n ranks as `goes_before` says, with merge sort, and insertion sort for short ranges.

    `buffer` must have space for n ranks; its content is overwritten.
    """
    cdef Py_ssize_t first, middle, last, i, j, k, width = N_INSERTED
    cdef Rank* source = ranks
    cdef Rank* target = buffer
    cdef Rank rank
    cdef bint is_right
    first = 0
    while first < n:
        last = min(first + N_INSERTED, n)
        for i in range(first + 1, last):
            rank = ranks[i]
            j = i
            while j > first and goes_before(&rank, &ranks[j - 1], entries, arena):
                ranks[j] = ranks[j - 1]
                j -= 1
            ranks[j] = rank
        first = last
    while width < n:
        first = 0
        while first < n:
            i = first
            j = middle = min(first + width, n)
            last = min(middle + width, n)
            k = first
            while i < middle and j < last:  # without branches that depend on the order
                is_right = goes_before(&source[j], &source[i], entries, arena)
                target[k] = source[j if is_right else i]
                j += is_right
                i += not is_right
                k += 1
            memcpy(target + k, source + i, (middle - i) * sizeof(Rank))
            memcpy(target + k + middle - i, source + j, (last - j) * sizeof(Rank))
            first = last
        source, target = target, source
        width *= 2
    if source != ranks:
        memcpy(ranks, source, n * sizeof(Rank))
