"""The kernels of byte-level BPE encoding: what a pretoken becomes that the cache does not know.

It is merged from its bytes: the pair of lowest rank first, the leftmost where several have it. Up to 64
bytes all pairs are looked at for the lowest rank; beyond, positions stand in a queue for each rank, so that
the time stays at O(n log n).
"""

import numpy as np

cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort, realloc
from libc.string cimport memcmp, memcpy, memmove, memset

from fasttok._interrupt cimport Interrupt
from fasttok._keys cimport calloc_table, ctz, hash_key, highest_bit, make_key
from fasttok.models._encoder cimport INTERRUPTED, OUT_OF_MEMORY, PretokenEncoder

cdef enum:
    SHORT = 64  # the longest pretoken whose positions are the bits of a word
    LONGEST_PIECE = 1024  # that split_pieces takes
    MOST_ID_BITS = 21

cdef uint32_t NO_RANK = 0xFFFFFFFFU
cdef uint32_t NOTHING = 0xFFFFFFFFU
cdef uint64_t EMPTY = 0xFFFFFFFFFFFFFFFFULL

MOST_PIECES = (1 << MOST_ID_BITS) - 1  # that BPEEncoder takes


@cython.final
cdef class PieceTable:
    """Looks pieces up by their bytes: a hash table of ids over the pieces' own memory."""

    def __cinit__(self, const uint8_t[::1] values, const int64_t[::1] offsets):
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
            raise MemoryError("no memory for the table of pieces")
        memset(self.table, 0xFF, 8 << self.bits)
        mask = (<uint64_t>1 << self.bits) - 1
        for i in range(n):
            if offsets[i] == offsets[i + 1]:
                continue
            hashed = hash_piece(self.values + offsets[i], offsets[i + 1] - offsets[i])
            place = hashed >> (64 - self.bits)
            while self.table[place] != EMPTY:
                place = (place + 1) & mask
            self.table[place] = hashed << 32 | <uint64_t>i

    def __dealloc__(self):
        free(self.table)

    cdef uint32_t find(self, const uint8_t* piece, Py_ssize_t length) noexcept nogil:
        """The id of a piece, NOTHING if there is none of these bytes; the lesser id of two alike."""
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


cdef inline uint64_t hash_pair(uint64_t pair) noexcept nogil:
    return pair * 0x9E3779B97F4A7C15ULL


