"""Kernel of BPE-dropout: skip merges at random (Provilkov et al. 2020).

A heap has the possible merges of a pretoken, sorted by rank, then by position. A skipped merge is set aside until
the next merge is applied, and then returns to the heap.
"""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

from fasttok.core._interrupt cimport Interrupt
from fasttok.models._cache cimport PretokenCache
from fasttok.models._sampling_loop cimport SamplingLoop, draw
from fasttok.models._encoder cimport INTERRUPTED, OUT_OF_MEMORY
from fasttok.models.bpe._encode cimport MergeEncoder
from fasttok.text._spans cimport Spans

cdef uint32_t NO_RANK = 0xFFFFFFFFU  # rank of a pair that does not merge, as in MergeEncoder
cdef uint64_t ALWAYS = 1ULL << 63  # limit that every draw is below: all merges are skipped


cdef Py_ssize_t fuse_rows(
    uint32_t* ids, int64_t* offsets, Py_ssize_t n_rows, uint32_t unk_id
) noexcept nogil:
    """Replace each run of unknown tokens in a row by one, in place; return the new number of ids."""
    cdef Py_ssize_t row, i, start, begin = 0, n = 0
    for row in range(n_rows):
        start = n
        for i in range(begin, offsets[row + 1]):
            if ids[i] != unk_id or n == start or ids[n - 1] != unk_id:
                ids[n] = ids[i]
                n += 1
        begin = offsets[row + 1]
        offsets[row + 1] = n
    return n


@cython.final
cdef class DropoutEncoder(SamplingLoop):
    """Encoder that skips merges at random.

    Parameters
    ----------
    seed, epoch, documents, starts
        As for `SamplingLoop`.
    encoder : MergeEncoder
        Encoder of the model.
    limit : int
        Threshold of the draws; see `Dropout.limit`.
    """

    cdef MergeEncoder encoder
    cdef uint64_t limit
    cdef Py_ssize_t n_draws
    cdef Py_ssize_t size  # number of symbols that the following buffers have space for
    cdef uint32_t* ranks  # rank of the pair of the symbol at each position and the next symbol
    cdef uint32_t* lengths  # length of each symbol, at its first and last position
    cdef uint64_t* merges  # the heap at the front, the skipped merges at the end
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

    cdef Py_ssize_t encode_rows(
        self,
        const uint8_t* text,
        Py_ssize_t n_text,
        const int64_t* offsets,
        Py_ssize_t n_rows,
        Spans spans,
        PretokenCache cache,
        uint32_t* out,
        int64_t* out_offsets,
    ) noexcept nogil:
        cdef Py_ssize_t n = SamplingLoop.encode_rows(
            self, text, n_text, offsets, n_rows, spans, cache, out, out_offsets
        )
        if n > 0 and self.encoder.fused_id >= 0:
            n = fuse_rows(out, out_offsets, n_rows, self.encoder.fused_id)
        return n

    cdef Py_ssize_t sample_pretoken(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* ids, uint64_t state, Interrupt interrupt
    ) noexcept nogil:
        cdef Py_ssize_t n = self.encoder.begin(pretoken, length, ids), i, j, k, n_ids = 0
        cdef const uint32_t* byte_ranks = self.encoder.byte_ranks
        cdef uint64_t merge
        cdef uint32_t rank
        if n <= 1 or self.limit == ALWAYS:
            return self.encoder.finish(ids, n) if n > 0 else n
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
                continue  # one of the two symbols has been merged since
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
            ids[i] = self.encoder._merged(rank, ids[i], ids[j])
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
        return self.encoder.finish(ids, n_ids)

    cdef bint _reserve(self, Py_ssize_t n) noexcept nogil:
        """Make the buffers large enough for a pretoken of n symbols.

        There are at most n - 1 possible merges at first. Every applied merge removes one and adds at most two,
        so there are never more than 2n.
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
        """Set the rank of the pair at position i, and add the pair to the heap if it can be merged."""
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
