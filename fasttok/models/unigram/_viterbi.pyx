"""The kernel of Unigram encoding: the segmentation of the highest score.

From the start of every character the trie of pieces is walked, and for every end of a piece the best that leads
there is kept: its score, and the id of its last piece. Scores are kept for as many places as the longest piece
has bytes; ids stand where the ids of the pretoken are to be written, which has a place for every byte.
"""

import numpy as np

cimport cython
from libc.math cimport NAN
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc

from fasttok._interrupt cimport Interrupt
from fasttok._trie cimport Trie, TrieNode, trie_has_value, trie_root, trie_step, trie_value
from fasttok.models._cache cimport PretokenCache
from fasttok.models._encoder cimport INTERRUPTED, OUT_OF_MEMORY, UNKNOWN, PretokenEncoder, raise_reason
from fasttok.text._spans cimport Spans
from fasttok.text._utf8 cimport read_code_point

cdef enum:
    FEW = 512  # scores that are kept without asking for memory


cdef class UnigramEncoder(PretokenEncoder):
    """The best segmentation of a pretoken.

    Parameters
    ----------
    trie : Trie
        The pieces that are looked for in text, in UTF-8, and their ids.
    scores : float64[n], lengths : uint32[n]
        Of every id, its score and its bytes.
    unk_score : float
        Of a character that is no piece.
    unk_id : int
        What a run of such characters becomes; -1 where that is an error.
    byte_ids : uint32[256] or None
        What the bytes of such characters become instead.
    """

    def __cinit__(
        self,
        Trie trie not None,
        const double[::1] scores,
        const uint32_t[::1] lengths,
        double unk_score,
        Py_ssize_t unk_id,
        const uint32_t[::1] byte_ids,
    ):
        cdef Py_ssize_t i
        self.trie = trie
        self.units = trie.start
        self.tables = scores, lengths
        self.scores = &scores[0] if scores.shape[0] else NULL
        self.lengths = &lengths[0] if lengths.shape[0] else NULL
        self.unk_score = unk_score
        self.unk_id = unk_id
        self.longest = 4  # a character
        for i in range(lengths.shape[0]):
            self.longest = max(self.longest, <Py_ssize_t>lengths[i])
        self.has_bytes = byte_ids is not None
        if self.has_bytes:
            for i in range(256):
                self.byte_ids[i] = byte_ids[i]

    cdef Py_ssize_t encode_pretoken(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        cdef Py_ssize_t n = self.find_arcs(pretoken, length, out, interrupt)
        return n if n < 0 else self.write_ids(pretoken, length, n, out)

    cdef Py_ssize_t find_arcs(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        """Write the pieces of the best segmentation to the end of `length` places; return how many."""
        return find_best(self, pretoken, length, out, interrupt, False)

    cdef Py_ssize_t write_ids(
        self, const uint8_t* pretoken, Py_ssize_t length, Py_ssize_t n_arcs, uint32_t* out
    ) noexcept nogil:
        """Turn the pieces of a segmentation into ids; return how many, or which byte has none.

        The pieces are the last `n_arcs` of `length` places of `out`. Ids are written from the front on, where
        there is always room: no arc has more ids than bytes.
        """
        cdef Py_ssize_t i, j, position = 0, n = 0
        cdef uint32_t arc
        cdef bint follows_unknown = False
        for i in range(length - n_arcs, length):
            arc = out[i]
            if arc < UNKNOWN_ARC:
                out[n] = arc
                n += 1
                position += self.lengths[arc]
                follows_unknown = False
                continue
            arc &= ~UNKNOWN_ARC
            if self.has_bytes:
                for j in range(arc):
                    out[n + j] = self.byte_ids[pretoken[position + j]]
                n += arc
            elif self.unk_id < 0:
                return UNKNOWN - position
            elif not follows_unknown:
                out[n] = self.unk_id
                n += 1
            position += arc
            follows_unknown = True
        return n

    def measure_tokens(
        self, const uint8_t[::1] text, const int64_t[::1] offsets, int64_t[::1] lengths
    ):
        """Write the bytes that each id of every row stands for; `lengths` has an entry for each."""
        cdef uint32_t[::1] out = np.empty(np.max(np.diff(offsets), initial=0) + 1, np.uint32)
        cdef Py_ssize_t row, length, n_arcs, i, n = 0
        cdef uint32_t arc
        cdef Interrupt interrupt = Interrupt()
        cdef bint follows_unknown
        for row in range(offsets.shape[0] - 1):
            length = offsets[row + 1] - offsets[row]
            if length == 0:
                continue
            with nogil:
                n_arcs = self.find_arcs(&text[offsets[row]], length, &out[0], interrupt)
            if n_arcs < 0:
                raise_reason(n_arcs, interrupt, &text[0], &offsets[0])
            follows_unknown = False
            for i in range(length - n_arcs, length):
                arc = out[i]
                if arc < UNKNOWN_ARC:
                    lengths[n] = self.lengths[arc]
                elif self.has_bytes:
                    arc &= ~UNKNOWN_ARC
                    lengths[n : n + arc] = 1
                    n += arc - 1
                elif follows_unknown:
                    n -= 1
                    lengths[n] += arc & ~UNKNOWN_ARC
                else:
                    lengths[n] = arc & ~UNKNOWN_ARC
                follows_unknown = out[i] >= UNKNOWN_ARC
                n += 1


@cython.final
cdef class RowEncoder(UnigramEncoder):
    """Encodes every row of text whole, as sentencepiece does, in its arithmetic.

    It adds in single precision, which over a long row is another best segmentation now and then.
    """

    cdef Py_ssize_t find_arcs(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        return find_best(self, pretoken, length, out, interrupt, True)

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
        cdef Py_ssize_t row, n, written = 0
        for row in range(n_rows):
            if offsets[row] < offsets[row + 1]:
                n = self.encode_pretoken(
                    text + offsets[row], offsets[row + 1] - offsets[row], out + written, cache.interrupt
                )
                if n < 0:
                    return n - offsets[row] if n <= UNKNOWN else n
                written += n
            out_offsets[row + 1] = written
        return written


cdef inline Py_ssize_t find_best(
    UnigramEncoder encoder,
    const uint8_t* text,
    Py_ssize_t length,
    uint32_t* out,
    Interrupt interrupt,
    bint is_single,
) noexcept nogil:
    """As `find_arcs`; `is_single` is known where this is compiled into its caller."""
    cdef double few[FEW]
    cdef double* best = few  # by place modulo its size; NaN where nothing leads to yet
    cdef Py_ssize_t n_best = FEW, i, start = 0, end, size, steps = 0, n_arcs = 0
    cdef const uint32_t* units = encoder.units
    cdef const double* scores = encoder.scores
    cdef TrieNode root = trie_root(units), node
    cdef uint32_t piece
    cdef double here, score
    cdef bint is_piece
    if length >= FEW and encoder.longest >= FEW:
        while n_best <= min(length, encoder.longest):
            n_best *= 2
        best = <double*>malloc(n_best * sizeof(double))
        if best == NULL:
            return OUT_OF_MEMORY
    for i in range(min(n_best, length + 1)):
        best[i] = NAN
    best[0] = 0
    while start < length:
        here = best[start & n_best - 1]
        best[start & n_best - 1] = NAN
        size = length_of_character(text[start])
        is_piece = False
        node = root
        end = start
        while end < length and trie_step(units, &node, text[end]):
            end += 1
            if trie_has_value(node):
                piece = trie_value(units, node)
                score = here + scores[piece]
                if is_single:
                    score = <float>score
                if not score <= best[end & n_best - 1]:
                    best[end & n_best - 1] = <float>score if is_single else score
                    out[end - 1] = piece
                is_piece |= end - start == size
        steps += end - start + 1
        if not is_piece:
            # The trie holds whole characters: as far as it was walked, bytes are UTF-8.
            if end - start < size:
                read_code_point(text, start, length, &size)
            score = here + encoder.unk_score
            if is_single:
                score = <float>score
            end = start + size
            if not score <= best[end & n_best - 1]:
                best[end & n_best - 1] = score
                out[end - 1] = UNKNOWN_ARC | <uint32_t>size
        start += size
        if steps >= STEPS:
            steps = 0
            if interrupt.check():
                start = -1
                break
    if best != few:
        free(best)
    if start < 0:
        return INTERRUPTED
    # From the end to the front; what is read stands before what is written, as a piece has a byte at least.
    end = length
    while end:
        piece = out[end - 1]
        n_arcs += 1
        out[length - n_arcs] = piece
        end -= encoder.lengths[piece] if piece < UNKNOWN_ARC else piece & ~UNKNOWN_ARC
    return n_arcs
