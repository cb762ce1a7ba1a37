"""Kernel of subword regularization (Kudo 2018): sample segmentations by their probabilities.

The backward pass computes, for each position, the log-sum-exp of all segmentations of the remaining text. The
forward pass then samples one piece after another; the probability of a piece is its share of the sum at its
start. Both passes walk the trie, so that no arcs need to be stored.
"""

cimport cython
from libc.math cimport exp, log
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memmove

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._trie cimport TrieNode, trie_has_value, trie_root, trie_step, trie_value
from fasttok.models._cache cimport PretokenCache
from fasttok.models._sampling_loop cimport SamplingLoop, draw
from fasttok.models._encoder cimport INTERRUPTED, OUT_OF_MEMORY
from fasttok.models.unigram._paths cimport CHECK_INTERVAL, UNKNOWN_ARC
from fasttok.models.unigram._viterbi cimport UnigramEncoder, fuse_unknown
from fasttok.text._spans cimport Spans
from fasttok.text.unicode._utf8 cimport read_code_point


@cython.final
cdef class SamplingEncoder(SamplingLoop):
    """Encoder of pretokens by sampled segmentations.

    Parameters
    ----------
    seed, epoch, documents, starts
        As for `SamplingLoop`.
    encoder : UnigramEncoder
        Encoder of the model.
    alpha : float
        Exponent of the probabilities, as in `Sampling`.
    """

    cdef UnigramEncoder encoder
    cdef double alpha
    cdef double* sums  # buffer for pretokens of fewer than `capacity` bytes
    cdef Py_ssize_t capacity

    def __cinit__(
        self,
        uint64_t seed,
        uint64_t epoch,
        const int64_t[::1] documents,
        const int64_t[::1] starts,
        UnigramEncoder encoder not None,
        double alpha,
    ):
        self.encoder = encoder
        self.alpha = alpha

    def __dealloc__(self):
        free(self.sums)

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
        cdef Py_ssize_t row, n, begin = 0, written = 0
        n = SamplingLoop.encode_rows(self, text, n_text, offsets, n_rows, spans, cache, out, out_offsets)
        if n < 0 or not self.encoder.fuse_unk or self.encoder.unk_id < 0 or self.encoder.has_bytes:
            return n
        for row in range(n_rows):
            n = fuse_unknown(out + begin, out_offsets[row + 1] - begin, self.encoder.unk_id, NULL)
            memmove(out + written, out + begin, n * sizeof(uint32_t))
            written += n
            begin = out_offsets[row + 1]
            out_offsets[row + 1] = written
        return written

    cdef Py_ssize_t sample_pretoken(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, uint64_t state, Interrupt interrupt
    ) noexcept nogil:
        cdef Py_ssize_t n
        if length >= self.capacity:
            free(self.sums)
            self.capacity = 0
            self.sums = <double*>malloc(2 * length * sizeof(double))
            if self.sums == NULL:
                return OUT_OF_MEMORY
            self.capacity = 2 * length
        if not filter_backward(self.encoder, pretoken, length, self.alpha, out, self.sums, interrupt):
            return INTERRUPTED
        n = sample_forward(self.encoder, pretoken, length, self.alpha, out, self.sums, state, interrupt)
        if n < 0:
            return n
        memmove(out + length - n, out, n * sizeof(uint32_t))
        return self.encoder.write_ids(pretoken, length, n, out)


cdef bint filter_backward(
    UnigramEncoder encoder,
    const uint8_t* text,
    Py_ssize_t length,
    double alpha,
    uint32_t* sizes,
    double* sums,
    Interrupt interrupt,
) noexcept nogil:
    """Write the log-sum-exp at the start of every character and at the end; return False if interrupted.

    Also write `sizes` for `sample_forward`: the number of bytes at the start of a character, and 0 inside.
    """
    cdef const uint32_t* units = encoder.pieces.units
    cdef Py_ssize_t start = 0, end, size, i, steps = 0
    cdef TrieNode root = trie_root(units), node
    cdef double largest, total, weight
    cdef bint is_piece
    while start < length:
        read_code_point(text, start, length, &size)
        sizes[start] = size
        for i in range(1, size):
            sizes[start + i] = 0
        start += size
    sums[length] = 0
    for start in range(length - 1, -1, -1):
        if sizes[start] == 0:
            continue
        total = 0  # sum of exp(weight - largest)
        largest = 0
        is_piece = False
        node = root
        end = start
        while end < length and trie_step(units, &node, text[end]):
            end += 1
            if trie_has_value(node):
                weight = alpha * encoder.pieces.scores[trie_value(units, node)] + sums[end]
                add_weight(&largest, &total, weight)
                is_piece |= end - start == sizes[start]
        if not is_piece:
            add_weight(&largest, &total, alpha * encoder.pieces.unk_score + sums[start + sizes[start]])
        sums[start] = largest if total == 1 else largest + log(total)
        steps += end - start + 1
        if steps >= CHECK_INTERVAL:
            steps = 0
            if interrupt.check():
                return False
    return True


cdef inline void add_weight(double* largest, double* total, double weight) noexcept nogil:
    if total[0] == 0:
        largest[0] = weight
        total[0] = 1
    elif weight <= largest[0]:
        total[0] += exp(weight - largest[0])
    else:
        total[0] = total[0] * exp(largest[0] - weight) + 1
        largest[0] = weight


cdef Py_ssize_t sample_forward(
    UnigramEncoder encoder,
    const uint8_t* text,
    Py_ssize_t length,
    double alpha,
    uint32_t* out,
    const double* sums,
    uint64_t state,
    Interrupt interrupt,
) noexcept nogil:
    """Sample a segmentation and write its pieces over the sizes; return their number, or INTERRUPTED.

    The pieces at a position are sorted by length, with an unknown character last. The sampled piece is the first
    one whose cumulative probability exceeds a random number. Writing pieces never overwrites unread sizes,
    because a piece has at least one byte.
    """
    cdef const uint32_t* units = encoder.pieces.units
    cdef Py_ssize_t start = 0, end, size, n = 0, steps = 0, end_taken
    cdef TrieNode root = trie_root(units), node
    cdef double remaining
    cdef uint32_t piece, taken
    cdef bint is_piece
    while start < length:
        size = out[start]
        remaining = (draw(&state) >> 11) * (1.0 / (1ULL << 53))
        taken = UNKNOWN_ARC | <uint32_t>size
        end_taken = start + size
        is_piece = False
        node = root
        end = start
        while end < length and remaining >= 0 and trie_step(units, &node, text[end]):
            end += 1
            if trie_has_value(node):
                piece = trie_value(units, node)
                remaining -= exp(alpha * encoder.pieces.scores[piece] + sums[end] - sums[start])
                # The last piece is the default, because rounded probabilities may sum to less than 1.
                taken = piece
                end_taken = end
                is_piece |= end - start == size
        if not is_piece and remaining >= 0:
            taken = UNKNOWN_ARC | <uint32_t>size
            end_taken = start + size
        out[n] = taken
        n += 1
        steps += end - start + 1
        start = end_taken
        if steps >= CHECK_INTERVAL:
            steps = 0
            if interrupt.check():
                return INTERRUPTED
    return n
