"""Find the merges of a vocabulary under tiktoken's rule."""

import numpy as np

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memmove

from fasttok.models._pieces cimport NOTHING, PieceTable

cdef enum:
    LONGEST_PIECE = 1024  # maximum length of a piece in bytes
    SHORT_PIECE = 8  # maximum length of a piece that a look-up compares as one number


def split_pieces(const uint8_t[::1] values, const int64_t[::1] offsets):
    """Return, for each of k pieces, the two ids that are merged last under tiktoken's rule: int64[k, 2].

    The rule merges two neighbours if their joined bytes are a piece; the piece with the lowest id is made
    first. Single bytes, empty rows and pieces that the rule never produces have (-1, -1). ``values``
    (uint8[..]) and ``offsets`` (int64[k + 1]) have the pieces; the id of a piece is its row.

    Raises
    ------
    ValueError
        If a piece has more than LONGEST_PIECE bytes.
    """
    cdef Py_ssize_t n_pieces = offsets.shape[0] - 1, piece, n, i, best
    cdef int64_t[:, ::1] splits = np.full((n_pieces, 2), -1, np.int64)
    cdef const uint8_t[::1] text = np.concatenate([values, np.zeros(8, np.uint8)])  # `find` reads eight bytes
    cdef Lookup lookup = Lookup(text, offsets)
    cdef const uint8_t* p
    cdef uint32_t lowest
    cdef Py_ssize_t starts[LONGEST_PIECE + 1]
    cdef uint32_t joined[LONGEST_PIECE]  # id of the piece that is parts i and i + 1 joined
    with nogil:
        for piece in range(n_pieces):
            n = offsets[piece + 1] - offsets[piece]
            if n < 2:
                continue
            p = &text[offsets[piece]]
            for i in range(n - 1):
                starts[i] = i
                joined[i] = lookup.find(p + i, 2)
            starts[n - 1], starts[n] = n - 1, n
            while n > 1:
                best, lowest = 0, joined[0]
                for i in range(1, n - 1):  # without branches, which no processor could predict
                    best = i if joined[i] < lowest else best
                    lowest = joined[i] if joined[i] < lowest else lowest
                if lowest == NOTHING:
                    break
                if n == 2:
                    splits[piece, 0] = lookup.find(p, starts[1])
                    splits[piece, 1] = lookup.find(p + starts[1], starts[2] - starts[1])
                    break
                memmove(&starts[best + 1], &starts[best + 2], (n - best - 1) * sizeof(Py_ssize_t))
                memmove(&joined[best], &joined[best + 1], (n - best - 2) * 4)
                n -= 1
                if best:
                    joined[best - 1] = lookup.find(p + starts[best - 1], starts[best + 1] - starts[best - 1])
                if best < n - 1:
                    joined[best] = lookup.find(p + starts[best], starts[best + 2] - starts[best])
    return np.asarray(splits)


@cython.final
cdef class Lookup:
    """Ids of pieces by their bytes; the text must go on for eight bytes after the last piece.

    Nearly all look-ups are for few bytes. Two bytes are the index of a table. Up to SHORT_PIECE bytes are one
    number, which the entry of a hash table contains, so that a look-up reads one place in memory instead of
    three.
    """

    cdef PieceTable all
    cdef uint32_t[::1] of_pair
    cdef uint64_t[::1] keys  # bytes of the piece in each place
    cdef uint64_t[::1] found  # its length and its id; 0 for an empty place
    cdef int bits

    def __cinit__(self, const uint8_t[::1] values, const int64_t[::1] offsets):
        cdef Py_ssize_t n_pieces = offsets.shape[0] - 1, i, length
        cdef uint64_t key, place
        cdef const uint8_t* p
        self.all = PieceTable(values, offsets, np.ones(n_pieces, np.uint8))
        self.of_pair = np.full(1 << 16, <uint32_t>NOTHING, np.uint32)
        self.bits = 4
        while <Py_ssize_t>1 << self.bits < 2 * n_pieces:
            self.bits += 1
        self.keys = np.zeros(1 << self.bits, np.uint64)
        self.found = np.zeros(1 << self.bits, np.uint64)
        for i in range(n_pieces):
            length = offsets[i + 1] - offsets[i]
            if length > LONGEST_PIECE:
                raise ValueError(f"piece {i} has {length:,} bytes; the maximum is {LONGEST_PIECE:,}")
            if length == 0 or length > SHORT_PIECE:
                continue
            p = &values[offsets[i]]
            if length == 2:
                self.of_pair[p[0] << 8 | p[1]] = min(self.of_pair[p[0] << 8 | p[1]], <uint32_t>i)
                continue
            memcpy(&key, p, 8)
            key &= <uint64_t>0xFFFFFFFFFFFFFFFFULL >> (64 - 8 * length)
            place = self.place_of(key, length)
            while self.found[place] and not self.is_at(place, key, length):
                place = (place + 1) & ((<uint64_t>1 << self.bits) - 1)
            if not self.found[place]:  # of equal pieces, the first one counts
                self.keys[place] = key
                self.found[place] = <uint64_t>length << 32 | <uint64_t>i

    cdef inline uint64_t place_of(self, uint64_t key, Py_ssize_t length) noexcept nogil:
        return (key ^ <uint64_t>length) * <uint64_t>0x9E3779B97F4A7C15ULL >> (64 - self.bits)

    cdef inline bint is_at(self, uint64_t place, uint64_t key, Py_ssize_t length) noexcept nogil:
        return self.keys[place] == key and self.found[place] >> 32 == <uint64_t>length

    cdef inline uint32_t find(self, const uint8_t* piece, Py_ssize_t length) noexcept nogil:
        """Return the id of a piece of at least one byte, or NOTHING."""
        cdef uint64_t key, place, entry
        if length == 2:
            return self.of_pair[piece[0] << 8 | piece[1]]
        if length > SHORT_PIECE:
            return self.all.find(piece, length)
        memcpy(&key, piece, 8)
        key &= <uint64_t>0xFFFFFFFFFFFFFFFFULL >> (64 - 8 * length)
        place = self.place_of(key, length)
        while True:
            entry = self.found[place]
            if entry == 0:
                return NOTHING
            if self.is_at(place, key, length):
                return entry & 0xFFFFFFFFU
            place = (place + 1) & ((<uint64_t>1 << self.bits) - 1)
