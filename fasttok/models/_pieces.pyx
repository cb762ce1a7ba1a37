"""`PieceTable`: a hash table from the bytes of pieces to their ids."""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memset

from fasttok.core._keys cimport hash_key, make_key

cdef uint64_t EMPTY = 0xFFFFFFFFFFFFFFFFULL  # an unused entry of the table


@cython.final
cdef class PieceTable:
    """Hash table from the bytes of pieces to their ids; it refers to the pieces' memory and copies nothing.

    ``values`` (uint8[..]) and ``offsets`` (int64[n + 1]) have the pieces; the id of a piece is its row.
    ``included`` (uint8[n]) is a mask of the pieces to add. Empty pieces are never added.
    """

    def __cinit__(
        self, const uint8_t[::1] values, const int64_t[::1] offsets, const uint8_t[::1] included
    ):
        cdef Py_ssize_t n = offsets.shape[0] - 1, i
        cdef uint64_t mask, hashed, place
        self._owners = (values, offsets)
        self.values = &values[0] if values.shape[0] else NULL
        self.offsets = &offsets[0]
        self.bits = 4
        while <Py_ssize_t>1 << self.bits < 2 * n:
            self.bits += 1
        self.table = <uint64_t*>malloc(8 << self.bits)
        if self.table == NULL:
            raise MemoryError("not enough memory for the table of pieces")
        memset(self.table, 0xFF, 8 << self.bits)
        mask = (<uint64_t>1 << self.bits) - 1
        for i in range(n):
            if offsets[i] == offsets[i + 1] or not included[i]:
                continue
            hashed = hash_piece(self.values + offsets[i], offsets[i + 1] - offsets[i])
            place = hashed >> (64 - self.bits)
            while self.table[place] != EMPTY:
                place = (place + 1) & mask
            self.table[place] = hashed << 32 | <uint64_t>i

    def __dealloc__(self):
        free(self.table)

    cdef uint32_t find(self, const uint8_t* piece, Py_ssize_t length) noexcept nogil:
        """Return the smallest id of a piece with these bytes, or NOTHING if there is no such piece."""
        cdef uint64_t hashed = hash_piece(piece, length), mask = (<uint64_t>1 << self.bits) - 1, entry
        cdef uint64_t place = hashed >> (64 - self.bits)
        cdef uint32_t i
        while True:
            entry = self.table[place]
            if entry == EMPTY:
                return NOTHING
            if entry >> 32 == hashed & 0xFFFFFFFFU:
                i = entry & 0xFFFFFFFFU
                if (
                    self.offsets[i + 1] - self.offsets[i] == length
                    and memcmp(self.values + self.offsets[i], piece, length) == 0
                ):
                    return i
            place = (place + 1) & mask


cdef inline uint64_t hash_piece(const uint8_t* piece, Py_ssize_t length) noexcept nogil:
    return hash_key(make_key(piece, 0, length, length))
