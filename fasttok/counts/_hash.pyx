"""The hash table that counting fills: pretokens in, distinct pretokens and their counts out.

Open addressing with linear probing over entries of 32 bytes, two to a cache line: the 16-byte key, the
count, and for a pretoken too long for its key the place of its bytes in an arena. Keys are made a block
at a time, and the entry each will need is asked for before the first is looked at, so that the waits for
memory overlap.
"""

import numpy as np

cimport cython
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcmp, memcpy

from fasttok._keys cimport FT_PREFETCH, LONG, Key, calloc_table, hash_key, make_key

cdef struct Entry:
    Key key  # key.high is 0 in an empty entry
    int64_t count
    uint64_t place  # of a long pretoken's bytes in the arena

cdef enum:
    BLOCK = 32
    SMALLEST_BITS = 12

cdef enum Status:
    FINE
    NO_MEMORY
    OVERFLOW


@cython.final
cdef class PretokenTable:
    """A growing table of distinct pretokens and their int64 counts; one thread at a time."""

    cdef Entry* entries
    cdef void* block
    cdef int bits
    cdef Py_ssize_t n_used
    cdef uint8_t* arena
    cdef Py_ssize_t arena_used
    cdef Py_ssize_t arena_size
    cdef readonly Py_ssize_t n_bytes  # of all distinct pretokens together

    def __cinit__(self):
        self.bits = SMALLEST_BITS
        self.entries = <Entry*>calloc_table(sizeof(Entry) << self.bits, &self.block)
        if self.entries == NULL:
            raise MemoryError("no memory for the table of pretokens")

    def __dealloc__(self):
        free(self.block)
        free(self.arena)

    def __len__(self):
        return self.n_used

    def add(
        self, const uint8_t[::1] text, const int64_t[::1] boundaries, const int64_t[::1] counts=None
    ):
        """Count the pretokens between `boundaries`, each once or as often as `counts` says.

        Raises
        ------
        OverflowError
            If a count would pass 2^63 - 1; the table is then of no more use.
        """
        cdef Status status
        cdef const int64_t* each = NULL
        if boundaries.shape[0] < 2:
            return
        if counts is not None:
            each = &counts[0]
        with nogil:
            status = self._add(&text[0], text.shape[0], &boundaries[0], boundaries.shape[0] - 1, each)
        if status == NO_MEMORY:
            raise MemoryError(f"no memory for more than {self.n_used:,} distinct pretokens")
        if status == OVERFLOW:
            raise OverflowError("the count of a pretoken passes 2^63 - 1")

    cdef Status _add(
        self, const uint8_t* text, Py_ssize_t n_text, const int64_t* bounds, Py_ssize_t n, const int64_t* counts
    ) noexcept nogil:
        cdef Key keys[BLOCK]
        cdef uint64_t hashes[BLOCK]
        cdef Py_ssize_t first = 0, i, size, start
        cdef Entry* entry
        cdef int64_t count
        while first < n:
            if 2 * (self.n_used + BLOCK) > <Py_ssize_t>1 << self.bits and not self._grow():
                return NO_MEMORY
            size = min(<Py_ssize_t>BLOCK, n - first)
            for i in range(size):
                start = bounds[first + i]
                keys[i] = make_key(text, start, bounds[first + i + 1] - start, n_text)
                hashes[i] = hash_key(keys[i])
                FT_PREFETCH(&self.entries[hashes[i] >> (64 - self.bits)])
            for i in range(size):
                start = bounds[first + i]
                entry = self._find(keys[i], hashes[i], text + start, bounds[first + i + 1] - start)
                if entry == NULL:
                    return NO_MEMORY
                count = counts[first + i] if counts != NULL else 1
                if entry.count > INT64_MAX - count:
                    return OVERFLOW
                entry.count += count
            first += size
        return FINE

    cdef Entry* _find(
        self, Key key, uint64_t hashed, const uint8_t* pretoken, Py_ssize_t length
    ) noexcept nogil:
        """The entry of a pretoken, new if need be; NULL when there is no memory for its bytes."""
        cdef Py_ssize_t mask = (<Py_ssize_t>1 << self.bits) - 1
        cdef Py_ssize_t i = hashed >> (64 - self.bits)
        cdef Entry* entry
        while True:
            entry = &self.entries[i]
            if entry.key.high == key.high and entry.key.low == key.low:
                if length < LONG or memcmp(self.arena + entry.place, pretoken, length) == 0:
                    return entry
            elif entry.key.high == 0:
                if length >= LONG:
                    if not self._store(pretoken, length):
                        return NULL
                    entry.place = self.arena_used - length
                entry.key = key
                self.n_used += 1
                self.n_bytes += length
                return entry
            i = (i + 1) & mask

    cdef bint _store(self, const uint8_t* pretoken, Py_ssize_t length) noexcept nogil:
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
        """Move every entry to a table twice the size."""
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

    def add_table(self, PretokenTable other):
        """Add what another table has counted."""
        text, offsets, counts = other.rows()
        self.add(text, offsets, counts)

    def rows(self):
        """The distinct pretokens as (text uint8, offsets int64, counts int64), in no particular order."""
        text = np.empty(self.n_bytes, np.uint8)
        offsets = np.zeros(self.n_used + 1, np.int64)
        counts = np.empty(self.n_used, np.int64)
        if self.n_used:
            self._write_rows(text, offsets, counts)
        return text, offsets, counts

    cdef void _write_rows(self, uint8_t[::1] text, int64_t[::1] offsets, int64_t[::1] counts):
        cdef Py_ssize_t i, k, length, n = 0, position = 0
        cdef uint64_t word
        cdef Entry* entry
        with nogil:
            for i in range(<Py_ssize_t>1 << self.bits):
                entry = &self.entries[i]
                if entry.key.high == 0:
                    continue
                length = entry.key.high >> 56
                if length:
                    for k in range(length):
                        word = entry.key.low if k < 8 else entry.key.high
                        text[position + k] = word >> (8 * (k & 7)) & 0xFF
                else:
                    length = entry.key.high
                    memcpy(&text[position], self.arena + entry.place, length)
                counts[n] = entry.count
                n += 1
                position += length
                offsets[n] = position


def rank_rows(const uint8_t[::1] text, const int64_t[::1] offsets, uint64_t[::1] first, uint64_t[::1] second):
    """Write two words a row whose order, first then second, is the byte order of rows up to 15 bytes.

    Longer rows have their first 15 bytes and the mark 16, so that they follow their own prefix but tie
    with one another.
    """
    cdef Py_ssize_t row, i, length
    cdef uint64_t words[2]
    with nogil:
        for row in range(offsets.shape[0] - 1):
            length = offsets[row + 1] - offsets[row]
            words[0] = 0
            words[1] = min(length, <Py_ssize_t>LONG)
            for i in range(min(length, <Py_ssize_t>LONG - 1)):
                words[i >> 3] |= <uint64_t>text[offsets[row] + i] << (56 - 8 * (i & 7))
            first[row] = words[0]
            second[row] = words[1]
