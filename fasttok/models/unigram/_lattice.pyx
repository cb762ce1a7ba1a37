"""The kernels of a lattice: all pieces that could stand in a text, sums over all segmentations, the best ones.

A piece that could stand somewhere is an arc, from the byte it begins at to the byte behind it. Arcs are sorted by
where they start, then by where they end, but for an unknown character, which comes last of those that start with
it. An arc is known by its piece: the id, or the negative of its bytes if it is an unknown character.

The k best segmentations are found by the recursive enumeration of Jiménez and Marzal (1999): the next best to a
place is the best of what is left of each arc that ends there, and what is left of an arc is the next best to where
it starts, found when it is asked for. Sums are always added from the left, so that what is best here is what
`encode` has, and no rounding changes the order.
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
from fasttok.models.unigram._paths cimport STEPS, UNKNOWN_ARC
from fasttok.models.unigram._viterbi cimport UnigramEncoder
from fasttok.text.unicode._utf8 cimport read_code_point

from fasttok.core.errors import UnknownCharacterError

cdef enum:
    NONE = -1
    NOT_BEGUN = -2  # of a heap: the arcs that do not lead to the best have not been put into it


def list_arcs(UnigramEncoder encoder not None, const uint8_t[::1] text not None):
    """Of every arc in a text its start, its end, its piece and its score."""
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
    """Count the arcs, and write them if there is somewhere to; INTERRUPTED if that is why it ended."""
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
        if steps >= STEPS:
            steps = 0
            if interrupt.check():
                return INTERRUPTED
    return n


def sum_forward(
    const int64_t[::1] starts, const int64_t[::1] ends, const double[::1] weights, Py_ssize_t n
):
    """The logarithm of the sum over all ways from the start to each of n + 1 places; -inf where none leads."""
    cdef double[::1] sums = np.full(n + 1, -np.inf)  # what counts most, until all that lead there are added
    cdef double[::1] parts = np.zeros(n + 1)  # the rest, each divided by what counts most
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
    """The logarithm of the sum over all ways from each place to the end; -inf where no arc starts."""
    cdef double[::1] sums = np.full(n + 1, -np.inf)
    cdef Py_ssize_t i, first, last = starts.shape[0], start
    cdef double most, total
    sums[n] = 0
    with nogil:
        while last:
            start = starts[last - 1]
            first = last
            most = weights[last - 1] + sums[ends[last - 1]]
            while first and starts[first - 1] == start:
                first -= 1
                most = max(most, weights[first] + sums[ends[first]])
            total = 0
            for i in range(first, last):
                total += exp(weights[i] + sums[ends[i]] - most)
            sums[start] = most + log(total)
            last = first
    return np.asarray(sums)


def sum_entropy(
    const int64_t[::1] starts, const int64_t[::1] ends, const double[::1] weights, const double[::1] sums
):
    """The entropy of the ways to the end, from the entropies to the places before it; `sums` are forward.

    No term is negative, so nothing cancels, however long the text is.
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
    int64_t arc  # the last one; NONE at the start of the text
    int64_t before  # the path to where that starts
    int64_t next  # the next best to the same place, once it is known
    int64_t left  # in a leftist heap, as long as better ones are to come
    int64_t right
    int64_t height


