"""Kernels of a lattice: list its arcs, sum over all segmentations, and find the k best segmentations.

An arc is a match of a piece in the text, from byte `start` to before byte `end`. Arcs are sorted by start, then by end;
an unknown character comes after all pieces with the same start. The piece of an arc is an id or, for an unknown
character, minus its number of bytes. Kernels take a list of arcs as ``starts`` and ``ends`` (int64[a]) with ``scores``
or ``weights`` (float64[a]). A segmentation is an int64 array of the indices of its arcs. Unless stated otherwise, n is
the number of bytes of the text.

The k best segmentations are found by the recursive enumeration of Jiménez and Marzal (1999). The candidates
for the next best path to a position are, for each arc that ends there, the next best path to the start of the
arc followed by the arc. A next best path is computed only when it is needed. Scores are always added from left
to right, as `encode` does, so both find the same best segmentation and rounding does not change the order.
"""

import numpy as np

cimport cython
from libc.math cimport exp, log
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._trie cimport TrieNode, trie_has_value, trie_root, trie_step, trie_value
from fasttok.models._sampling_loop cimport draw, hash_number
from fasttok.models._encoder cimport INTERRUPTED, UNKNOWN
from fasttok.models.unigram._paths cimport CHECK_INTERVAL, UNKNOWN_ARC
from fasttok.models.unigram._viterbi cimport UnigramEncoder
from fasttok.text.unicode._utf8 cimport read_code_point

from fasttok.core.errors import UnknownCharacterError

cdef enum:
    NONE = -1  # no path or no arc
    NO_HEAP = -2  # root of the heap of a position whose candidates have not been listed yet


def list_arcs(UnigramEncoder encoder not None, const uint8_t[::1] text not None):
    """Return the start, end, piece and score of every arc of a text: three int64[a] and a float64[a]."""
    cdef Py_ssize_t n
    cdef int64_t[::1] starts, ends, pieces
    cdef double[::1] scores
    cdef Interrupt interrupt = Interrupt()
    if text.shape[0] == 0:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    with nogil:
        n = write_arcs(encoder, &text[0], text.shape[0], NULL, NULL, NULL, NULL, interrupt)
    if n >= 0:
        starts = np.empty(n, np.int64)
        ends = np.empty(n, np.int64)
        pieces = np.empty(n, np.int64)
        scores = np.empty(n)
        with nogil:
            n = write_arcs(
                encoder, &text[0], text.shape[0], &starts[0], &ends[0], &pieces[0], &scores[0], interrupt
            )
    if n < 0:
        interrupt.raise_error()
    return np.asarray(starts), np.asarray(ends), np.asarray(pieces), np.asarray(scores)


cdef Py_ssize_t write_arcs(
    UnigramEncoder encoder,
    const uint8_t* text,
    Py_ssize_t length,
    int64_t* starts,
    int64_t* ends,
    int64_t* pieces,
    double* scores,
    Interrupt interrupt,
) noexcept nogil:
    """Count the arcs of a text, and write them unless `starts` is NULL; return INTERRUPTED if interrupted."""
    cdef Py_ssize_t start = 0, end, size, n = 0, steps = 0
    cdef TrieNode root = trie_root(encoder.pieces.units), node
    cdef bint is_piece
    while start < length:
        read_code_point(text, start, length, &size)
        is_piece = False
        node = root
        end = start
        while end < length and trie_step(encoder.pieces.units, &node, text[end]):
            end += 1
            if trie_has_value(node):
                if starts != NULL:
                    starts[n] = start
                    ends[n] = end
                    pieces[n] = trie_value(encoder.pieces.units, node)
                    scores[n] = encoder.pieces.scores[pieces[n]]
                n += 1
                is_piece |= end - start == size
        if not is_piece:
            if starts != NULL:
                starts[n] = start
                ends[n] = start + size
                pieces[n] = -size
                scores[n] = encoder.pieces.unk_score
            n += 1
        steps += end - start + 1
        start += size
        if steps >= CHECK_INTERVAL:
            steps = 0
            if interrupt.check():
                return INTERRUPTED
    return n


