"""Kernel that finds the n best segmentations in the order of sentencepiece, ties and rounding included.

It is an A* search from the end of the text. A hypothesis is a path of arcs from some position to the end. Its
priority is the sum of its scores and of the best score from the start of the text to this position. All sums are in
single precision, so that the order of nearly equal hypotheses is the same. The order of equal ones depends on the
queue: it is a binary heap that moves its items as the C++ standard library of GCC does. A queue of MOST_QUEUED
hypotheses is reduced to the best ones, so the search is not exact in long texts.
"""

import numpy as np

cimport cython
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc, realloc

from fasttok.core._interrupt cimport Interrupt

cdef enum:
    MOST_QUEUED = 10000  # size at which the queue is reduced
    MOST_KEPT = 512  # largest number of hypotheses that are kept then
    PER_RESULT = 10  # number of hypotheses per requested segmentation that are kept then
    START = -1  # arc of a complete hypothesis
    END = -2  # arc of the empty hypothesis, at the end of the text
    CHECK_INTERVAL = 0x10000  # hypotheses between two checks of the interrupt


cdef struct Hypothesis:
    float priority
    float total  # sum of the scores of the arcs
    int64_t arc  # the first arc
    int64_t next  # the hypothesis without this arc


@cython.final
cdef class Search:
    """Hypotheses, and the queue of those that have not been extended."""

    cdef Hypothesis* all
    cdef Py_ssize_t n
    cdef Py_ssize_t capacity
    cdef int64_t* queue
    cdef Py_ssize_t n_queued
    cdef Py_ssize_t queue_capacity

    def __dealloc__(self):
        free(self.all)
        free(self.queue)

    cdef int push(self, float priority, float total, int64_t arc, int64_t next) except -1 nogil:
        cdef void* moved
        if self.n == self.capacity:
            moved = realloc(self.all, (2 * self.capacity + 512) * sizeof(Hypothesis))
            if moved == NULL:
                with gil:
                    raise MemoryError("not enough memory for the best segmentations")
            self.all = <Hypothesis*>moved
            self.capacity = 2 * self.capacity + 512
        if self.n_queued == self.queue_capacity:
            moved = realloc(self.queue, (2 * self.queue_capacity + 512) * sizeof(int64_t))
            if moved == NULL:
                with gil:
                    raise MemoryError("not enough memory for the best segmentations")
            self.queue = <int64_t*>moved
            self.queue_capacity = 2 * self.queue_capacity + 512
        self.all[self.n].priority = priority
        self.all[self.n].total = total
        self.all[self.n].arc = arc
        self.all[self.n].next = next
        self.n_queued += 1
        self._rise(self.n_queued - 1, self.n)
        self.n += 1
        return 0

    cdef void _rise(self, Py_ssize_t hole, int64_t item) noexcept nogil:
        """Put an item at `hole`, after moving down the parents that are worse."""
        cdef Py_ssize_t parent = (hole - 1) // 2
        while hole > 0 and self.all[self.queue[parent]].priority < self.all[item].priority:
            self.queue[hole] = self.queue[parent]
            hole = parent
            parent = (hole - 1) // 2
        self.queue[hole] = item

    cdef int64_t pop(self) noexcept nogil:
        """Remove the best hypothesis from the queue and return it.

        The better children move up, until the hole is a leaf; then the last item is put there and rises. Of equal
        children, the right one moves.
        """
        cdef int64_t best = self.queue[0], last
        cdef Py_ssize_t hole = 0, child, n = self.n_queued - 1
        self.n_queued = n
        if n == 0:
            return best
        last = self.queue[n]
        while True:
            child = 2 * hole + 2
            if child > n:
                break
            if child == n or self.all[self.queue[child]].priority < self.all[self.queue[child - 1]].priority:
                child -= 1
            self.queue[hole] = self.queue[child]
            hole = child
        self._rise(hole, last)
        return best

    cdef int reduce(self, Py_ssize_t n_kept) except -1 nogil:
        """Keep the best `n_kept` hypotheses of the queue, and those that they extend."""
        cdef int64_t* renumbered = <int64_t*>malloc(self.n * sizeof(int64_t))
        cdef int64_t* kept = <int64_t*>malloc(n_kept * sizeof(int64_t))
        cdef Py_ssize_t i, n = 0
        cdef int64_t item
        if renumbered == NULL or kept == NULL:
            free(renumbered)
            free(kept)
            with gil:
                raise MemoryError("not enough memory for the best segmentations")
        for i in range(self.n):
            renumbered[i] = -1
        for i in range(n_kept):
            kept[i] = self.pop()
            item = kept[i]
            while item >= 0 and renumbered[item] < 0:
                renumbered[item] = 0
                item = self.all[item].next
        for i in range(self.n):  # a hypothesis comes after the one that it extends
            if renumbered[i] == 0:
                renumbered[i] = n
                self.all[n] = self.all[i]
                if self.all[n].next >= 0:
                    self.all[n].next = renumbered[self.all[n].next]
                n += 1
        self.n = n
        self.n_queued = 0
        for i in range(n_kept):
            self.n_queued += 1
            self._rise(i, renumbered[kept[i]])
        free(renumbered)
        free(kept)
        return 0


