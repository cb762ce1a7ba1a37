"""The kernels of BPE encoding: what a pretoken becomes that the cache does not know.

It is merged from its bytes, or its characters: the pair of lowest rank first, the leftmost where several have
it. Up to 64 of them all pairs are looked at for the lowest rank; beyond, each rank has a queue of positions, or,
where a merge may come before one that makes what it joins, all are in a heap: the time is O(n log n) in any case.
"""

import numpy as np

cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._keys cimport calloc_table, ctz, highest_bit
from fasttok.models._encoder cimport INTERRUPTED, OUT_OF_MEMORY, PretokenEncoder
from fasttok.models._pieces cimport NOTHING, PieceTable
from fasttok.models.bpe._queues cimport (
    NO_RANK,
    TAKEN,
    Queues,
    add_to_queue,
    close_queues,
    leave_queue,
    lowest_queue,
    open_queues,
    sort_positions,
    take_queue,
)

cdef enum:
    MOST_ID_BITS = 21
    ASK_EVERY = (1 << 16) - 1  # steps of a long merge between two questions whether to go on
    NEVER = 0x7FFFFFFF  # the place in the order of what does not merge

cdef uint64_t EMPTY = 0xFFFFFFFFFFFFFFFFULL

MOST_PIECES = (1 << MOST_ID_BITS) - 1  # that BPEEncoder takes


cdef inline uint64_t hash_pair(uint64_t pair) noexcept nogil:
    return pair * 0x9E3779B97F4A7C15ULL


cdef inline void push(uint64_t* heap, Py_ssize_t* size, uint32_t rank, Py_ssize_t position) noexcept nogil:
    """Put a rank and its position into a heap that has the lowest of them first."""
    cdef uint64_t entry = <uint64_t>rank << 32 | <uint64_t>position
    cdef Py_ssize_t i = size[0], above
    size[0] += 1
    while i:
        above = (i - 1) >> 1
        if heap[above] <= entry:
            break
        heap[i] = heap[above]
        i = above
    heap[i] = entry


cdef inline void pop(uint64_t* heap, Py_ssize_t* size) noexcept nogil:
    """Take the first entry out."""
    cdef Py_ssize_t i = 0, below = 1, n = size[0] - 1
    cdef uint64_t entry = heap[n]
    size[0] = n
    while below < n:
        if below + 1 < n and heap[below + 1] < heap[below]:
            below += 1
        if entry <= heap[below]:
            break
        heap[i] = heap[below]
        i = below
        below = 2 * i + 1
    heap[i] = entry



cdef class MergeEncoder(PretokenEncoder):
    """The merges of one model; never changed, shared by all threads. Derived classes have a `begin`.

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
        free(self.byte_ranks)

    cdef Py_ssize_t begin(self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* ids) noexcept nogil:
        """Write the ids that a pretoken begins with; return how many, or UNKNOWN less the place of a character."""
        return OUT_OF_MEMORY

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
        """Take the ranks from the lowest on, and of each its positions, of overlapping pairs from the left.

        A merge brings up higher ranks only, unless the model has one before another that makes what it joins.
        """
        cdef Queues queues
        cdef uint32_t* lengths  # at a symbol's first and last place
        cdef uint32_t* taken = NULL
        cdef Py_ssize_t i, j, k, t, n_taken, room = 0, result = 0, n_steps = 0
        cdef uint32_t rank = 0
        if n >= TAKEN:
            return OUT_OF_MEMORY
        if not self.ascends:
            return self._merge_in_any_order(ids, n, interrupt)
        lengths = <uint32_t*>malloc(n * sizeof(uint32_t))
        if not open_queues(&queues, n, self.n_ranks) or lengths == NULL:
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
            if ids[i] == ids[i + lengths[i]]:
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
        i = 0
        while result >= 0 and i < n:
            ids[result] = ids[i]
            i += lengths[i]
            result += 1
        free(taken)
        free(lengths)
        close_queues(&queues)
        return result

    @cython.final
    cdef Py_ssize_t _merge_in_any_order(self, uint32_t* ids, Py_ssize_t n, Interrupt interrupt) noexcept nogil:
        """Take the lowest rank each time, and of it the leftmost position: O(n log n), by a heap of both.

        What a merge has changed meanwhile stays in the heap and is passed over.
        """
        # A pair to begin with at each place, and two more a merge.
        cdef uint64_t* heap = <uint64_t*>malloc(3 * n * sizeof(uint64_t))
        cdef uint32_t* lengths = <uint32_t*>malloc(2 * n * sizeof(uint32_t))  # at a symbol's first and last place
        cdef uint32_t* ranks  # of the pair at each position
        cdef Py_ssize_t i, j, k, size = 0, result = 0, n_steps = 0
        cdef uint32_t rank
        if heap == NULL or lengths == NULL:
            free(heap)
            free(lengths)
            return OUT_OF_MEMORY
        ranks = lengths + n
        for i in range(n):
            lengths[i] = 1
            ranks[i] = self._rank(ids[i], ids[i + 1]) if i + 1 < n else NO_RANK
            if ranks[i] != NO_RANK:
                push(heap, &size, ranks[i], i)
            if i & ASK_EVERY == ASK_EVERY and interrupt.check():
                result = INTERRUPTED
                break
        while result == 0 and size:
            rank = heap[0] >> 32
            i = <uint32_t>heap[0]
            pop(heap, &size)
            if ranks[i] != rank:
                continue
            n_steps += 1
            if n_steps & ASK_EVERY == 0 and interrupt.check():
                result = INTERRUPTED
                break
            j = i + lengths[i]
            k = j + lengths[j]
            ranks[j] = NO_RANK
            ids[i] = self._merged(rank)
            lengths[i] = k - i
            lengths[k - 1] = k - i
            ranks[i] = self._rank(ids[i], ids[k]) if k < n else NO_RANK
            if ranks[i] != NO_RANK:
                push(heap, &size, ranks[i], i)
            if i:
                j = i - lengths[i - 1]
                ranks[j] = self._rank(ids[j], ids[i])
                if ranks[j] != NO_RANK:
                    push(heap, &size, ranks[j], j)
        i = 0
        while result >= 0 and i < n:
            ids[result] = ids[i]
            i += lengths[i]
            result += 1
        free(heap)
        free(lengths)
        return result


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
                if n_ids == INTERRUPTED:
                    interrupt.raise_error()
                if n_ids < 0:
                    raise MemoryError("no memory to merge the bytes of a piece")
                answers[i] = n_ids == 1 and ids[0] == <uint32_t>i
        return answers.base

    cdef Py_ssize_t begin(self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* ids) noexcept nogil:
        cdef Py_ssize_t i
        for i in range(length):
            ids[i] = self.byte_ids[pretoken[i]]
        return length

    cdef Py_ssize_t encode_pretoken(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        cdef int32_t order[SHORT]
        cdef Py_ssize_t i
        if self.whole is not None:
            out[0] = self.whole.find(pretoken, length)
            if out[0] != NOTHING:
                return 1
        self.begin(pretoken, length, out)
        if length > SHORT:
            return self._merge_long(out, length, interrupt)
        for i in range(length - 1):
            order[i] = self._place(self.byte_ranks[<Py_ssize_t>pretoken[i] << 8 | pretoken[i + 1]], i)
        return self._merge_short(out, order, length)
