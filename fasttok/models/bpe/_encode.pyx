"""The kernels of BPE encoding: what a pretoken becomes that the cache does not know.

It is merged from its bytes, or its characters: the pair of lowest rank first, the leftmost where several have
it. Up to 64 of them all pairs are looked at for the lowest rank; beyond, positions stand in a queue for each
rank, so that the time stays at O(n log n).
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
    LONGEST_PIECE = 1024  # that split_pieces takes
    MOST_ID_BITS = 21
    ASK_EVERY = (1 << 16) - 1  # steps of a long merge between two questions whether to go on
    NEVER = 0x7FFFFFFF  # the place in the order of what does not merge

cdef uint32_t NO_RANK = 0xFFFFFFFFU
cdef uint32_t NOTHING = 0xFFFFFFFFU
cdef uint64_t EMPTY = 0xFFFFFFFFFFFFFFFFULL

MOST_PIECES = (1 << MOST_ID_BITS) - 1  # that BPEEncoder takes


@cython.final
cdef class PieceTable:
    """Looks pieces up by their bytes: a hash table of ids over the pieces' own memory.

    `included` says which of them; empty ones never are.
    """

    cdef const uint8_t* values
    cdef const int64_t* offsets
    cdef uint64_t* table  # half of the hash, then the id
    cdef int bits
    cdef object _owners

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
            raise MemoryError("no memory for the table of pieces")
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


cdef class MergeEncoder(PretokenEncoder):
    """The merges of one model; never changed, shared by all threads. Derived classes have the first ids.

    An entry of the table of pairs is one word: both ids, and the rank in the bits that they leave. So a
    vocabulary of 100,000 pieces has its pairs in 2 MiB. Most look-ups find nothing, and most of these are
    answered by a bit in an array small enough for the processor's second cache.

    Where the ids of merged pieces ascend with the ranks, as they nearly always do, they are the ranks.
    """

    cdef int set_merges(
        self, const uint32_t[:, ::1] merges, const uint32_t[::1] merge_ids, uint32_t largest
    ) except -1:
        """Take pairs in order of rank, each once, and what they become.

        `largest` is the largest id of all; it must be below MOST_PIECES, and there must not be more merges.
        """
        cdef Py_ssize_t n = merges.shape[0]
        cdef int bits = 6
        while (<Py_ssize_t>1) << bits < 2 * n:
            bits += 1
        self.shift = 64 - bits
        self.filter_shift = self.shift - 2
        self.id_bits = 1
        while <uint32_t>1 << self.id_bits <= largest + 1:  # no pair has all bits set: that is EMPTY
            self.id_bits += 1
        self.pairs = <uint64_t*>calloc_table(8 << bits, &self.pairs_block)
        self.filter = <uint64_t*>calloc_table(8 << (bits + 2 - 6), &self.filter_block)
        if self.pairs == NULL or self.filter == NULL:
            raise MemoryError("no memory for the table of merges")
        ranks = np.asarray(merge_ids)
        if (np.diff(ranks.astype(np.int64)) <= 0).any():
            ranks = np.arange(n, dtype=np.uint32)
            self.merged = <uint32_t*>malloc(4 * n)
            if self.merged == NULL:
                raise MemoryError("no memory for the table of merges")
            memcpy(self.merged, &merge_ids[0], 4 * n)
        self.n_ranks = ranks.max() + 1 if n else 0
        memset(self.pairs, 0xFF, 8 << bits)
        self._insert(merges, ranks)
        made_last = np.full(<Py_ssize_t>largest + 1, -1)
        np.maximum.at(made_last, merge_ids, np.arange(n))
        self.ascends = bool((made_last[np.asarray(merges)].max(axis=1, initial=-1) < np.arange(n)).all())
        return 0

    def __dealloc__(self):
        free(self.pairs_block)
        free(self.filter_block)
        free(self.merged)

    @cython.final
    cdef void _insert(self, const uint32_t[:, ::1] merges, const uint32_t[::1] ranks) noexcept nogil:
        cdef Py_ssize_t i
        cdef uint64_t pair, hashed, place, mask = ((<uint64_t>1) << (64 - self.shift)) - 1
        for i in range(merges.shape[0]):
            pair = <uint64_t>merges[i, 0] << self.id_bits | merges[i, 1]
            hashed = hash_pair(pair)
            place = hashed >> self.filter_shift
            self.filter[place >> 6] |= (<uint64_t>1) << (place & 63)
            place = hashed >> self.shift
            while self.pairs[place] != EMPTY:
                place = (place + 1) & mask
            self.pairs[place] = pair << (64 - 2 * self.id_bits) | ranks[i]

    @cython.final
    cdef uint32_t _rank(self, uint64_t left, uint64_t right) noexcept nogil:
        """The rank of a pair, NO_RANK if it does not merge."""
        cdef uint64_t pair = left << self.id_bits | right, entry
        cdef uint64_t hashed = hash_pair(pair), place = hashed >> self.filter_shift
        cdef int rank_bits = 64 - 2 * self.id_bits
        if not self.filter[place >> 6] >> (place & 63) & 1:
            return NO_RANK
        place = hashed >> self.shift
        while True:
            entry = self.pairs[place]
            if entry == EMPTY:
                return NO_RANK
            if entry >> rank_bits == pair:
                return <uint32_t>(entry & (((<uint64_t>1) << rank_bits) - 1))
            place = (place + 1) & (((<uint64_t>1) << (64 - self.shift)) - 1)

    @cython.final
    cdef uint32_t _merged(self, uint32_t rank) noexcept nogil:
        """The id that the pair of a rank becomes."""
        return rank if self.merged == NULL else self.merged[rank]

    @cython.final
    cdef int32_t _place(self, uint32_t rank, Py_ssize_t i) noexcept nogil:
        """The pair at a position in the order of `_merge_short`."""
        return NEVER if rank == NO_RANK else <int32_t>(rank << 6 | <uint32_t>i)

    @cython.final
    cdef Py_ssize_t merge(self, uint32_t* ids, Py_ssize_t n, Interrupt interrupt) noexcept nogil:
        """Merge the ids that a pretoken begins with, where they stand; return how many are left."""
        cdef int32_t order[SHORT]
        cdef Py_ssize_t i
        if n > SHORT:
            return self._merge_long(ids, n, interrupt)
        for i in range(n - 1):
            order[i] = self._place(self._rank(ids[i], ids[i + 1]), i)
        return self._merge_short(ids, order, n)

    @cython.final
    cdef Py_ssize_t _merge_short(self, uint32_t* ids, int32_t* order, Py_ssize_t n) noexcept nogil:
        """Look at every pair for the lowest rank, merge it, look again.

        What begins at a position and is not merged away is a bit of `live`. `order` has, for each of them,
        the rank of the pair that it forms with the next, and then the position: its least is the pair to merge.
        """
        cdef int32_t best
        cdef uint64_t live = 0xFFFFFFFFFFFFFFFFULL >> (SHORT - n), above, below
        cdef Py_ssize_t i, j, k
        while True:
            best = NEVER
            for i in range(n - 1):
                best = min(best, order[i])
            if best == NEVER:
                break
            i = best & (SHORT - 1)
            ids[i] = self._merged(best >> 6)
            above = live & (EMPTY - 1) << i
            j = ctz(above)
            order[j] = NEVER
            above &= above - 1
            live &= ~((<uint64_t>1) << j)
            order[i] = NEVER
            if above:
                order[i] = self._place(self._rank(ids[i], ids[ctz(above)]), i)
            below = live & (((<uint64_t>1) << i) - 1)
            if below:
                k = highest_bit(below)
                order[k] = self._place(self._rank(ids[k], ids[i]), k)
        k = 0
        while live:
            ids[k] = ids[ctz(live)]
            live &= live - 1
            k += 1
        return k

    @cython.final
    cdef Py_ssize_t _merge_long(self, uint32_t* ids, Py_ssize_t n, Interrupt interrupt) noexcept nogil:
        """Take the ranks from the lowest on, and of each its positions, from the left where that matters.

        It matters for pairs of twice the same, which overlap, and for models in which a merge comes before
        one that makes what it joins: there every merge may bring up a lower rank, which goes first.
        """
        cdef Queues queues
        cdef uint32_t* lengths = <uint32_t*>malloc(n * sizeof(uint32_t))  # at a symbol's first and last place
        cdef uint32_t* taken = NULL
        cdef Py_ssize_t i, j, k, t, n_taken, room = 0, result = 0, n_steps = 0
        cdef uint32_t rank = 0, lower = 0
        if not open_queues(&queues, n, self.n_ranks) or lengths == NULL or n >= TAKEN:
            free(lengths)
            close_queues(&queues)
            return OUT_OF_MEMORY
        for i in range(n):
            lengths[i] = 1
            add_to_queue(&queues, i, self._rank(ids[i], ids[i + 1]) if i + 1 < n else NO_RANK)
            if i & ASK_EVERY == ASK_EVERY and interrupt.check():
                result = INTERRUPTED
                break
        while result == 0 and lowest_queue(&queues, &rank):
            n_taken = take_queue(&queues, rank, &taken, &room)
            if n_taken < 0:
                result = OUT_OF_MEMORY
                break
            i = taken[0]
            if not self.ascends or ids[i] == ids[i + lengths[i]]:
                sort_positions(taken, n_taken)
            for t in range(n_taken):
                i = taken[t]
                if queues.rank[i] != rank:
                    continue  # an overlapping pair went first
                n_steps += 1
                if n_steps & ASK_EVERY == 0 and interrupt.check():
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


cdef void sort_positions(uint32_t* positions, Py_ssize_t n) noexcept nogil:
    """Sort ascending what a queue gave: mostly that is exactly the other way round."""
    cdef Py_ssize_t i
    cdef bint is_sorted = True
    for i in range(n // 2):
        positions[i], positions[n - 1 - i] = positions[n - 1 - i], positions[i]
    for i in range(n - 1):
        is_sorted = is_sorted and positions[i] < positions[i + 1]
    if not is_sorted:
        qsort(positions, n, sizeof(uint32_t), compare_positions)


cdef int compare_positions(const void* a, const void* b) noexcept nogil:
    cdef uint32_t left = (<const uint32_t*>a)[0], right = (<const uint32_t*>b)[0]
    return (left > right) - (left < right)


@cython.final
cdef class BPEEncoder(MergeEncoder):
    """Merges from bytes. The ranks of pairs of bytes stand in an array of their own.

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

    cdef uint32_t byte_ids[256]
    cdef uint32_t* byte_ranks  # of the pair (a, b) of bytes at a << 8 | b
    cdef PieceTable whole

    def __cinit__(
        self,
        const uint32_t[::1] byte_ids,
        const uint32_t[:, ::1] merges,
        const uint32_t[::1] merge_ids,
        PieceTable whole,
    ):
        cdef Py_ssize_t a, b
        memcpy(self.byte_ids, &byte_ids[0], sizeof(self.byte_ids))
        self.whole = whole
        self.byte_ranks = <uint32_t*>malloc(4 << 16)
        if self.byte_ranks == NULL:
            raise MemoryError("no memory for the table of merges")
        self.set_merges(
            merges, merge_ids, max(np.max(byte_ids), np.max(merge_ids, initial=0), np.max(merges, initial=0))
        )
        for a in range(256):
            for b in range(256):
                self.byte_ranks[a << 8 | b] = self._rank(byte_ids[a], byte_ids[b])

    def __dealloc__(self):
        free(self.byte_ranks)

    def come_out_whole(self, const uint8_t[::1] values, const int64_t[::1] offsets):
        """Which pieces are what their own bytes merge to: uint8, 1 or 0 for each."""
        cdef Py_ssize_t i, length, n_pieces = offsets.shape[0] - 1, n_ids
        cdef uint8_t[::1] answers = np.zeros(n_pieces, np.uint8)
        cdef uint32_t[::1] ids = np.empty(int(np.diff(offsets).max(initial=0)) + 1, np.uint32)
        cdef Interrupt interrupt = Interrupt()
        for i in range(n_pieces):
            length = offsets[i + 1] - offsets[i]
            if length:
                n_ids = self.encode_pretoken(&values[offsets[i]], length, &ids[0], interrupt)
                if n_ids < 0:
                    raise MemoryError("no memory to merge the bytes of a piece")
                answers[i] = n_ids == 1 and ids[0] == <uint32_t>i
        return answers.base

    cdef Py_ssize_t encode_pretoken(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        cdef int32_t order[SHORT]
        cdef Py_ssize_t i
        if self.whole is not None:
            out[0] = self.whole.find(pretoken, length)
            if out[0] != NOTHING:
                return 1
        for i in range(length):
            out[i] = self.byte_ids[pretoken[i]]
        if length > SHORT:
            return self._merge_long(out, length, interrupt)
        for i in range(length - 1):
            order[i] = self._place(self.byte_ranks[<Py_ssize_t>pretoken[i] << 8 | pretoken[i + 1]], i)
        return self._merge_short(out, order, length)


def split_pieces(const uint8_t[::1] values, const int64_t[::1] offsets):
    """The last merge by which each piece comes about under tiktoken's rule, as int64[k, 2].

    The rule: two neighbours whose joined bytes are a piece merge, the piece of lowest id first. A piece
    that the rule never puts together, and a single byte, have (-1, -1). Pieces must not be longer than
    LONGEST_PIECE; an empty row is no piece.
    """
    cdef Py_ssize_t n_pieces = offsets.shape[0] - 1, piece, n, i, best
    cdef PieceTable table = PieceTable(values, offsets, np.ones(n_pieces, np.uint8))
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