@cython.final
cdef class BestPaths:
    """The best ways to every place, as many as were asked for.

    Parameters
    ----------
    starts, ends : int64[a], scores : float64[a]
        The arcs.
    by_end : int64[a]
        The arcs sorted by where they end, then by where they start,
    firsts : int64[n + 2]
        and for each place, the first of those that end there.
    """

    cdef const int64_t[::1] starts
    cdef const int64_t[::1] ends
    cdef const double[::1] scores
    cdef const int64_t[::1] by_end
    cdef const int64_t[::1] firsts
    cdef int64_t[::1] first_path  # to each place: the best one,
    cdef int64_t[::1] last_path  # and the last of those that are known
    cdef int64_t[::1] heaps  # of what may come next
    cdef int64_t[::1] asked  # places, each of which waits for the next
    cdef Path* paths
    cdef Py_ssize_t n_paths
    cdef Py_ssize_t room

    def __cinit__(self, starts, ends, scores, by_end, firsts):
        cdef Py_ssize_t n = len(firsts) - 2
        self.starts = starts
        self.ends = ends
        self.scores = scores
        self.by_end = by_end
        self.firsts = firsts
        self.first_path = np.full(n + 1, NONE)
        self.last_path = np.full(n + 1, NONE)
        self.heaps = np.full(n + 1, NOT_BEGUN)
        self.asked = np.empty(n + 1, np.int64)
        self._find_first(n)

    def __dealloc__(self):
        free(self.paths)

    cdef int64_t _add(self, double score, int64_t arc, int64_t before) except -1 nogil:
        cdef void* moved
        cdef Path* path
        if self.n_paths == self.room:
            moved = realloc(self.paths, (2 * self.room + 64) * sizeof(Path))
            if moved == NULL:
                with gil:
                    raise MemoryError("no memory for the best segmentations")
            self.paths = <Path*>moved
            self.room = 2 * self.room + 64
        path = &self.paths[self.n_paths]
        path.score = score
        path.arc = arc
        path.before = before
        path.next = NONE
        path.left = NONE
        path.right = NONE
        path.height = 1
        self.n_paths += 1
        return self.n_paths - 1

    cdef int _find_first(self, Py_ssize_t n) except -1 nogil:
        """The best path to every place that there is a way to."""
        cdef Py_ssize_t place, i
        cdef int64_t arc, best
        cdef double score, best_score = 0
        self.first_path[0] = self._add(0, NONE, NONE)
        self.heaps[0] = NONE
        for place in range(1, n + 1):
            best = NONE
            for i in range(self.firsts[place], self.firsts[place + 1]):
                arc = self.by_end[i]
                score = self.paths[self.first_path[self.starts[arc]]].score + self.scores[arc]
                if best == NONE or score > best_score:
                    best = arc
                    best_score = score
            if best != NONE:
                self.first_path[place] = self._add(best_score, best, self.first_path[self.starts[best]])
        self.last_path[:] = self.first_path
        return 0

    cdef bint find_next(self, Py_ssize_t place) except -1 nogil:
        """Find one more path to a place; whether there is one."""
        cdef Py_ssize_t n = 0, i
        cdef int64_t arc, path, after = NONE
        # Down to where the path behind the last one is known, or there is none:
        while True:
            if self.heaps[place] == NOT_BEGUN:
                self.heaps[place] = NONE
                for i in range(self.firsts[place], self.firsts[place + 1]):
                    arc = self.by_end[i]
                    if arc != self.paths[self.last_path[place]].arc:
                        self._push(place, arc, self.first_path[self.starts[arc]])
            self.asked[n] = place
            n += 1
            path = self.last_path[place]
            arc = self.paths[path].arc
            if arc == NONE or self.paths[self.paths[path].before].next != NONE:
                break
            place = self.starts[arc]
        # and back, with one more path for each place.
        while n:
            n -= 1
            place = self.asked[n]
            path = self.last_path[place]
            if self.paths[path].arc != NONE:
                after = self.paths[self.paths[path].before].next
                if after != NONE:
                    self._push(place, self.paths[path].arc, after)
            after = self.heaps[place]
            if after != NONE:
                self.heaps[place] = self._merge(self.paths[after].left, self.paths[after].right)
                self.paths[path].next = after
                self.last_path[place] = after
        return after != NONE

    cdef int _push(self, Py_ssize_t place, int64_t arc, int64_t before) except -1 nogil:
        cdef int64_t path = self._add(self.paths[before].score + self.scores[arc], arc, before)
        self.heaps[place] = self._merge(self.heaps[place], path)
        return 0

    cdef int64_t _merge(self, int64_t a, int64_t b) noexcept nogil:
        """Join two heaps; as deep as the logarithm of what they hold."""
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
        """The arcs of a path, from the first to the last."""
        cdef list arcs = []
        while self.paths[path].arc != NONE:
            arcs.append(self.paths[path].arc)
            path = self.paths[path].before
        return np.array(arcs[::-1], np.int64)


def find_best(
    const int64_t[::1] starts, const int64_t[::1] ends, const double[::1] scores, Py_ssize_t n, Py_ssize_t k
):
    """The arcs of the k best ways to place n, or of all if they are fewer."""
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


def sample_arcs(
    const int64_t[::1] starts,
    const int64_t[::1] ends,
    const double[::1] weights,
    const double[::1] sums,
    Py_ssize_t n,
    uint64_t seed,
):
    """The arcs of n ways to the end, drawn by chance; `sums` are backward."""
    cdef Py_ssize_t i, k, arc, place, n_arcs = starts.shape[0], length = sums.shape[0] - 1
    cdef const int64_t[::1] firsts = np.searchsorted(starts, np.arange(length + 1))
    cdef int64_t[::1] arcs = np.empty(length, np.int64)
    cdef Interrupt interrupt = Interrupt()
    cdef list found = []
    cdef uint64_t state
    cdef double left
    for i in range(n):
        with nogil:
            state = hash_number(hash_number(seed) ^ <uint64_t>i)
            place = 0
            k = 0
            while place < length:
                left = (draw(&state) >> 11) * (1.0 / (1ULL << 53))
                arc = firsts[place]
                left -= exp(weights[arc] + sums[ends[arc]] - sums[place])
                while left >= 0 and arc + 1 < n_arcs and starts[arc + 1] == place:
                    arc += 1
                    left -= exp(weights[arc] + sums[ends[arc]] - sums[place])
                arcs[k] = arc
                k += 1
                place = ends[arc]
        found.append(np.array(arcs[:k]))
        if interrupt.check():
            interrupt.raise_error()
    return found


def ids_of_arcs(UnigramEncoder encoder not None, const uint8_t[::1] text, const int64_t[::1] pieces):
    """What a segmentation is written as.

    Raises
    ------
    UnknownCharacterError
        At the first character that has no id.
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
