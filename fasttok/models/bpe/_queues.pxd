"""Queues for merging long pretokens: for every rank, the positions of the pairs with this rank.

A queue is a doubly linked list, so that a position can be removed as soon as its pair no longer exists. A tree of
bits marks the ranks whose queues are not empty.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort, realloc
from libc.string cimport memset

from fasttok.core._keys cimport ctz

cdef enum:
    NO_RANK = 0xFFFFFFFF  # rank of a pair that does not merge
    END = 0xFFFFFFFF  # link at the end of a list
    TAKEN = 0xFFFFFFFE  # backward link of a position that `take_queue` has removed
    LEVELS = 4  # levels of the tree of bits, with 64 branches per node: enough for 2^24 ranks

cdef struct Queues:
    uint32_t* first  # first position of each rank
    uint32_t* rank  # rank of the pair at each position
    uint32_t* before  # links to the previous position
    uint32_t* after  # links to the next position
    uint64_t* bits[LEVELS]  # tree of the ranks with positions, from the leaves to the root


cdef inline bint open_queues(Queues* queues, Py_ssize_t n, Py_ssize_t n_ranks) noexcept nogil:
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
    queues.after = queues.before + n
    memset(queues.first, 0xFF, n_ranks * sizeof(uint32_t))
    return True


cdef inline void close_queues(Queues* queues) noexcept nogil:
    cdef int level
    free(queues.first)
    free(queues.rank)
    for level in range(LEVELS):
        free(queues.bits[level])


cdef inline void add_to_queue(Queues* queues, Py_ssize_t i, uint32_t rank) noexcept nogil:
    """Add a position that is in no queue to the queue of its rank, unless the rank is NO_RANK."""
    cdef uint32_t first
    cdef int level
    cdef uint64_t at = rank
    queues.rank[i] = rank
    if rank == NO_RANK:
        return
    first = queues.first[rank]
    queues.first[rank] = i
    queues.before[i] = END
    queues.after[i] = first
    if first != END:
        queues.before[first] = i
        return
    for level in range(LEVELS):
        queues.bits[level][at >> 6] |= (<uint64_t>1) << (at & 63)
        at >>= 6


cdef inline void leave_queue(Queues* queues, Py_ssize_t i) noexcept nogil:
    """Remove a position from its queue, if it is in one."""
    cdef uint32_t rank = queues.rank[i], before = queues.before[i], after = queues.after[i]
    queues.rank[i] = NO_RANK
    if rank == NO_RANK or before == TAKEN:
        return
    if after != END:
        queues.before[after] = before
    if before != END:
        queues.after[before] = after
        return
    queues.first[rank] = after
    if after == END:
        clear_rank(queues, rank)


cdef inline void clear_rank(Queues* queues, uint64_t at) noexcept nogil:
    """Clear the bit of a rank whose queue is empty, and the bits above it that cover no other rank."""
    cdef int level
    for level in range(LEVELS):
        queues.bits[level][at >> 6] &= ~((<uint64_t>1) << (at & 63))
        if queues.bits[level][at >> 6]:
            return
        at >>= 6


cdef inline bint lowest_queue(Queues* queues, uint32_t* rank) noexcept nogil:
    """Write the lowest rank that has positions to `rank`; return False if there is none."""
    cdef int level
    cdef uint64_t at = 0
    if queues.bits[LEVELS - 1][0] == 0:
        return False
    for level in range(LEVELS - 1, -1, -1):
        at = at << 6 | <uint64_t>ctz(queues.bits[level][at])
    rank[0] = at
    return True


cdef inline Py_ssize_t take_queue(Queues* queues, uint32_t rank, uint32_t** taken, Py_ssize_t* capacity) noexcept nogil:
    """Move the queue of a rank to `taken`, which grows as needed; return the number of positions or -1.

    -1 means that there is not enough memory. `capacity` is the size of `taken`.
    """
    cdef uint32_t i = queues.first[rank]
    cdef Py_ssize_t n = 0
    cdef uint32_t* larger
    while i != END:
        if n == capacity[0]:
            larger = <uint32_t*>realloc(taken[0], (2 * n + 64) * sizeof(uint32_t))
            if larger == NULL:
                return -1
            taken[0] = larger
            capacity[0] = 2 * n + 64
        taken[0][n] = i
        queues.before[i] = TAKEN
        i = queues.after[i]
        n += 1
    queues.first[rank] = END
    clear_rank(queues, rank)
    return n


cdef inline void sort_positions(uint32_t* positions, Py_ssize_t n) noexcept nogil:
    """Sort positions in ascending order; fast if they are ascending or descending, as they usually are."""
    cdef Py_ssize_t i
    if n > 1 and positions[0] > positions[n - 1]:
        for i in range(n // 2):
            positions[i], positions[n - 1 - i] = positions[n - 1 - i], positions[i]
    for i in range(n - 1):
        if positions[i] > positions[i + 1]:
            qsort(positions, n, sizeof(uint32_t), compare_positions)
            return


cdef inline int compare_positions(const void* a, const void* b) noexcept nogil:
    cdef uint32_t left = (<const uint32_t*>a)[0], right = (<const uint32_t*>b)[0]
    return (left > right) - (left < right)