def sum_forward(
    const int64_t[::1] starts, const int64_t[::1] ends, const double[::1] weights, Py_ssize_t n
):
    """Return the log-sum-exp of the paths from the start to each position: float64[n + 1]; -inf without a path."""
    # Until all arcs that end at a position are added, the sum there is exp(sums) * parts, where exp(sums) is the
    # largest term.
    cdef double[::1] sums = np.full(n + 1, -np.inf)
    cdef double[::1] parts = np.zeros(n + 1)
    cdef Py_ssize_t i, last = 0
    cdef double weight
    sums[0] = 0
    parts[0] = 1
    with nogil:
        for i in range(starts.shape[0]):
            if starts[i] > last:
                last = starts[i]
                sums[last] += log(parts[last])
            weight = sums[last] + weights[i]
            if weight <= sums[ends[i]]:
                parts[ends[i]] += exp(weight - sums[ends[i]])
            else:
                parts[ends[i]] = parts[ends[i]] * exp(sums[ends[i]] - weight) + 1
                sums[ends[i]] = weight
        sums[n] += log(parts[n])
    return np.asarray(sums)


def sum_backward(
    const int64_t[::1] starts, const int64_t[::1] ends, const double[::1] weights, Py_ssize_t n
):
    """Return the log-sum-exp of the paths from each position to the end: float64[n + 1]; -inf without a path."""
    cdef double[::1] sums = np.full(n + 1, -np.inf)
    cdef Py_ssize_t i, first, last = starts.shape[0], start
    cdef double largest, total
    sums[n] = 0
    with nogil:
        while last:
            start = starts[last - 1]
            first = last
            largest = weights[last - 1] + sums[ends[last - 1]]
            while first and starts[first - 1] == start:
                first -= 1
                largest = max(largest, weights[first] + sums[ends[first]])
            total = 0
            for i in range(first, last):
                total += exp(weights[i] + sums[ends[i]] - largest)
            sums[start] = largest + log(total)
            last = first
    return np.asarray(sums)


def sum_entropy(
    const int64_t[::1] starts, const int64_t[::1] ends, const double[::1] weights, const double[::1] sums
):
    """Return the entropy of the distribution over segmentations; `sums` is the result of `sum_forward`.

    The entropy at each position follows from the entropies at earlier positions. No term is negative, so no
    precision is lost by cancellation, even in long texts.
    """
    cdef Py_ssize_t i, n = sums.shape[0] - 1
    cdef double[::1] entropies = np.zeros(n + 1)
    cdef double logarithm
    with nogil:
        for i in range(starts.shape[0]):
            logarithm = min(sums[starts[i]] + weights[i] - sums[ends[i]], 0.0)
            entropies[ends[i]] += exp(logarithm) * (entropies[starts[i]] - logarithm)
    return entropies[n]


cdef struct Path:
    double score
    int64_t arc  # the last arc; NONE for the empty path
    int64_t previous  # the path to the start of the last arc
    int64_t next  # the next best path to the same position; NONE until it is known
    int64_t left  # children in a leftist heap, while the path is a candidate
    int64_t right
    int64_t height  # length of the right spine of its subheap


