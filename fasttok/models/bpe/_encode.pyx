"""Kernels of BPE encoding: merge the bytes or characters of pretokens that are not in the cache.

The pair with the lowest rank is merged first; pairs of equal rank are merged from the left. For up to 64 symbols,
all pairs are scanned for the lowest rank. For up to 1,024 symbols, the lowest rank of each block of pairs is kept, and
these are scanned. Longer pretokens are merged in windows of 1,024 symbols, which are joined where they agree. Where
they do not, for example because of pieces that are longer than a window, the windows that follow are larger, and are
merged with a heap of all pairs. The time is O(n) for n symbols as long as windows of 1,024 agree, and O(n log n)
otherwise.

Over bytes, merging starts from whole characters instead of their bytes where this provably gives the same ids; see
`BPEEncoder._find_characters`. This saves most merges of scripts with two or three bytes per character.
"""

import numpy as np

cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._keys cimport calloc_table, ctz, highest_bit
from fasttok.models._encoder cimport INTERRUPTED, OUT_OF_MEMORY, UNKNOWN, PretokenEncoder
from fasttok.models._pieces cimport NOTHING, PieceTable

cdef enum:
    MOST_ID_BITS = 21  # maximum number of bits of an id, so that two ids and a rank fit 64 bits
    CHECK_MASK = (1 << 16) - 1  # a long merge checks for interrupts every 65,536 steps
    NEVER = 0x7FFFFFFF  # order key of a pair that does not merge
    PLACE_BITS = 10  # number of bits of a position in an order key of `_merge_in_blocks`
    MOST_PLACES = 1 << PLACE_BITS
    NO_RANK = 0xFFFFFFFF  # rank of a pair that does not merge
    MOST_SYMBOLS = 0xFFFFFFFF  # positions are 32 bits of an entry of the heap
    LEADS = 0xF0 - 0xC0  # bytes that begin a character of two or three bytes
    CONTINUATIONS = 64  # bytes that continue a character
    BLOCK = 16  # pairs per block of `_merge_in_blocks`
    MOST_BLOCKS = 64
    # The next window begins at least this part of a window, and this number of symbols, before the end of a window:
    # there, symbols may depend on what follows.
    MARGIN = 16
    LEAST_LEFT = 3
    GROWTH = 4  # factor by which windows become larger

cdef uint64_t EMPTY = 0xFFFFFFFFFFFFFFFFULL  # an unused entry of `pairs`

MOST_PIECES = (1 << MOST_ID_BITS) - 1  # maximum number of pieces and of merges of a model


cdef inline uint64_t hash_pair(uint64_t pair) noexcept nogil:
    return pair * 0x9E3779B97F4A7C15ULL


cdef inline void push(uint64_t* heap, Py_ssize_t* size, uint32_t rank, Py_ssize_t position) noexcept nogil:
    """Add a rank and its position to a min-heap."""
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
    """Remove the smallest entry of the heap."""
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


cdef inline int32_t least_key(const int32_t* keys, Py_ssize_t n) noexcept nogil:
    cdef int32_t least = NEVER
    cdef Py_ssize_t i
    for i in range(n):
        least = min(least, keys[i])
    return least


cdef uint32_t* copied(const uint32_t[::1] numbers) except NULL:
    """Return a copy of the numbers, at least one, that the caller frees."""
    cdef uint32_t* copy = <uint32_t*>malloc(4 * numbers.shape[0])
    if copy == NULL:
        raise MemoryError("not enough memory for the table of merges")
    memcpy(copy, &numbers[0], 4 * numbers.shape[0])
    return copy


cdef bint ascends(const uint32_t[::1] numbers) noexcept:
    """Return whether each number is larger than the one before it."""
    cdef Py_ssize_t i
    for i in range(numbers.shape[0] - 1):
        if numbers[i] >= numbers[i + 1]:
            return False
    return True


