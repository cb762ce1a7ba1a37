"""The kernel of Unigram encoding: the segmentation of the highest score.

From the start of every character the trie of pieces is walked, and for every end of a piece the best that leads
there is kept: its score, and the id of its last piece. Scores are kept for as many places as the longest piece
has bytes; ids stand where the ids of the pretoken are to be written, which has a place for every byte.
"""

import numpy as np

cimport cython
from libc.math cimport INFINITY, NAN
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._trie cimport Trie, TrieNode, trie_has_value, trie_root, trie_step, trie_value
from fasttok.models._cache cimport PretokenCache
from fasttok.models._encoder cimport (
    INTERRUPTED,
    NOT_TO_KEEP,
    OUT_OF_MEMORY,
    UNKNOWN,
    PretokenEncoder,
    raise_reason,
)
from fasttok.text._spans cimport Spans
from fasttok.text.unicode._utf8 cimport read_code_point

cdef enum:
    FEW = 512  # scores that are kept without asking for memory
    SHORT = 4192  # bytes of a row in which near ties are settled

cdef double MOST = 8192  # what the score of a row may come to, so that every sum in single precision
cdef double OFF = 2.0**-12  # is rounded by this at most
cdef double FAR = -100_000  # where sums in single precision begin anew, as sentencepiece's do


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
    settles_ties, joins_unknown : bool
        Whether near ties in short rows are settled, and whether runs of unknown tokens are one, as in
        sentencepiece.
    is_of_parts : bool
        Whether rows are parts of documents; then none is short.
    """

    def __cinit__(
        self,
        Trie trie not None,
        const double[::1] scores,
        const uint32_t[::1] lengths,
        double unk_score,
        Py_ssize_t unk_id,
        const uint32_t[::1] byte_ids,
        bint settles_ties=False,
        bint joins_unknown=False,
        bint is_of_parts=False,
    ):
        cdef Py_ssize_t i
        cdef double[::1] costs
        self.trie = trie
        self.units = trie.start
        self.scores = &scores[0] if scores.shape[0] else NULL
        self.lengths = &lengths[0] if lengths.shape[0] else NULL
        self.unk_score = unk_score
        self.unk_id = unk_id
        self.longest = 4  # a character
        for i in range(lengths.shape[0]):
            self.longest = max(self.longest, <Py_ssize_t>lengths[i])
        self.has_bytes = byte_ids is not None
        self.settles_ties = settles_ties
        self.joins_unknown = joins_unknown
        self.n_short = SHORT if settles_ties and not is_of_parts else -1
        costs = np.abs(scores)
        self.most_a_byte = max(np.max(costs, initial=0), abs(unk_score))
        if self.has_bytes:
            for i in range(256):
                self.byte_ids[i] = byte_ids[i]
                costs[byte_ids[i]] = abs(unk_score)
        self.tables = scores, lengths, costs
        self.costs = &costs[0] if costs.shape[0] else NULL

    cdef Py_ssize_t encode_pretoken(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        cdef double margin = INFINITY
        cdef Py_ssize_t n
        if self.settles_ties:
            n = find_best(self, pretoken, length, out, interrupt, False, True, &margin)
        else:
            n = self.find_arcs(pretoken, length, out, interrupt)
        if n >= 0:
            n = self.write_ids(pretoken, length, n, out)
        return n if n < 0 or margin > 0 else NOT_TO_KEEP + n

    cdef Py_ssize_t find_arcs(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        """Write the pieces of the best segmentation to the end of `length` places; return how many."""
        return find_best(self, pretoken, length, out, interrupt, False, False, NULL)

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
        """As all models do, but for two things that are as in sentencepiece.

        A run of unknown tokens is one, also across pretokens. And in short rows it is settled what a near tie
        becomes. sentencepiece adds up scores from the start of a text on in single precision; of segmentations
        that are as good as each other, or nearly so, rounding makes one the best. So that depends on what stands
        before, and pretokens with such segmentations are never kept in the cache.
        """
        cdef int64_t bounds[2]
        cdef Py_ssize_t row, n, written = 0
        if not self.joins_unknown:
            return PretokenEncoder.encode_rows(
                self, text, n_text, offsets, n_rows, spans, cache, out, out_offsets
            )
        for row in range(n_rows):
            if offsets[row + 1] - offsets[row] <= self.n_short:
                n = self._encode_short(text, n_text, offsets[row], offsets[row + 1], spans, cache, out + written)
            else:
                n = PretokenEncoder.encode_rows(
                    self, text, n_text, offsets + row, 1, spans, cache, out + written, bounds
                )
            if n < 0:
                return n
            if self.unk_id >= 0 and not self.has_bytes:
                n = join_runs(out + written, n, self.unk_id)
            written += n
            out_offsets[row + 1] = written
        return written

    cdef Py_ssize_t _encode_short(
        self,
        const uint8_t* text,
        Py_ssize_t n_text,
        Py_ssize_t begin,
        Py_ssize_t end,
        Spans spans,
        PretokenCache cache,
        uint32_t* out,
    ) noexcept nogil:
        """Encode a row of at most SHORT bytes; once more, in sentencepiece's arithmetic, if that may matter."""
        cdef int64_t starts[SHORT + 1]
        cdef int64_t ends[SHORT + 1]
        cdef Py_ssize_t position = begin, n_spans = 0, n, n_not_kept = cache.n_not_kept
        while position < end:
            n_spans += spans.next(
                text, begin, end, &position, starts + n_spans, ends + n_spans, SHORT + 1 - n_spans
            )
        n = self._encode_spans(text, n_text, starts, ends, n_spans, cache, out)
        if n < 0 or (cache.n_not_kept == n_not_kept and self._is_small(end - begin, n, out)):
            return n
        return self._encode_in_a_row(text, starts, ends, n_spans, out, cache.interrupt)

    cdef bint _is_small(self, Py_ssize_t length, Py_ssize_t n, const uint32_t* ids) noexcept nogil:
        """Whether the score of a row of so many bytes is surely not beyond MOST."""
        cdef double total = 0
        cdef Py_ssize_t i
        if length * self.most_a_byte <= MOST:
            return True
        for i in range(n):
            if ids[i] != self.unk_id:
                total += self.costs[ids[i]]
                length -= self.lengths[ids[i]]
        # What is left is unknown characters, with a byte at least.
        return total + max(length, 0) * self.most_a_byte <= MOST

    cdef Py_ssize_t _encode_in_a_row(
        self,
        const uint8_t* text,
        const int64_t* starts,
        const int64_t* ends,
        Py_ssize_t n,
        uint32_t* out,
        Interrupt interrupt,
    ) noexcept nogil:
        """Encode the pretokens of a row one after the other, in sentencepiece's arithmetic; return how many ids."""
        cdef double score = 0
        cdef Py_ssize_t i, n_arcs, n_ids, length, written = 0
        for i in range(n):
            length = ends[i] - starts[i]
            n_arcs = find_best(self, text + starts[i], length, out + written, interrupt, True, False, &score)
            if n_arcs < 0:
                return n_arcs
            n_ids = self.write_ids(text + starts[i], length, n_arcs, out + written)
            if n_ids < 0:
                return n_ids - starts[i]
            written += n_ids
        return written

    def measure_tokens(
        self,
        const uint8_t[::1] text,
        const int64_t[::1] pretokens,
        Py_ssize_t n_bytes,
        int64_t[::1] lengths,
    ):
        """Write how many bytes each id stands for that the pretokens of a row of `n_bytes` become."""
        cdef uint32_t[::1] out = np.empty(np.max(np.diff(pretokens), initial=0) + 1, np.uint32)
        cdef Py_ssize_t k, length, n_arcs, i, n = 0
        cdef uint32_t arc
        cdef Interrupt interrupt = Interrupt()
        cdef double score = 0
        cdef bint is_single = isinstance(self, RowEncoder) or n_bytes <= self.n_short, follows_unknown = False
        for k in range(pretokens.shape[0] - 1):
            length = pretokens[k + 1] - pretokens[k]
            if length == 0:
                continue
            with nogil:
                if is_single:
                    n_arcs = find_best(self, &text[pretokens[k]], length, &out[0], interrupt, True, False, &score)
                else:
                    n_arcs = find_best(self, &text[pretokens[k]], length, &out[0], interrupt, False, False, NULL)
            if n_arcs < 0:
                raise_reason(n_arcs, interrupt, &text[0], &pretokens[0])
            follows_unknown &= self.joins_unknown
            for i in range(length - n_arcs, length):
                arc = out[i]
                if arc < UNKNOWN_ARC:
                    lengths[n] = self.lengths[arc]
                    n += 1
                elif self.has_bytes:
                    arc &= ~UNKNOWN_ARC
                    lengths[n : n + arc] = 1
                    n += arc
                elif follows_unknown:
                    lengths[n - 1] += arc & ~UNKNOWN_ARC
                else:
                    lengths[n] = arc & ~UNKNOWN_ARC
                    n += 1
                follows_unknown = out[i] >= UNKNOWN_ARC

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