@cython.final
cdef class BestPaths:
    """Best paths to every position, extended when the next one is needed.

    Parameters
    ----------
    starts, ends : int64[a], scores : float64[a]
        Arcs.
    by_end : int64[a]
        Indices of the arcs, sorted by end, then by start.
    firsts : int64[n + 2]
        For each position, the index in `by_end` of the first arc that ends there.
    """

    cdef const int64_t[::1] starts
    cdef const int64_t[::1] ends
    cdef const double[::1] scores
    cdef const int64_t[::1] by_end
    cdef const int64_t[::1] firsts
    cdef int64_t[::1] first_path  # the best path to each position
    cdef int64_t[::1] last_path  # the worst known path to each position
    cdef int64_t[::1] heaps  # root of the heap of candidates for the next path to each position
    cdef int64_t[::1] pending  # stack of the positions that need their next path
    cdef Path* paths
    cdef Py_ssize_t n_paths
    cdef Py_ssize_t capacity

    def __cinit__(self, starts, ends, scores, by_end, firsts):
        cdef Py_ssize_t n = len(firsts) - 2
        self.starts = starts
        self.ends = ends
        self.scores = scores
        self.by_end = by_end
        self.firsts = firsts
        self.first_path = np.full(n + 1, NONE)
        self.last_path = np.full(n + 1, NONE)
        self.heaps = np.full(n + 1, NO_HEAP)
        self.pending = np.empty(n + 1, np.int64)
        self._find_first(n)

    def __dealloc__(self):
        free(self.paths)

    cdef int64_t _add(self, double score, int64_t arc, int64_t previous) except -1 nogil:
        cdef void* moved
        cdef Path* path
        if self.n_paths == self.capacity:
            moved = realloc(self.paths, (2 * self.capacity + 64) * sizeof(Path))
            if moved == NULL:
                with gil:
                    raise MemoryError("not enough memory for the best segmentations")
            self.paths = <Path*>moved
            self.capacity = 2 * self.capacity + 64
        path = &self.paths[self.n_paths]
        path.score = score
        path.arc = arc
        path.previous = previous
        path.next = NONE
        path.left = NONE
        path.right = NONE
        path.height = 1
        self.n_paths += 1
        return self.n_paths - 1

    cdef int _find_first(self, Py_ssize_t n) except -1 nogil:
        """Find the best path to every position that has one."""
        cdef Py_ssize_t position, i
        cdef int64_t arc, best
        cdef double score, best_score = 0
        self.first_path[0] = self._add(0, NONE, NONE)
        self.heaps[0] = NONE
        for position in range(1, n + 1):
            best = NONE
            for i in range(self.firsts[position], self.firsts[position + 1]):
                arc = self.by_end[i]
                score = self.paths[self.first_path[self.starts[arc]]].score + self.scores[arc]
                if best == NONE or score > best_score:
                    best = arc
                    best_score = score
            if best != NONE:
                self.first_path[position] = self._add(best_score, best, self.first_path[self.starts[best]])
        self.last_path[:] = self.first_path
        return 0

    cdef bint find_next(self, Py_ssize_t position) except -1 nogil:
        """Find the next best path to a position; return whether there is one."""
        cdef Py_ssize_t n = 0, i
        cdef int64_t arc, path, after = NONE
        # Go back along the last path, until a position whose next path is known, or the start of the text.
        while True:
            if self.heaps[position] == NO_HEAP:
                self.heaps[position] = NONE
                for i in range(self.firsts[position], self.firsts[position + 1]):
                    arc = self.by_end[i]
                    if arc != self.paths[self.last_path[position]].arc:
                        self._push(position, arc, self.first_path[self.starts[arc]])
            self.pending[n] = position
            n += 1
            path = self.last_path[position]
            arc = self.paths[path].arc
            if arc == NONE or self.paths[self.paths[path].previous].next != NONE:
                break
            position = self.starts[arc]
        # Go forward again, and find the next path to each pending position.
        while n:
            n -= 1
            position = self.pending[n]
            path = self.last_path[position]
            if self.paths[path].arc != NONE:
                after = self.paths[self.paths[path].previous].next
                if after != NONE:
                    self._push(position, self.paths[path].arc, after)
            after = self.heaps[position]
            if after != NONE:
                self.heaps[position] = self._merge(self.paths[after].left, self.paths[after].right)
                self.paths[path].next = after
                self.last_path[position] = after
        return after != NONE

    cdef int _push(self, Py_ssize_t position, int64_t arc, int64_t previous) except -1 nogil:
        cdef int64_t path = self._add(self.paths[previous].score + self.scores[arc], arc, previous)
        self.heaps[position] = self._merge(self.heaps[position], path)
        return 0

    cdef int64_t _merge(self, int64_t a, int64_t b) noexcept nogil:
        """Merge two heaps of n paths in O(log n), and return the root."""
        cdef Path* path
        cdef int64_t shallow
        if a == NONE or b == NONE:
            return b if a == NONE else a
        if self._is_before(b, a):
            a, b = b, a
        shallow = self._merge(self.paths[a].right, b)
        path = &self.paths[a]
        path.right = shallow
        if path.left == NONE or self.paths[path.left].height < self.paths[shallow].height:
            path.left, path.right = path.right, path.left
        path.height = 1 + (self.paths[path.right].height if path.right != NONE else 0)
        return a

    cdef inline bint _is_before(self, int64_t a, int64_t b) noexcept nogil:
        if self.paths[a].score != self.paths[b].score:
            return self.paths[a].score > self.paths[b].score
        return self.starts[self.paths[a].arc] < self.starts[self.paths[b].arc]

    cdef object arcs_of(self, int64_t path):
        """Return the arcs of a path, from the first to the last."""
        cdef list arcs = []
        while self.paths[path].arc != NONE:
            arcs.append(self.paths[path].arc)
            path = self.paths[path].previous
        return np.array(arcs[::-1], np.int64)


