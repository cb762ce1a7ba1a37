"""The kernels of byte-level BPE encoding: the cache in front, the merges behind.

A pretoken that the cache does not know is merged from its bytes: the pair of lowest rank first, the
leftmost where several have it. Up to 32 bytes a scan for the lowest rank is fastest; beyond, a heap keeps
the time at O(n log n).
"""

import numpy as np

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy, memmove

from fasttok._keys cimport Key, hash_key, make_key
from fasttok.models._encoder cimport PretokenEncoder

cdef enum:
    LINEAR = 32  # the longest pretoken merged by scanning
    LONGEST_PIECE = 1024  # that split_pieces takes

cdef uint32_t NO_RANK = 0xFFFFFFFFU
cdef uint32_t NOTHING = 0xFFFFFFFFU

cdef struct Merge:
    uint64_t pair  # left << 32 | right
    uint32_t rank
    uint32_t merged


@cython.final
cdef class PieceTable:
    """Looks pieces up by their bytes: a hash table of ids over the pieces' own memory."""

    cdef const uint8_t* values
    cdef const int64_t* offsets
    cdef uint32_t* table
    cdef int bits
    cdef object _owners

    def __cinit__(self, const uint8_t[::1] values, const int64_t[::1] offsets):
        cdef Py_ssize_t n = offsets.shape[0] - 1, i
        cdef uint64_t mask, place
        self._owners = (values, offsets)
        self.values = &values[0] if values.shape[0] else NULL
        self.offsets = &offsets[0]
        self.bits = 4
        while <Py_ssize_t>1 << self.bits < 2 * n:
            self.bits += 1
        self.table = <uint32_t*>malloc(4 << self.bits)
        if self.table == NULL:
            raise MemoryError("no memory for the table of pieces")
        mask = (<uint64_t>1 << self.bits) - 1
        for i in range(<Py_ssize_t>1 << self.bits):
            self.table[i] = NOTHING
        for i in range(n):
            if offsets[i] == offsets[i + 1]:
                continue
            place = self._place(self.values + offsets[i], offsets[i + 1] - offsets[i])
            while self.table[place] != NOTHING:
                place = (place + 1) & mask
            self.table[place] = i

    def __dealloc__(self):
        free(self.table)

    cdef uint64_t _place(self, const uint8_t* piece, Py_ssize_t length) noexcept nogil:
        return hash_key(make_key(piece, 0, length, length)) >> (64 - self.bits)

    cdef uint32_t find(self, const uint8_t* piece, Py_ssize_t length) noexcept nogil:
        """The id of a piece, NOTHING if there is none of these bytes; the lesser id of two alike."""
        cdef uint64_t place = self._place(piece, length), mask = (<uint64_t>1 << self.bits) - 1
        cdef uint32_t i
        while True:
            i = self.table[place]
            if i == NOTHING:
                return NOTHING
            if (
                self.offsets[i + 1] - self.offsets[i] == length
                and memcmp(self.values + self.offsets[i], piece, length) == 0
            ):
                return i
            place = (place + 1) & mask