def find_nbest(
    const int64_t[::1] starts, const int64_t[::1] ends, const float[::1] scores, Py_ssize_t length, Py_ssize_t k
):
    """Find the k best segmentations of a text of `length` > 0 bytes, as sentencepiece does.

    Parameters
    ----------
    starts, ends : int64[a], scores : float32[a]
        Arcs, as in _lattice.pyx.

    Returns
    -------
    list of (int64[..], float)
        Indices of the arcs and score of each segmentation, the best first.
    """
    by_end = np.argsort(ends, kind="stable")
    cdef const int64_t[::1] order = by_end
    cdef const int64_t[::1] firsts = np.searchsorted(np.asarray(ends)[by_end], np.arange(length + 2))
    cdef float[::1] best = np.zeros(starts.shape[0], np.float32)  # best score from the start to the end of each arc
    cdef Search search = Search()
    cdef Interrupt interrupt = Interrupt()
    cdef Py_ssize_t i, position, steps = 0
    cdef int64_t arc = 0, item
    cdef float total, here = 0
    cdef list found = []
    cdef list arcs
    with nogil:
        position = 0
        for arc in range(starts.shape[0]):  # all arcs that end at the start of an arc come before it
            if arc == 0 or starts[arc] != position:
                position = starts[arc]
                here = best_to(best, order, firsts, position)
            best[arc] = here + scores[arc]
        search.push(best_to(best, order, firsts, length), 0, END, -1)
    while search.n_queued and len(found) < k:
        with nogil:
            item = search.pop()
            arc = search.all[item].arc
            if arc != START:
                total = search.all[item].total
                position = length if arc == END else starts[arc]
                if position == 0:
                    search.push(total, total, START, item)
                for i in range(firsts[position], firsts[position + 1]):
                    arc = order[i]
                    search.push(best[arc] + total, scores[arc] + total, arc, item)
                steps += firsts[position + 1] - firsts[position] + 1
                arc = END
                if search.n_queued >= MOST_QUEUED:
                    search.reduce(min(<Py_ssize_t>MOST_KEPT, PER_RESULT * k))
        if arc == START:
            total = search.all[item].priority
            arcs = []
            item = search.all[item].next
            while search.all[item].arc != END:
                arcs.append(search.all[item].arc)
                item = search.all[item].next
            steps += len(arcs)
            found.append((np.array(arcs, np.int64), total))
        if steps >= CHECK_INTERVAL:
            steps = 0
            if interrupt.check():
                interrupt.raise_error()
    return found


cdef inline float best_to(
    const float[::1] best, const int64_t[::1] order, const int64_t[::1] firsts, Py_ssize_t position
) noexcept nogil:
    """Return the best score from the start of the text to a position."""
    cdef Py_ssize_t i
    cdef float score = 0
    if position == 0:
        return 0
    for i in range(firsts[position], firsts[position + 1]):
        if i == firsts[position] or best[order[i]] > score:
            score = best[order[i]]
    return score