def find_best(
    const int64_t[::1] starts, const int64_t[::1] ends, const double[::1] scores, Py_ssize_t n, Py_ssize_t k
):
    """Return a list of the k best segmentations, the best first, or of all if there are fewer."""
    by_end = np.argsort(ends, kind="stable")
    firsts = np.searchsorted(np.asarray(ends)[by_end], np.arange(n + 2))
    cdef BestPaths best = BestPaths(starts, ends, scores, by_end, firsts)
    cdef Interrupt interrupt = Interrupt()
    cdef int64_t path
    cdef list found = []
    cdef bint is_more = True
    while is_more and len(found) < k:
        path = best.last_path[n]
        found.append(best.arcs_of(path))
        if interrupt.check():
            interrupt.raise_error()
        if len(found) < k:
            with nogil:
                is_more = best.find_next(n)
    return found


def find_back_pointers(
    const int64_t[::1] starts, const int64_t[::1] ends, const double[::1] scores, Py_ssize_t n
):
    """Return the best score of the text up to each position, and the last arc of the segmentation with this score.

    They are float64[n + 1] and int64[n + 1]. At position 0, and where no arc ends, the arc is NONE. Of several arcs
    with the best score, the first one is chosen.
    """
    cdef double[::1] best = np.full(n + 1, -np.inf)
    cdef int64_t[::1] arcs = np.full(n + 1, NONE, np.int64)
    cdef Py_ssize_t i
    cdef double score
    best[0] = 0
    with nogil:
        for i in range(starts.shape[0]):
            score = best[starts[i]] + scores[i]
            if arcs[ends[i]] == NONE or score > best[ends[i]]:
                best[ends[i]] = score
                arcs[ends[i]] = i
    return np.asarray(best), np.asarray(arcs)


def sample_arcs(
    const int64_t[::1] starts,
    const int64_t[::1] ends,
    const double[::1] weights,
    const double[::1] sums,
    Py_ssize_t n,
    uint64_t seed,
):
    """Return a list of `n` sampled segmentations; `sums` is the result of `sum_backward`."""
    cdef Py_ssize_t i, k, arc, position, n_arcs = starts.shape[0], length = sums.shape[0] - 1
    cdef const int64_t[::1] firsts = np.searchsorted(starts, np.arange(length + 1))
    cdef int64_t[::1] arcs = np.empty(length, np.int64)
    cdef Interrupt interrupt = Interrupt()
    cdef list found = []
    cdef uint64_t state
    cdef double remaining
    for i in range(n):
        with nogil:
            state = hash_number(hash_number(seed) ^ <uint64_t>i)
            position = 0
            k = 0
            while position < length:
                remaining = (draw(&state) >> 11) * (1.0 / (1ULL << 53))
                arc = firsts[position]
                remaining -= exp(weights[arc] + sums[ends[arc]] - sums[position])
                while remaining >= 0 and arc + 1 < n_arcs and starts[arc + 1] == position:
                    arc += 1
                    remaining -= exp(weights[arc] + sums[ends[arc]] - sums[position])
                arcs[k] = arc
                k += 1
                position = ends[arc]
        found.append(np.array(arcs[:k]))
        if interrupt.check():
            interrupt.raise_error()
    return found


def ids_of_arcs(UnigramEncoder encoder not None, const uint8_t[::1] text, const int64_t[::1] pieces):
    """Return the ids that encoding writes for a segmentation, given by the pieces of its arcs: uint32[..].

    Raises
    ------
    UnknownCharacterError
        If a character has no id.
    """
    cdef Py_ssize_t i, n, size, length = text.shape[0], first = length - pieces.shape[0]
    cdef uint32_t[::1] out = np.empty(length, np.uint32)
    if length == 0:
        return np.empty(0, np.uint32)
    for i in range(pieces.shape[0]):
        out[first + i] = <uint32_t>pieces[i] if pieces[i] >= 0 else UNKNOWN_ARC | <uint32_t>(-pieces[i])
    n = encoder.write_ids(&text[0], length, pieces.shape[0], &out[0])
    if n <= UNKNOWN:
        i = UNKNOWN - n
        raise UnknownCharacterError(chr(read_code_point(&text[0], i, length, &size)), i, 0)
    return np.asarray(out[:n])