@cython.final
cdef class BPEEncoder(PretokenEncoder):
    """The tables of one model; never changed, shared by all threads.

    An entry of the table of pairs is one word: both ids, and the rank in the bits that they leave. So a
    vocabulary of 100,000 pieces has its pairs in 2 MiB, and most look-ups, which find nothing, read one
    word. The ranks of pairs of bytes, with which every pretoken begins, stand in an array of their own.

    Parameters
    ----------
    byte_ids : uint32[256]
        The id of each byte.
    merges : uint32[m, 2], merge_ids : uint32[m]
        Pairs in order of rank, each once, and what they become. Ids must be below MOST_PIECES, and there
        must not be more merges.
    whole : PieceTable or None
        Where a pretoken is looked up before it is merged.
    """

    def __cinit__(
        self,
        const uint32_t[::1] byte_ids,
        const uint32_t[:, ::1] merges,
        const uint32_t[::1] merge_ids,
        PieceTable whole,
    ):
        cdef Py_ssize_t n = merges.shape[0], rank, i, a, b
        cdef int bits = 4
        cdef uint32_t largest = 0
        memcpy(self.byte_ids, &byte_ids[0], sizeof(self.byte_ids))
        self.whole = whole
        self.n_merges = n
        while (<Py_ssize_t>1) << bits < 2 * n:
            bits += 1
        self.shift = 64 - bits
        for i in range(256):
            largest = max(largest, byte_ids[i])
        for rank in range(n):
            largest = max(largest, merges[rank, 0], merges[rank, 1], merge_ids[rank])
        self.id_bits = 1
        while <uint32_t>1 << self.id_bits <= largest + 1:  # no pair has all bits set: that is EMPTY
            self.id_bits += 1
        self.pairs = <uint64_t*>calloc_table(8 << bits, &self.block)
        self.merged = <uint32_t*>malloc(4 * (n + 1))
        self.byte_ranks = <uint32_t*>malloc(4 << 16)
        if self.pairs == NULL or self.merged == NULL or self.byte_ranks == NULL:
            raise MemoryError("no memory for the table of merges")
        memset(self.pairs, 0xFF, 8 << bits)
        for rank in range(n):
            self.merged[rank] = merge_ids[rank]
            self._insert(merges[rank, 0], merges[rank, 1], rank)
        for a in range(256):
            for b in range(256):
                self.byte_ranks[a << 8 | b] = self._rank(byte_ids[a], byte_ids[b])
        self.ascends = self._ranks_ascend(merges, largest)

    def __dealloc__(self):
        free(self.block)
        free(self.merged)
        free(self.byte_ranks)

    cdef void _insert(self, uint64_t left, uint64_t right, uint64_t rank) noexcept nogil:
        cdef uint64_t pair = left << self.id_bits | right, mask = ((<uint64_t>1) << (64 - self.shift)) - 1
        cdef uint64_t i = hash_pair(pair) >> self.shift
        while self.pairs[i] != EMPTY:
            i = (i + 1) & mask
        self.pairs[i] = pair << (64 - 2 * self.id_bits) | rank

    cdef inline uint32_t _rank(self, uint64_t left, uint64_t right) noexcept nogil:
        """The rank of a pair, NO_RANK if it does not merge."""
        cdef uint64_t pair = left << self.id_bits | right, mask, entry
        cdef uint64_t i = hash_pair(pair) >> self.shift
        cdef int rank_bits = 64 - 2 * self.id_bits
        while True:
            entry = self.pairs[i]
            if entry == EMPTY:
                return NO_RANK
            if entry >> rank_bits == pair:
                return <uint32_t>(entry & (((<uint64_t>1) << rank_bits) - 1))
            mask = ((<uint64_t>1) << (64 - self.shift)) - 1
            i = (i + 1) & mask

    cdef inline uint32_t _merged(self, uint32_t rank) noexcept nogil:
        """The id that the pair of a rank becomes."""
        return self.merged[rank]

    cdef bint _ranks_ascend(self, const uint32_t[:, ::1] merges, uint32_t largest):
        """Whether each merge comes behind all that make what it joins."""
        last = np.full(<Py_ssize_t>largest + 1, -1, np.int64)
        np.maximum.at(last, np.asarray(<uint32_t[:self.n_merges + 1]>self.merged)[: self.n_merges], np.arange(self.n_merges))
        return bool((last[np.asarray(merges)].max(axis=1, initial=-1) < np.arange(self.n_merges)).all())

    cdef Py_ssize_t encode_pretoken(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        if self.whole is not None:
            out[0] = self.whole.find(pretoken, length)
            if out[0] != NOTHING:
                return 1
        if length <= SHORT:
            return self._merge_short(pretoken, length, out)
        return self._merge_long(pretoken, length, out, interrupt)

    cdef Py_ssize_t _merge_short(
        self, const uint8_t* pretoken, Py_ssize_t n, uint32_t* out
    ) noexcept nogil:
        """Look at every pair for the lowest rank, merge it, look again.

        What begins at a position and is not merged away is a bit of `live`. `order` has, for each of them,
        the rank of the pair that it forms with the next, and then the position: its least is the pair to merge.
        """
        cdef uint32_t ids[SHORT]
        cdef int32_t order[SHORT]
        cdef int32_t best, never = 0x7FFFFFFF
        cdef uint64_t live = 0xFFFFFFFFFFFFFFFFULL >> (SHORT - n), above, below
        cdef Py_ssize_t i, j, k
        cdef uint32_t rank
        for i in range(n):
            ids[i] = self.byte_ids[pretoken[i]]
        for i in range(n - 1):
            rank = self.byte_ranks[<Py_ssize_t>pretoken[i] << 8 | pretoken[i + 1]]
            order[i] = never if rank == NO_RANK else <int32_t>(rank << 6 | <uint32_t>i)
        while True:
            best = never
            for i in range(n - 1):
                best = min(best, order[i])
            if best == never:
                break
            i = best & (SHORT - 1)
            ids[i] = self._merged(best >> 6)
            above = live & (EMPTY - 1) << i
            j = ctz(above)
            order[j] = never
            above &= above - 1
            live &= ~((<uint64_t>1) << j)
            order[i] = never
            if above:
                rank = self._rank(ids[i], ids[ctz(above)])
                if rank != NO_RANK:
                    order[i] = <int32_t>(rank << 6 | <uint32_t>i)
            below = live & (((<uint64_t>1) << i) - 1)
            if below:
                k = highest_bit(below)
                rank = self._rank(ids[k], ids[i])
                order[k] = never if rank == NO_RANK else <int32_t>(rank << 6 | <uint32_t>k)
        k = 0
        while live:
            out[k] = ids[ctz(live)]
            live &= live - 1
            k += 1
        return k

    cdef Py_ssize_t _merge_long(
        self, const uint8_t* pretoken, Py_ssize_t n, uint32_t* ids, Interrupt interrupt
    ) noexcept nogil:
        """Take the ranks from the lowest on, and of each its positions, from the left where that matters.

        It matters for pairs of twice the same, which overlap, and for models in which a merge comes before
        one that makes what it joins: there every merge may bring up a lower rank, which goes first.
        """
        cdef Queues queues
        cdef uint32_t* lengths = <uint32_t*>malloc(n * sizeof(uint32_t))  # at a symbol's first and last place
        cdef uint32_t* taken = NULL
        cdef Py_ssize_t i, j, k, t, n_taken, room = 0, result = 0, n_steps = 0
        cdef uint32_t rank = 0, lower = 0
        if not open_queues(&queues, n, self.n_merges) or lengths == NULL or n >= TAKEN:
            free(lengths)
            close_queues(&queues)
            return OUT_OF_MEMORY
        for i in range(n):
            ids[i] = self.byte_ids[pretoken[i]]
            lengths[i] = 1
        for i in range(n - 1):
            add_to_queue(&queues, i, self.byte_ranks[<Py_ssize_t>pretoken[i] << 8 | pretoken[i + 1]])
        while result == 0 and lowest_queue(&queues, &rank):
            n_taken = take_queue(&queues, rank, &taken, &room)
            if n_taken < 0:
                result = OUT_OF_MEMORY
                break
            i = taken[0]
            if not self.ascends or ids[i] == ids[i + lengths[i]]:
                qsort(taken, n_taken, sizeof(uint32_t), compare_positions)
            for t in range(n_taken):
                i = taken[t]
                if queues.rank[i] != rank:
                    continue  # an overlapping pair went first
                n_steps += 1
                if n_steps & 0xFFFF == 0 and interrupt.check():
                    result = INTERRUPTED
                    break
                j = i + lengths[i]
                k = j + lengths[j]
                leave_queue(&queues, j)
                ids[i] = self._merged(rank)
                lengths[i] = k - i
                lengths[k - 1] = k - i
                add_to_queue(&queues, i, self._rank(ids[i], ids[k]) if k < n else NO_RANK)
                if i:
                    j = i - lengths[i - 1]
                    leave_queue(&queues, j)
                    add_to_queue(&queues, j, self._rank(ids[j], ids[i]))
                if not self.ascends and lowest_queue(&queues, &lower) and lower < rank:
                    for k in range(t + 1, n_taken):
                        if queues.rank[taken[k]] == rank:
                            add_to_queue(&queues, taken[k], rank)
                    break
        i = 0
        while result >= 0 and i < n:
            ids[result] = ids[i]
            i += lengths[i]
            result += 1
        free(taken)
        free(lengths)
        close_queues(&queues)
        return result


# The queues of long pretokens: for every rank the positions whose pair has it, as a doubly linked list, so that
# a position leaves its queue the moment its pair is no more. Which ranks have any is in a tree of bits.

cdef uint32_t TAKEN = 0xFFFFFFFEU  # in place of the link back: not in the list any more, but not merged yet

cdef enum:
    LEVELS = 4  # of 64 branches: enough for 2^24 ranks

cdef struct Queues:
    uint32_t* first  # of each rank
    uint32_t* rank  # of the pair at each position
    uint32_t* before
    uint32_t* behind
    uint64_t* bits[LEVELS]


cdef bint open_queues(Queues* queues, Py_ssize_t n, Py_ssize_t n_ranks) noexcept nogil:
    cdef Py_ssize_t size = n_ranks
    cdef int level
    cdef bint has_all = True
    queues.first = <uint32_t*>malloc(n_ranks * sizeof(uint32_t) + 1)
    queues.rank = <uint32_t*>malloc(3 * n * sizeof(uint32_t))
    for level in range(LEVELS):
        size = (size + 63) >> 6
        queues.bits[level] = <uint64_t*>calloc(size + 1, sizeof(uint64_t))
        has_all = has_all and queues.bits[level] != NULL
    if not has_all or queues.first == NULL or queues.rank == NULL:
        return False
    queues.before = queues.rank + n
    queues.behind = queues.before + n
    memset(queues.first, 0xFF, n_ranks * sizeof(uint32_t))
    memset(queues.rank, 0xFF, n * sizeof(uint32_t))
    return True


cdef void close_queues(Queues* queues) noexcept nogil:
    cdef int level
    free(queues.first)
    free(queues.rank)
    for level in range(LEVELS):
        free(queues.bits[level])


cdef inline void add_to_queue(Queues* queues, Py_ssize_t i, uint32_t rank) noexcept nogil:
    """Put a position that is in no queue into that of its rank, if its pair has one."""
    cdef uint32_t first
    cdef int level
    cdef uint64_t at = rank
    queues.rank[i] = rank
    if rank == NO_RANK:
        return
    first = queues.first[rank]
    queues.first[rank] = i
    queues.before[i] = NOTHING
    queues.behind[i] = first
    if first != NOTHING:
        queues.before[first] = i
        return
    for level in range(LEVELS):
        queues.bits[level][at >> 6] |= (<uint64_t>1) << (at & 63)
        at >>= 6


cdef inline void leave_queue(Queues* queues, Py_ssize_t i) noexcept nogil:
    """Take a position out of its queue, if it is in one."""
    cdef uint32_t rank = queues.rank[i], before = queues.before[i], behind = queues.behind[i]
    queues.rank[i] = NO_RANK
    if rank == NO_RANK or before == TAKEN:
        return
    if behind != NOTHING:
        queues.before[behind] = before
    if before != NOTHING:
        queues.behind[before] = behind
        return
    queues.first[rank] = behind
    if behind == NOTHING:
        clear_rank(queues, rank)


cdef void clear_rank(Queues* queues, uint64_t at) noexcept nogil:
    cdef int level
    for level in range(LEVELS):
        queues.bits[level][at >> 6] &= ~((<uint64_t>1) << (at & 63))
        if queues.bits[level][at >> 6]:
            return
        at >>= 6


cdef inline bint lowest_queue(Queues* queues, uint32_t* rank) noexcept nogil:
    """Find the lowest rank that any position has; False if there is none."""
    cdef int level
    cdef uint64_t at = 0
    if queues.bits[LEVELS - 1][0] == 0:
        return False
    for level in range(LEVELS - 1, -1, -1):
        at = at << 6 | <uint64_t>ctz(queues.bits[level][at])
    rank[0] = at
    return True


cdef Py_ssize_t take_queue(Queues* queues, uint32_t rank, uint32_t** taken, Py_ssize_t* room) noexcept nogil:
    """Empty the queue of a rank into `taken`, making room there; return how many, -1 for want of memory."""
    cdef uint32_t i = queues.first[rank]
    cdef Py_ssize_t n = 0
    cdef uint32_t* larger
    while i != NOTHING:
        if n == room[0]:
            larger = <uint32_t*>realloc(taken[0], (2 * n + 64) * sizeof(uint32_t))
            if larger == NULL:
                return -1
            taken[0] = larger
            room[0] = 2 * n + 64
        taken[0][n] = i
        queues.before[i] = TAKEN
        i = queues.behind[i]
        n += 1
    queues.first[rank] = NOTHING
    clear_rank(queues, rank)
    return n


cdef int compare_positions(const void* a, const void* b) noexcept nogil:
    cdef uint32_t left = (<const uint32_t*>a)[0], right = (<const uint32_t*>b)[0]
    return (left > right) - (left < right)


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