cdef bint follow_their_parts(
    const uint32_t[:, ::1] merges, const uint32_t[::1] merge_ids, uint32_t largest
) except -1:
    """Return whether every row follows all rows that produce its parts; `largest` is the largest id."""
    cdef Py_ssize_t i
    cdef int32_t[::1] made_last = np.full(<Py_ssize_t>largest + 1, -1, np.int32)  # rank of the last merge
    for i in range(merges.shape[0]):
        made_last[merge_ids[i]] = i
    for i in range(merges.shape[0]):
        if made_last[merges[i, 0]] >= i or made_last[merges[i, 1]] >= i:
            return False
    return True


cdef class MergeEncoder(PretokenEncoder):
    """Merges of one model, immutable and shared by all threads. Derived classes define `begin`.

    An entry of the hash table of pairs is one word with both ids and the rank, so that 100,000 merges take 2 MiB.
    Most lookups find nothing. A bit set that fits the L2 cache answers most of these.

    The table gives each pair the number of a result: a merged id with a rank. Usually, no two results have the
    same rank, and the number is the rank. If the ids of merged pieces ascend with the ranks, as is usual too, the
    ids are used as ranks.
    """

    cdef int set_merges(
        self,
        const uint32_t[:, ::1] merges,
        const uint32_t[::1] merge_ids,
        uint32_t largest,
        merge_ranks=None,
    ) except -1:
        """Set the distinct pairs, their merged ids and their ranks, uint32[m]; default: the rows.

        `largest` is the largest id. It must be less than MOST_PIECES; there are at most MOST_PIECES merges.
        """
        cdef Py_ssize_t n = merges.shape[0]
        cdef int bits = 6
        self.fused_id = -1
        cdef const uint32_t[::1] ranks
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
            raise MemoryError("not enough memory for the table of merges")
        if merge_ranks is not None and n:
            ranks = self._set_results(np.asarray(merge_ids), merge_ranks)
        elif ascends(merge_ids):
            ranks = merge_ids
        else:
            ranks = np.arange(n, dtype=np.uint32)
            self.merged = copied(merge_ids)
        memset(self.pairs, 0xFF, 8 << bits)
        self._insert(merges, ranks)
        # Ranks are not the order of the rows, if they are given; several pairs may have the same rank.
        self.is_in_order = merge_ranks is None and follow_their_parts(merges, merge_ids, largest)
        return 0

    cdef const uint32_t[::1] _set_results(self, merge_ids, merge_ranks):
        """Set the rank and the id of each result, and return the number of each merge's result: uint32[m].

        Results are numbered in the order of their ranks.
        """
        results, numbers = np.unique(
            np.asarray(merge_ranks).astype(np.uint64) << np.uint64(32) | merge_ids, return_inverse=True
        )
        distinct, ranks = np.unique(results >> np.uint64(32), return_inverse=True)
        self.merged = copied((results & np.uint64(0xFFFFFFFF)).astype(np.uint32))
        if len(distinct) < len(results):
            self.rank_of = copied(ranks.ravel().astype(np.uint32))
        return numbers.ravel().astype(np.uint32)

    def __dealloc__(self):
        free(self.pairs_block)
        free(self.filter_block)
        free(self.merged)
        free(self.rank_of)
        free(self.byte_ranks)

    cdef Py_ssize_t begin(self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* ids) noexcept nogil:
        """Write the ids of the symbols before merging; return their number or a negative reason."""
        return OUT_OF_MEMORY

    cdef Py_ssize_t finish(self, uint32_t* ids, Py_ssize_t n) noexcept nogil:
        """Replace symbols that are not results of encoding, after merging; return the new number of ids."""
        return n

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
    cdef uint32_t _find(self, uint64_t left, uint64_t right) noexcept nogil:
        """Return the number of the result of a pair, or NO_RANK if it does not merge."""
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
    cdef uint32_t _rank(self, uint64_t left, uint64_t right) noexcept nogil:
        """Return the rank of a pair, or NO_RANK if it does not merge."""
        cdef uint32_t result = self._find(left, right)
        return result if self.rank_of == NULL or result == NO_RANK else self.rank_of[result]

    @cython.final
    cdef uint32_t _merged(self, uint32_t rank, uint64_t left, uint64_t right) noexcept nogil:
        """Return the merged id of a pair with the given rank."""
        if self.rank_of != NULL:
            rank = self._find(left, right)
        return rank if self.merged == NULL else self.merged[rank]

    @cython.final
    cdef int32_t _order_key(self, uint32_t rank, Py_ssize_t i) noexcept nogil:
        """Return the sort key of the pair at position i for `_merge_short`: rank, then position."""
        return NEVER if rank == NO_RANK else <int32_t>(rank << 6 | <uint32_t>i)

    @cython.final
    cdef Py_ssize_t merge(
        self, uint32_t* ids, Py_ssize_t n, uint32_t* sizes, Interrupt interrupt
    ) noexcept nogil:
        """Merge the n > 0 initial ids of a pretoken in place; return the number of resulting ids.

        The number of initial ids that each resulting id was made of is written to `sizes`, unless it is NULL.
        """
        cdef int32_t order[SHORT]
        cdef Py_ssize_t i
        if n > SHORT:
            return self._merge_long(ids, n, sizes, interrupt)
        for i in range(n - 1):
            order[i] = self._order_key(self._rank(ids[i], ids[i + 1]), i)
        return self._merge_short(ids, order, n, sizes)

    @cython.final
    cdef Py_ssize_t _merge_short(
        self, uint32_t* ids, int32_t* order, Py_ssize_t n, uint32_t* sizes
    ) noexcept nogil:
        """Merge 1 to 64 symbols: scan all pairs for the lowest rank, merge that pair, and scan again.

        Bit i of `live` is set if a symbol begins at position i. ``order[i]`` is the sort key of the pair of
        that symbol and the next one; the smallest key is the next merge.
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
            above = live & (EMPTY - 1) << i
            j = ctz(above)
            ids[i] = self._merged(best >> 6, ids[i], ids[j])
            order[j] = NEVER
            above &= above - 1
            live &= ~((<uint64_t>1) << j)
            order[i] = NEVER
            if above:
                order[i] = self._order_key(self._rank(ids[i], ids[ctz(above)]), i)
            below = live & (((<uint64_t>1) << i) - 1)
            if below:
                k = highest_bit(below)
                order[k] = self._order_key(self._rank(ids[k], ids[i]), k)
        k = 0
        while live:
            i = ctz(live)
            live &= live - 1
            ids[k] = ids[i]
            if sizes != NULL:
                sizes[k] = (ctz(live) if live else n) - i
            k += 1
        return k

    @cython.final
    cdef Py_ssize_t _merge_in_blocks(self, uint32_t* ids, Py_ssize_t n, uint32_t* sizes) noexcept nogil:
        """Merge 1 to 1,024 symbols: scan the least order key of every block of pairs for the next merge."""
        cdef int32_t order[MOST_PLACES]  # as in `_merge_short`
        cdef int32_t least[MOST_BLOCKS]  # least order key of each block
        cdef uint16_t lengths[MOST_PLACES]  # length of each symbol, at its first and last position
        cdef int32_t best
        cdef Py_ssize_t i, j, k, below, n_blocks = (n + BLOCK - 1) // BLOCK, result = 0
        for i in range(n):
            lengths[i] = 1
            order[i] = self._place_key(self._rank(ids[i], ids[i + 1]), i) if i + 1 < n else NEVER
        for i in range(n, n_blocks * BLOCK):
            order[i] = NEVER
        for i in range(n_blocks):
            least[i] = least_key(order + i * BLOCK, BLOCK)
        while True:
            best = least_key(least, n_blocks)
            if best == NEVER:
                break
            i = best & (MOST_PLACES - 1)
            j = i + lengths[i]
            k = j + lengths[j]
            ids[i] = self._merged(best >> PLACE_BITS, ids[i], ids[j])
            lengths[i] = k - i
            lengths[k - 1] = k - i
            order[j] = NEVER
            order[i] = self._place_key(self._rank(ids[i], ids[k]), i) if k < n else NEVER
            if i:
                below = i - lengths[i - 1]
                order[below] = self._place_key(self._rank(ids[below], ids[i]), below)
                if below // BLOCK != i // BLOCK:
                    least[below // BLOCK] = least_key(order + below // BLOCK * BLOCK, BLOCK)
            least[i // BLOCK] = least_key(order + i // BLOCK * BLOCK, BLOCK)
            if j // BLOCK != i // BLOCK:
                least[j // BLOCK] = least_key(order + j // BLOCK * BLOCK, BLOCK)
        i = 0
        while i < n:
            ids[result] = ids[i]
            if sizes != NULL:
                sizes[result] = lengths[i]
            i += lengths[i]
            result += 1
        return result

    @cython.final
    cdef int32_t _place_key(self, uint32_t rank, Py_ssize_t i) noexcept nogil:
        """Return the sort key of the pair at position i for `_merge_in_blocks`: rank, then position."""
        return NEVER if rank == NO_RANK else <int32_t>(rank << PLACE_BITS | <uint32_t>i)

    @cython.final
    cdef Py_ssize_t _merge_long(
        self, uint32_t* ids, Py_ssize_t n, uint32_t* sizes, Interrupt interrupt
    ) noexcept nogil:
        """Merge more than 64 symbols."""
        cdef uint32_t* initial = NULL  # copy of the symbols before merging
        cdef uint32_t* lengths = sizes
        cdef Py_ssize_t result = OUT_OF_MEMORY
        if n <= MOST_PLACES:
            return self._merge_in_blocks(ids, n, sizes)
        if n > MOST_SYMBOLS:
            return OUT_OF_MEMORY
        initial = <uint32_t*>malloc(n * sizeof(uint32_t))
        if sizes == NULL:
            lengths = <uint32_t*>malloc(n * sizeof(uint32_t))
        if initial != NULL and lengths != NULL:
            memcpy(initial, ids, n * sizeof(uint32_t))
            result = self._merge_in_windows(initial, n, ids, lengths, interrupt)
        if sizes == NULL:
            free(lengths)
        free(initial)
        return result

    @cython.final
    cdef Py_ssize_t _merge_in_windows(
        self, const uint32_t* initial, Py_ssize_t n, uint32_t* ids, uint32_t* lengths, Interrupt interrupt
    ) noexcept nogil:
        """Merge n symbols in windows. Write the ids and how many initial symbols each has; return their number.

        Let x and y be neighbours that are left in a merged window. Then no merge crosses their border in any text
        whose part up to the border ends with x when it is merged alone, and whose part after it begins with y.
        For until a first such merge, the symbols of x and y change as they do in the window, where no merge
        crosses the border; equal ranks are merged from left to right in both. So two windows can be joined at a
        symbol that both have at the same place.

        Each window begins with a symbol of the window before it, some way from the end of that one. If the new
        window has another symbol there, it goes back by one symbol, then two, then four. Where this does not help,
        windows become four times larger, and stay so.
        """
        cdef uint32_t* window = NULL  # symbols of the window
        cdef uint32_t* window_lengths = NULL
        cdef uint32_t expected = 0  # length of the symbol that the window begins with; 0 for the first window
        cdef Py_ssize_t begin = 0  # of the window
        cdef Py_ssize_t disputed = 0  # begin of the last window that had another first symbol than expected
        # Begin of the window that was merged last, its initial symbols and those that are left. A window that equals
        # it is not merged again: text that repeats one character has many.
        cdef Py_ssize_t merged_begin = 0, width = 0, n_symbols = 0
        cdef Py_ssize_t size = MOST_PLACES, capacity = 0, i, k, end, last, n_back = 1, n_windows = 0, result = 0
        while result >= 0 and begin < n:
            n_windows += 1
            if n_windows % (CHECK_MASK // MOST_PLACES + 1) == 0 and interrupt.check():
                result = INTERRUPTED
                break
            if capacity < size:
                free(window)
                window = <uint32_t*>malloc(2 * size * sizeof(uint32_t))
                if window == NULL:
                    result = OUT_OF_MEMORY
                    break
                window_lengths = window + size
                capacity = size
                width = 0
            end = min(n, begin + size)
            if end - begin != width or memcmp(initial + begin, initial + merged_begin, width * sizeof(uint32_t)):
                merged_begin = begin
                width = end - begin
                memcpy(window, initial + begin, width * sizeof(uint32_t))
                if width <= MOST_PLACES:
                    n_symbols = self._merge_in_blocks(window, width, window_lengths)
                else:
                    n_symbols = self._merge_with_heap(window, width, window_lengths, NULL, interrupt)
                if n_symbols < 0:
                    result = n_symbols
                    break
            if expected and expected != window_lengths[0]:
                n_back = 1 if begin > disputed else 2 * n_back
                disputed = max(begin, disputed)
                for i in range(min(n_back, result)):
                    result -= 1
                    begin -= lengths[result]
                expected = lengths[result] if begin else 0
                if begin == 0 or disputed - begin > size // 2:
                    size = min(GROWTH * size, n)
                continue
            last = n if end == n else end - size // MARGIN
            k = n_symbols if end == n else n_symbols - LEAST_LEFT
            for i in range(k):
                if begin + window_lengths[i] > last:
                    k = i
                    break
                ids[result] = window[i]
                lengths[result] = window_lengths[i]
                begin += window_lengths[i]
                result += 1
            if k > 0:
                expected = window_lengths[k] if end < n else 0
            else:
                size = min(GROWTH * size, n)
        free(window)
        return result

    @cython.final
    cdef Py_ssize_t _merge_with_heap(
        self, uint32_t* ids, Py_ssize_t n, uint32_t* sizes, uint32_t* found, Interrupt interrupt
    ) noexcept nogil:
        """Merge with a heap of ranks and positions in O(n log n).

        Entries of pairs that no longer exist stay in the heap and are skipped. Unless `found` is NULL, the last
        pair that was found for each merged id i is written to ``found[2 * i]`` and ``found[2 * i + 1]``.
        """
        # The heap has one pair per position at first; each merge adds up to two.
        cdef uint64_t* heap = <uint64_t*>malloc(3 * n * sizeof(uint64_t))
        # Length of each symbol, at its first and last position; the second half of the memory is for `ranks`.
        cdef uint32_t* lengths = <uint32_t*>malloc(2 * n * sizeof(uint32_t))
        cdef uint32_t* ranks  # rank of the pair at each position
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
                if found != NULL:
                    self._note(found, ranks[i], ids[i], ids[i + 1])
            if i & CHECK_MASK == CHECK_MASK and interrupt.check():
                result = INTERRUPTED
                break
        while result == 0 and size:
            rank = heap[0] >> 32
            i = <uint32_t>heap[0]
            pop(heap, &size)
            if ranks[i] != rank:
                continue
            n_steps += 1
            if n_steps & CHECK_MASK == 0 and interrupt.check():
                result = INTERRUPTED
                break
            j = i + lengths[i]
            k = j + lengths[j]
            ranks[j] = NO_RANK
            ids[i] = self._merged(rank, ids[i], ids[j])
            lengths[i] = k - i
            lengths[k - 1] = k - i
            if i:
                j = i - lengths[i - 1]
                ranks[j] = self._rank(ids[j], ids[i])
                if ranks[j] != NO_RANK:
                    push(heap, &size, ranks[j], j)
                    if found != NULL:
                        self._note(found, ranks[j], ids[j], ids[i])
            ranks[i] = self._rank(ids[i], ids[k]) if k < n else NO_RANK
            if ranks[i] != NO_RANK:
                push(heap, &size, ranks[i], i)
                if found != NULL:
                    self._note(found, ranks[i], ids[i], ids[k])
        i = 0
        while result >= 0 and i < n:
            ids[result] = ids[i]
            if sizes != NULL:
                sizes[result] = lengths[i]
            i += lengths[i]
            result += 1
        free(heap)
        free(lengths)
        return result


    @cython.final
    cdef void _note(self, uint32_t* found, uint32_t rank, uint32_t left, uint32_t right) noexcept nogil:
        cdef Py_ssize_t merged = self._merged(rank, left, right)
        found[2 * merged] = left
        found[2 * merged + 1] = right


@cython.final
cdef class BPEEncoder(MergeEncoder):
    """Encoder of byte-level BPE. A separate array has the ranks of all pairs of bytes.

    Parameters
    ----------
    byte_ids : uint32[256]
        Id of each byte; NOTHING for a byte that cannot be encoded.
    merges : uint32[m, 2], merge_ids : uint32[m]
        Distinct pairs in order of rank, and their merged ids. Ids must be less than MOST_PIECES; there are at
        most MOST_PIECES merges.
    whole : PieceTable or None
        Pieces that are encoded as their own id if they are a pretoken.
    merge_ranks : uint32[m], optional
        Rank of each merge; default: its row.
    """

    def __cinit__(
        self,
        const uint32_t[::1] byte_ids,
        const uint32_t[:, ::1] merges,
        const uint32_t[::1] merge_ids,
        PieceTable whole,
        merge_ranks=None,
    ):
        cdef Py_ssize_t a, b
        known = np.asarray(byte_ids)[np.asarray(byte_ids) != <uint32_t>NOTHING]
        self.lacks_bytes = len(known) < 256
        memcpy(self.byte_ids, &byte_ids[0], sizeof(self.byte_ids))
        self.whole = whole
        self.byte_ranks = <uint32_t*>malloc(4 << 16)
        if self.byte_ranks == NULL:
            raise MemoryError("not enough memory for the table of merges")
        self.set_merges(
            merges,
            merge_ids,
            max(np.max(known, initial=0), np.max(merge_ids, initial=0), np.max(merges, initial=0)),
            merge_ranks,
        )
        for a in range(256):
            for b in range(256):
                self.byte_ranks[a << 8 | b] = NO_RANK
                if byte_ids[a] != NOTHING and byte_ids[b] != NOTHING:
                    self.byte_ranks[a << 8 | b] = self._rank(byte_ids[a], byte_ids[b])
        if self.is_in_order and not self.lacks_bytes:
            self._find_characters(merges, merge_ids)

    def __dealloc__(self):
        free(self.characters)
        free(self.before)

    cdef int _find_characters(self, const uint32_t[:, ::1] merges, const uint32_t[::1] merge_ids) except -1:
        """Fill the tables with which merging starts from whole characters of two or three bytes.

        The bytes of a character always merge into its piece, before anything else happens to them, if each merge
        inside the character ranks before every merge of its left part with a symbol that ends with the byte before the
        character, and of its right part with a symbol that begins with the byte after it. The piece then exists when
        the merges up to its rank are done. As every merge ranks after those of its parts, nothing uses the piece
        earlier, so it may as well exist from the start.
        """
        cdef Py_ssize_t a, b, c, i, n = merges.shape[0], n_rows = LEADS
        cdef uint32_t rank, last_rank, first_two
        n_ids = int(max(np.max(self.byte_ids), np.max(merge_ids, initial=0), np.max(merges, initial=0))) + 1
        cdef uint8_t[::1] first = np.zeros(n_ids, np.uint8), last = np.zeros(n_ids, np.uint8)
        cdef uint16_t[::1] row_before = np.zeros(n_ids, np.uint16), row_after = np.zeros(n_ids, np.uint16)
        for a in range(256):
            first[self.byte_ids[a]] = last[self.byte_ids[a]] = a
        for i in range(n):
            first[merge_ids[i]] = first[merges[i, 0]]
            last[merge_ids[i]] = last[merges[i, 1]]
        for b in range(0x80, 0xC0):
            row_after[self.byte_ids[b]] = 1 + (b & 0x3F)
        for a in range(0xC0, 0xF0):
            row_before[self.byte_ids[a]] = 1 + (a & 0x3F)
            for b in range(0x80, 0xC0):
                rank = self.byte_ranks[a << 8 | b]
                if a >= 0xE0 and rank != NO_RANK:
                    row_before[self._merged(rank, self.byte_ids[a], self.byte_ids[b])] = 1 + n_rows
                    self.rows_of_two[(a & 0xF) << 6 | (b & 0x3F)] = n_rows
                    n_rows += 1
        self.characters = <uint32_t*>malloc(4 << 16)
        self.before = <uint32_t*>malloc((n_rows + CONTINUATIONS) << 10)
        if self.characters == NULL or self.before == NULL:
            raise MemoryError("not enough memory for the table of characters")
        self.after = self.before + (n_rows << 8)
        memset(self.characters, 0xFF, 4 << 16)
        memset(self.before, 0xFF, (n_rows + CONTINUATIONS) << 10)
        for i in range(n - 1, -1, -1):  # a lower rank replaces a higher one
            rank = i if self.merged != NULL else merge_ids[i]
            if row_before[merges[i, 1]]:
                self.before[(row_before[merges[i, 1]] - 1) << 8 | last[merges[i, 0]]] = rank
            if row_after[merges[i, 0]]:
                self.after[(row_after[merges[i, 0]] - 1) << 8 | first[merges[i, 1]]] = rank
        for a in range(0xE0, 0xF0):
            for b in range(0x80, 0xC0):
                rank = self.byte_ranks[a << 8 | b]
                if rank == NO_RANK:
                    continue
                first_two = self._merged(rank, self.byte_ids[a], self.byte_ids[b])
                for c in range(0x80, 0xC0):
                    last_rank = self._rank(first_two, self.byte_ids[c])
                    if last_rank != NO_RANK and rank < self.byte_ranks[b << 8 | c]:
                        self.characters[(a & 0xF) << 12 | (b & 0x3F) << 6 | (c & 0x3F)] = last_rank
        return 0

    def is_reachable(self, const uint8_t[::1] values, const int64_t[::1] offsets):
        """Return 1 for each piece that the merges produce from the piece's own bytes, else 0: uint8[k].

        ``values`` (uint8[..]) and ``offsets`` (int64[k + 1]) have the pieces; the id of a piece is its row.
        """
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
        if self.lacks_bytes:
            for i in range(length):
                if ids[i] == NOTHING:
                    return UNKNOWN - i
        return length

    cdef Py_ssize_t _begin_with_characters(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* ids
    ) noexcept nogil:
        """Write the ids of the symbols, as `begin` does, with characters instead of their bytes where possible."""
        cdef Py_ssize_t i = 0, n = 0, size
        cdef uint32_t rank
        while i < length:
            size = 1
            rank = NO_RANK
            if pretoken[i] >= 0xC0:
                size = 2 if pretoken[i] < 0xE0 else 3
                rank = self._rank_of_character(pretoken, i, length, size)
            if rank == NO_RANK:
                size = 1
                ids[n] = self.byte_ids[pretoken[i]]
            else:
                ids[n] = rank if self.merged == NULL else self.merged[rank]
            i += size
            n += 1
        return n

    cdef inline uint32_t _rank_of_character(
        self, const uint8_t* pretoken, Py_ssize_t i, Py_ssize_t length, Py_ssize_t size
    ) noexcept nogil:
        """Return the rank of the last merge in the character at byte i; NO_RANK if its bytes may merge otherwise."""
        cdef uint32_t a = pretoken[i], b, two, rank
        cdef const uint32_t* after
        if i + size > length or a >= 0xF0 or pretoken[i + 1] & 0xC0 != 0x80:
            return NO_RANK
        b = pretoken[i + 1]
        two = rank = self.byte_ranks[a << 8 | b]
        if size == 3:
            if pretoken[i + 2] & 0xC0 != 0x80:
                return NO_RANK
            rank = self.characters[(a & 0xF) << 12 | (b & 0x3F) << 6 | (pretoken[i + 2] & 0x3F)]
        if rank == NO_RANK:
            return NO_RANK
        if i:
            if self.before[(a & 0x3F) << 8 | pretoken[i - 1]] < two:
                return NO_RANK
            if size == 3 and self.before[self.rows_of_two[(a & 0xF) << 6 | (b & 0x3F)] << 8 | pretoken[i - 1]] < rank:
                return NO_RANK
        after = self.after + ((pretoken[i + size - 1] & 0x3F) << 8)
        if i + size < length and after[pretoken[i + size]] < rank:
            return NO_RANK
        return rank

    cdef Py_ssize_t encode_pretoken(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        cdef int32_t order[SHORT]
        cdef Py_ssize_t i, n
        if self.characters == NULL:
            n = self.begin(pretoken, length, out)
        else:
            n = self._begin_with_characters(pretoken, length, out)
        if n < length or n > SHORT:
            return self.merge(out, n, NULL, interrupt) if n > 0 else n
        for i in range(length - 1):
            order[i] = self._order_key(self.byte_ranks[<Py_ssize_t>pretoken[i] << 8 | pretoken[i + 1]], i)
        return self._merge_short(out, order, length, NULL)