@cython.final
cdef class RowEncoder(UnigramEncoder):
    """Encodes every row of text whole, as sentencepiece does, in its arithmetic.

    It adds in single precision, which over a long row is another best segmentation now and then.
    """

    cdef Py_ssize_t find_arcs(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        cdef double score = 0
        return find_best(self, pretoken, length, out, interrupt, True, False, &score)

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


cdef Py_ssize_t join_runs(uint32_t* ids, Py_ssize_t n, uint32_t unk_id) noexcept nogil:
    """Leave one of each run of unknown tokens; return how many ids are left."""
    cdef Py_ssize_t i, left = 0
    for i in range(n):
        if ids[i] != unk_id or left == 0 or ids[left - 1] != unk_id:
            ids[left] = ids[i]
            left += 1
    return left


cdef inline Py_ssize_t find_best(
    UnigramEncoder encoder,
    const uint8_t* text,
    Py_ssize_t length,
    uint32_t* out,
    Interrupt interrupt,
    bint is_single,
    bint finds_gap,
    double* number,
) noexcept nogil:
    """As `find_arcs`; `is_single` and `finds_gap` are known where this is compiled into its caller.

    With `is_single` sums are in single precision, and `number` is what they begin with and then end with. With
    `finds_gap` it is set to how much better the segmentation is than the next best, less what rounding could do
    to both; something below 0 if that is not known.
    """
    cdef double few[FEW]
    cdef double few_gaps[FEW]  # between the best that leads to a place and the next best
    cdef double* best = few  # by place modulo its size; NaN where nothing leads to yet
    cdef Py_ssize_t n_best = FEW, i, start = 0, end, size, steps = 0, n_arcs = 0, n_characters = 0
    cdef const uint32_t* units = encoder.units
    cdef const double* scores = encoder.scores
    cdef TrieNode root = trie_root(units), node
    cdef uint32_t piece
    cdef double here, score, gap
    cdef bint is_piece
    if length >= FEW and encoder.longest >= FEW:
        while n_best <= min(length, encoder.longest):
            n_best *= 2
        best = <double*>malloc(n_best * sizeof(double))
        if best == NULL:
            return OUT_OF_MEMORY
    for i in range(min(n_best, length + 1)):
        best[i] = NAN
    best[0] = number[0] if is_single else 0
    while start < length:
        here = best[start & n_best - 1]
        best[start & n_best - 1] = NAN
        if is_single and here < FAR:
            for i in range(start + 1, min(start + encoder.longest, length) + 1):
                best[i & n_best - 1] = <float>(best[i & n_best - 1] - here)
            here = 0
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
                    score = <float>(<float>here + <float>scores[piece])
                if finds_gap:
                    note_gap(few_gaps, best, end, n_best - 1, score)
                if not score <= best[end & n_best - 1]:
                    best[end & n_best - 1] = score
                    out[end - 1] = piece
                is_piece |= end - start == size
        steps += end - start + 1
        if not is_piece:
            # The trie holds whole characters: as far as it was walked, bytes are UTF-8.
            if end - start < size:
                read_code_point(text, start, length, &size)
            score = here + encoder.unk_score
            if is_single:
                score = <float>(<float>here + <float>encoder.unk_score)
            end = start + size
            if finds_gap:
                note_gap(few_gaps, best, end, n_best - 1, score)
            if not score <= best[end & n_best - 1]:
                best[end & n_best - 1] = score
                out[end - 1] = UNKNOWN_ARC | <uint32_t>size
        start += size
        n_characters += 1
        if steps >= STEPS:
            steps = 0
            if interrupt.check():
                start = -1
                break
    if is_single and start >= 0:
        number[0] = best[length & n_best - 1]
    if best != few:
        free(best)
    if start < 0:
        return INTERRUPTED
    # From the end to the front; what is read stands before what is written, as a piece has a byte at least.
    end = length
    gap = INFINITY if length < FEW else 0  # of a long pretoken, those at the front are not kept
    while end:
        if finds_gap:
            gap = min(gap, few_gaps[end & FEW - 1])
        piece = out[end - 1]
        n_arcs += 1
        out[length - n_arcs] = piece
        end -= encoder.lengths[piece] if piece < UNKNOWN_ARC else piece & ~UNKNOWN_ARC
    if finds_gap:
        number[0] = gap - OFF * (n_arcs + n_characters)
    return n_arcs


cdef inline void note_gap(
    double* gaps, const double* best, Py_ssize_t end, Py_ssize_t mask, double score
) noexcept nogil:
    """Take down how far what leads to a place is from the best that did so far, or that from it."""
    cdef double known = best[end & mask]
    if known != known:  # nothing did
        gaps[end & FEW - 1] = INFINITY
    elif score > known:
        gaps[end & FEW - 1] = score - known
    else:
        gaps[end & FEW - 1] = min(gaps[end & FEW - 1], known - score)
