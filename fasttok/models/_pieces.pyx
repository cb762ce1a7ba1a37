"""`PieceTable`: a hash table from the bytes of pieces to their ids."""

import numpy as np

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memset

from fasttok.core._keys cimport FT_PREFETCH

cdef enum:
    BLOCK = 64  # pieces whose hashes are computed together, so that the memory latencies overlap

cdef uint64_t EMPTY = 0xFFFFFFFFFFFFFFFFULL  # an unused entry of the table


@cython.final
cdef class PieceTable:
    """Hash table from the bytes of pieces to their ids; it refers to the arrays that it gets and copies nothing.

    ``values`` (uint8[..]) and ``offsets`` (int64[n + 1]) have the pieces; the id of a piece is its row.
    ``included`` (uint8[n]) is a mask of the pieces to add. Empty pieces are never added.
    """

    def __cinit__(
        self, const uint8_t[::1] values, const int64_t[::1] offsets, const uint8_t[::1] included
    ):
        cdef Py_ssize_t n = offsets.shape[0] - 1, first, i
        cdef uint64_t mask, place
        cdef uint64_t hashes[BLOCK]
        self._owners = (values, offsets, included)
        self.values = &values[0] if values.shape[0] else NULL
        self.offsets = &offsets[0]
        self.included = &included[0] if n else NULL
        self.n_pieces = n
        self.bits = 4
        while <Py_ssize_t>1 << self.bits < 2 * n:
            self.bits += 1
        self.table = <uint64_t*>malloc(8 << self.bits)
        if self.table == NULL:
            raise MemoryError("not enough memory for the table of pieces")
        memset(self.table, 0xFF, 8 << self.bits)
        mask = (<uint64_t>1 << self.bits) - 1
        for first in range(0, n, BLOCK):
            self._hash_block(first, hashes, 0)
            for i in range(first, min(first + BLOCK, n)):
                if offsets[i] == offsets[i + 1] or not included[i]:
                    continue
                place = hashes[i - first] >> (64 - self.bits)
                while self.table[place] != EMPTY:
                    place = (place + 1) & mask
                self.table[place] = hashes[i - first] << 32 | <uint64_t>i
                self.n_used += 1

    def __dealloc__(self):
        free(self.table)

    def find_duplicate(self):
        """Return the smallest id of a piece, and the next id with the same piece; None if all pieces differ."""
        cdef Py_ssize_t i, first, length
        cdef uint32_t found
        cdef uint64_t hashes[BLOCK]
        for first in range(0, self.n_pieces, BLOCK):
            self._hash_block(first, hashes, 2)
            for i in range(first, min(first + BLOCK, self.n_pieces)):
                length = self.offsets[i + 1] - self.offsets[i]
                if length:
                    found = self.find_hashed(hashes[i - first], self.values + self.offsets[i], length)
                    if found < <uint32_t>i:
                        return found, i
        return None

    cdef void _hash_block(self, Py_ssize_t first, uint64_t* hashes, int steps) noexcept:
        """Compute the hashes of BLOCK pieces, and fetch memory in steps 0 to `steps`; see `fetch`."""
        cdef Py_ssize_t i, n = min(BLOCK, self.n_pieces - first)
        cdef int step
        for i in range(n):
            hashes[i] = 0
            if self.offsets[first + i] < self.offsets[first + i + 1]:
                hashes[i] = hash_piece(
                    self.values + self.offsets[first + i], self.offsets[first + i + 1] - self.offsets[first + i]
                )
            self.fetch(hashes[i], 0)
        for step in range(1, steps + 1):
            for i in range(n):
                self.fetch(hashes[i], step)

    def find_all(self, const uint8_t[::1] values, const int64_t[::1] offsets):
        """Return the id of each of k rows, or NOTHING: uint32[k]. ``values`` and ``offsets`` have the rows."""
        cdef Py_ssize_t i
        cdef uint32_t[::1] found = np.full(offsets.shape[0] - 1, <uint32_t>NOTHING, np.uint32)
        for i in range(offsets.shape[0] - 1):
            if offsets[i] < offsets[i + 1]:
                found[i] = self.find(&values[offsets[i]], offsets[i + 1] - offsets[i])
        return found.base

    cdef bint has(self, uint32_t i, const uint8_t* piece, Py_ssize_t length) noexcept nogil:
        """Return whether i is an id, and its piece has these bytes."""
        return (
            i < <size_t>self.n_pieces
            and self.offsets[i + 1] - self.offsets[i] == length
            and memcmp(self.values + self.offsets[i], piece, length) == 0
        )

    cdef uint32_t find(self, const uint8_t* piece, Py_ssize_t length) noexcept nogil:
        """Return the smallest id of a piece with these bytes, or NOTHING if there is no such piece."""
        return self.find_hashed(hash_piece(piece, length), piece, length)

    cdef uint32_t find_hashed(self, uint64_t hashed, const uint8_t* piece, Py_ssize_t length) noexcept nogil:
        """Return the id as `find` does, given the hash of the bytes."""
        cdef uint64_t mask = (<uint64_t>1 << self.bits) - 1, entry
        cdef uint64_t place = hashed >> (64 - self.bits)
        cdef uint32_t i
        while True:
            entry = self.table[place]
            if entry == EMPTY:
                return NOTHING
            if entry >> 32 == hashed & 0xFFFFFFFFU:
                i = entry & 0xFFFFFFFFU
                if self.has(i, piece, length):
                    return i
            place = (place + 1) & mask

    cdef void fetch(self, uint64_t hashed, int step) noexcept nogil:
        """Fetch memory that `find_hashed` will read for this hash.

        Steps 0, 1 and 2 fetch the entry of the table, the offset of its piece and the bytes of its piece. Each step
        reads what the step before it has fetched.
        """
        cdef uint64_t* entry = &self.table[hashed >> (64 - self.bits)]
        if step == 0:
            FT_PREFETCH(entry)
        elif entry[0] != EMPTY and step == 1:
            FT_PREFETCH(&self.offsets[entry[0] & 0xFFFFFFFFU])
        elif entry[0] != EMPTY:
            FT_PREFETCH(self.values + self.offsets[entry[0] & 0xFFFFFFFFU])