@cython.final
cdef class BPEEncoder(PretokenEncoder):
    """The tables of one model; never changed, shared by all threads.

    Parameters
    ----------
    byte_ids : uint32[256]
        The id of each byte.
    merges : uint32[m, 2], merge_ids : uint32[m]
        Pairs in order of rank, each once, and what they become.
    whole : PieceTable or None
        Where a pretoken is looked up before it is merged.
    """

    cdef uint32_t byte_ids[256]
    cdef Merge* merges
    cdef int bits
    cdef PieceTable whole

    def __cinit__(
        self,
        const uint32_t[::1] byte_ids,
        const uint32_t[:, ::1] merges,
        const uint32_t[::1] merge_ids,
        PieceTable whole,
    ):
        cdef Py_ssize_t n = merges.shape[0], rank
        cdef uint64_t place
        memcpy(self.byte_ids, &byte_ids[0], sizeof(self.byte_ids))
        self.whole = whole
        self.bits = 4
        while <Py_ssize_t>1 << self.bits < 2 * n:
            self.bits += 1
        self.merges = <Merge*>calloc(<Py_ssize_t>1 << self.bits, sizeof(Merge))
        if self.merges == NULL:
            raise MemoryError("no memory for the table of merges")
        for place in range(<uint64_t>1 << self.bits):
            self.merges[place].rank = NO_RANK
        for rank in range(n):
            place = self._place(<uint64_t>merges[rank, 0] << 32 | merges[rank, 1])
            self.merges[place].pair = <uint64_t>merges[rank, 0] << 32 | merges[rank, 1]
            self.merges[place].rank = rank
            self.merges[place].merged = merge_ids[rank]

    def __dealloc__(self):
        free(self.merges)

    cdef uint64_t _place(self, uint64_t pair) noexcept nogil:
        """Where a pair stands in the table, or would."""
        cdef uint64_t h = pair * 0x9E3779B97F4A7C15ULL, mask = (<uint64_t>1 << self.bits) - 1
        cdef uint64_t i = (h ^ h >> 32) * 0xD6E8FEB86659FD93ULL >> (64 - self.bits)
        while self.merges[i].rank != NO_RANK and self.merges[i].pair != pair:
            i = (i + 1) & mask
        return i

    cdef uint32_t _rank(self, uint32_t left, uint32_t right) noexcept nogil:
        """The rank of a pair, NO_RANK if it does not merge."""
        return self.merges[self._place(<uint64_t>left << 32 | right)].rank

    cdef Py_ssize_t encode_pretoken(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out
    ) noexcept nogil:
        if self.whole is not None:
            out[0] = self.whole.find(pretoken, length)
            if out[0] != NOTHING:
                return 1
        if length <= LINEAR:
            return self._merge_short(pretoken, length, out)
        return self._merge_long(pretoken, length, out)

    cdef Py_ssize_t _merge_short(
        self, const uint8_t* pretoken, Py_ssize_t n, uint32_t* ids
    ) noexcept nogil:
        """Look at every pair for the lowest rank, merge it, look again."""
        cdef uint32_t ranks[LINEAR]  # ranks[i] is that of ids[i] and ids[i + 1]
        cdef Py_ssize_t i, best
        for i in range(n):
            ids[i] = self.byte_ids[pretoken[i]]
        for i in range(n - 1):
            ranks[i] = self._rank(ids[i], ids[i + 1])
        while n > 1:
            best = 0
            for i in range(1, n - 1):
                if ranks[i] < ranks[best]:
                    best = i
            if ranks[best] == NO_RANK:
                break
            ids[best] = self.merges[self._place(<uint64_t>ids[best] << 32 | ids[best + 1])].merged
            n -= 1
            memmove(&ids[best + 1], &ids[best + 2], 4 * (n - best - 1))
            memmove(&ranks[best], &ranks[best + 1], 4 * (n - best - 1))
            if best:
                ranks[best - 1] = self._rank(ids[best - 1], ids[best])
            if best < n - 1:
                ranks[best] = self._rank(ids[best], ids[best + 1])
        return n

    cdef Py_ssize_t _merge_long(
        self, const uint8_t* pretoken, Py_ssize_t n, uint32_t* ids
    ) noexcept nogil:
        """Keep the pairs in a heap by rank and position, the symbols in a doubly linked list.

        Each merge takes an entry off the heap and adds at most two, so the heap never holds more than
        2 n. An entry whose rank is no longer that of its position is stale.
        """
        cdef uint64_t* heap = <uint64_t*>malloc(n * (2 * 8 + 3 * 4))
        cdef uint32_t *ranks
        cdef uint32_t *after
        cdef uint32_t *before
        cdef Py_ssize_t n_heap = 0, i, j, k, written
        cdef uint32_t rank
        if heap == NULL or n >= 0xFFFFFFFFU:  # positions are 32 bits wide
            free(heap)
            return -1
        ranks = <uint32_t*>(heap + 2 * n)
        after = ranks + n
        before = after + n
        for i in range(n):
            ids[i] = self.byte_ids[pretoken[i]]
            after[i] = i + 1
            before[i] = i - 1
        for i in range(n):
            ranks[i] = self._rank(ids[i], ids[i + 1]) if i + 1 < n else NO_RANK
            if ranks[i] != NO_RANK:
                heap[n_heap] = <uint64_t>ranks[i] << 32 | <uint64_t>i
                n_heap += 1
        for i in range(n_heap // 2 - 1, -1, -1):
            sink(heap, n_heap, i)
        while n_heap:
            rank = heap[0] >> 32
            i = heap[0] & 0xFFFFFFFFU
            n_heap -= 1
            heap[0] = heap[n_heap]
            sink(heap, n_heap, 0)
            if ranks[i] != rank:
                continue
            j = after[i]
            k = after[j]
            ids[i] = self.merges[self._place(<uint64_t>ids[i] << 32 | ids[j])].merged
            after[i] = k
            ranks[j] = NO_RANK
            ranks[i] = NO_RANK
            if k < n:
                before[k] = i
                ranks[i] = self._rank(ids[i], ids[k])
                if ranks[i] != NO_RANK:
                    rise(heap, n_heap, <uint64_t>ranks[i] << 32 | <uint64_t>i)
                    n_heap += 1
            if i:
                j = before[i]
                ranks[j] = self._rank(ids[j], ids[i])
                if ranks[j] != NO_RANK:
                    rise(heap, n_heap, <uint64_t>ranks[j] << 32 | <uint64_t>j)
                    n_heap += 1
        i = 0
        written = 0
        while i < n:
            ids[written] = ids[i]
            written += 1
            i = after[i]
        free(heap)
        return written


cdef void sink(uint64_t* heap, Py_ssize_t n, Py_ssize_t i) noexcept nogil:
    cdef uint64_t value = heap[i]
    cdef Py_ssize_t child
    while 2 * i + 1 < n:
        child = 2 * i + 1
        if child + 1 < n and heap[child + 1] < heap[child]:
            child += 1
        if value <= heap[child]:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = value


cdef void rise(uint64_t* heap, Py_ssize_t i, uint64_t value) noexcept nogil:
    while i and value < heap[(i - 1) >> 1]:
        heap[i] = heap[(i - 1) >> 1]
        i = (i - 1) >> 1
    heap[i] = value


def split_pieces(const uint8_t[::1] values, const int64_t[::1] offsets):
    """The last merge by which each piece comes about under tiktoken's rule, as int64[k, 2].

    The rule: two neighbours whose joined bytes are a piece merge, the piece of lowest id first. A piece
    that the rule never puts together, and a single byte, have (-1, -1). Pieces must not be longer than
    LONGEST_PIECE; an empty row is no piece.
    """
    cdef Py_ssize_t n_pieces = offsets.shape[0] - 1, piece, n, i, best
    cdef PieceTable table = PieceTable(values, offsets)
    cdef int64_t[:, ::1] splits = np.full((n_pieces, 2), -1, np.int64)
    cdef const uint8_t* p
    cdef Py_ssize_t starts[LONGEST_PIECE + 1]
    cdef uint32_t joined[LONGEST_PIECE]  # the piece that parts i and i + 1 make together
    for piece in range(n_pieces):
        n = offsets[piece + 1] - offsets[piece]
        if n < 2:
            continue
        if n > LONGEST_PIECE:
            raise ValueError(f"piece {piece} has {n:,} bytes; the most is {LONGEST_PIECE:,}")
        p = &values[offsets[piece]]
        for i in range(n + 1):
            starts[i] = i
        for i in range(n - 1):
            joined[i] = table.find(p + i, 2)
        while n > 1:
            best = 0
            for i in range(1, n - 1):
                if joined[i] < joined[best]:
                    best = i
            if joined[best] == NOTHING:
                break
            if n == 2:
                splits[piece, 0] = table.find(p, starts[1])
                splits[piece, 1] = table.find(p + starts[1], starts[2] - starts[1])
            memmove(&starts[best + 1], &starts[best + 2], (n - best - 1) * sizeof(Py_ssize_t))
            memmove(&joined[best], &joined[best + 1], (n - best - 2) * 4)
            n -= 1
            if best:
                joined[best - 1] = table.find(p + starts[best - 1], starts[best + 1] - starts[best - 1])
            if best < n - 1:
                joined[best] = table.find(p + starts[best], starts[best + 2] - starts[best])
    return np.asarray(splits)
