"""The kernel of BPE-dropout: pretokens whose merges are skipped by chance (Provilkov et al. 2020).

The merges that are possible in a pretoken stand in a heap, by rank and then position. One that is skipped is
set aside until the next merge is made, and then goes back into the heap.
"""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

from fasttok.core._interrupt cimport Interrupt
from fasttok.models._sampling_loop cimport SamplingLoop, draw
from fasttok.models._encoder cimport INTERRUPTED, OUT_OF_MEMORY
from fasttok.models.bpe._encode cimport MergeEncoder

cdef uint32_t NO_RANK = 0xFFFFFFFFU  # of a pair that does not merge, as MergeEncoder has it
cdef uint64_t ALWAYS = 1ULL << 63  # the limit that every draw is below


@cython.final
cdef class DropoutEncoder(SamplingLoop):
    """Merges that are skipped by chance.

    Parameters
    ----------
    seed, epoch, documents, starts
        As for `SamplingLoop`.
    encoder : MergeEncoder
        The model.
    limit : int
        As in `Dropout`.
    """

    cdef MergeEncoder encoder
    cdef uint64_t limit
    cdef Py_ssize_t n_draws
    # Buffers for pretokens of up to `size` symbols: by position, where a symbol begins,
    cdef Py_ssize_t size
    cdef uint32_t* ranks  # of the pair it forms with the next
    cdef uint32_t* lengths  # of the symbol, also at its last place
    # and the merges that are possible or were so: the heap from the front on, what is skipped from the end.
    cdef uint64_t* merges
    cdef Py_ssize_t n_heap
    cdef Py_ssize_t n_skipped

    def __cinit__(
        self,
        uint64_t seed,
        uint64_t epoch,
        const int64_t[::1] documents,
        const int64_t[::1] starts,
        MergeEncoder encoder not None,
        uint64_t limit,
    ):
        self.encoder = encoder
        self.limit = limit

    def __dealloc__(self):
        free(self.merges)

    cdef Py_ssize_t sample_pretoken(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* ids, uint64_t state, Interrupt interrupt
    ) noexcept nogil:
        cdef Py_ssize_t n = self.encoder.begin(pretoken, length, ids), i, j, k, n_ids = 0
        cdef const uint32_t* byte_ranks = self.encoder.byte_ranks
        cdef uint64_t merge
        cdef uint32_t rank
        if n <= 1 or self.limit == ALWAYS:
            return n
        if not self._reserve(n):
            return OUT_OF_MEMORY
        for i in range(n):
            self.lengths[i] = 1
        self.n_heap = 0
        self.n_skipped = 0
        for i in range(n - 1):
            if byte_ranks != NULL:
                rank = byte_ranks[<Py_ssize_t>pretoken[i] << 8 | pretoken[i + 1]]
            else:
                rank = self.encoder._rank(ids[i], ids[i + 1])
            self._add(i, rank)
        while self.n_heap:
            merge = self._pop()
            i = merge & 0xFFFFFFFFU
            rank = merge >> 32
            if self.ranks[i] != rank:
                continue  # one of the two is part of something else by now
            self.n_draws += 1
            if self.n_draws & 0xFFFF == 0 and interrupt.check():
                return INTERRUPTED
            if draw(&state) >> 1 < self.limit:
                self.n_skipped += 1
                self.merges[2 * self.size - self.n_skipped] = merge
                continue
            j = i + self.lengths[i]
            k = j + self.lengths[j]
            self.ranks[j] = NO_RANK
            ids[i] = self.encoder._merged(rank)
            self.lengths[i] = k - i
            self.lengths[k - 1] = k - i
            self._add(i, self.encoder._rank(ids[i], ids[k]) if k < n else NO_RANK)
            if i:
                j = i - self.lengths[i - 1]
                self._add(j, self.encoder._rank(ids[j], ids[i]))
            while self.n_skipped:
                merge = self.merges[2 * self.size - self.n_skipped]
                self.n_skipped -= 1
                self._push(merge)
        i = 0
        while i < n:
            ids[n_ids] = ids[i]
            i += self.lengths[i]
            n_ids += 1
        return n_ids

    cdef bint _reserve(self, Py_ssize_t n) noexcept nogil:
        """Make the buffers large enough for a pretoken of n symbols.

        It has n - 1 merges at first. Every merge made takes one away and brings two at most, so that there
        are never more than 2n.
        """
        cdef Py_ssize_t size = max(n, <Py_ssize_t>64)
        if n <= self.size:
            return True
        free(self.merges)
        self.size = 0
        self.merges = <uint64_t*>malloc(3 * size * sizeof(uint64_t)) if n < NO_RANK else NULL
        if self.merges == NULL:
            return False
        self.ranks = <uint32_t*>(self.merges + 2 * size)
        self.lengths = self.ranks + size
        self.size = size
        return True

    cdef inline void _add(self, Py_ssize_t i, uint32_t rank) noexcept nogil:
        """Note the rank of the pair at a position, and that it can be merged, if it can."""
        self.ranks[i] = rank
        if rank != NO_RANK:
            self._push(<uint64_t>rank << 32 | <uint64_t>i)

    cdef void _push(self, uint64_t merge) noexcept nogil:
        cdef uint64_t* heap = self.merges
        cdef Py_ssize_t i = self.n_heap, above
        self.n_heap += 1
        while i:
            above = (i - 1) >> 1
            if heap[above] <= merge:
                break
            heap[i] = heap[above]
            i = above
        heap[i] = merge

    cdef uint64_t _pop(self) noexcept nogil:
        cdef uint64_t* heap = self.merges
        cdef uint64_t least = heap[0], last
        cdef Py_ssize_t i = 0, below = 1, n
        self.n_heap -= 1
        n = self.n_heap
        last = heap[n]
        while below < n:
            if below + 1 < n and heap[below + 1] < heap[below]:
                below += 1
            if last <= heap[below]:
                break
            heap[i] = heap[below]
            i = below
            below = 2 * i + 1
        heap[i] = last
        return least
