"""The queues of long pretokens: for every rank the positions whose pair has it.

A queue is a doubly linked list, so that a position leaves it the moment its pair is no more. Which ranks
have any is in a tree of bits.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort, realloc
from libc.string cimport memset

from fasttok.core._keys cimport ctz

cdef enum:
    NO_RANK = 0xFFFFFFFF  # of a pair that does not merge
    END = 0xFFFFFFFF  # in place of a link
    TAKEN = 0xFFFFFFFE  # in place of the link back: not in the list any more, but not merged yet
    LEVELS = 4  # of the tree, of 64 branches each: enough for 2^24 ranks

cdef struct Queues:
    uint32_t* first  # of each rank
    uint32_t* rank  # of the pair at each position
    uint32_t* before
    uint32_t* behind
    uint64_t* bits[LEVELS]


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
    queues.behind = queues.before + n
    memset(queues.first, 0xFF, n_ranks * sizeof(uint32_t))
    return True


cdef inline void close_queues(Queues* queues) noexcept nogil:
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
    queues.before[i] = END
    queues.behind[i] = first
    if first != END:
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
    if behind != END:
        queues.before[behind] = before
    if before != END:
        queues.behind[before] = behind
        return
    queues.first[rank] = behind
    if behind == END:
        clear_rank(queues, rank)


cdef inline void clear_rank(Queues* queues, uint64_t at) noexcept nogil:
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


cdef inline Py_ssize_t take_queue(Queues* queues, uint32_t rank, uint32_t** taken, Py_ssize_t* room) noexcept nogil:
    """Empty the queue of a rank into `taken`, making room there; return how many, -1 for want of memory."""
    cdef uint32_t i = queues.first[rank]
    cdef Py_ssize_t n = 0
    cdef uint32_t* larger
    while i != END:
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
    queues.first[rank] = END
    clear_rank(queues, rank)
    return n


cdef inline void sort_positions(uint32_t* positions, Py_ssize_t n) noexcept nogil:
    """Sort ascending what a queue gave: mostly it ascends, or is exactly the other way round."""
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
