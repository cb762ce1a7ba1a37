"""The kernel of Unigram encoding: the segmentation of the highest score.

From the start of every character the trie of pieces is walked, and for every end of a piece the best that leads
there is kept: its score, and the id of its last piece. Scores are kept for as many places as the longest piece
has bytes; ids stand where the ids of the pretoken are to be written, which has a place for every byte.
"""

import numpy as np

cimport cython
from libc.math cimport INFINITY
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._trie cimport Trie
from fasttok.models._cache cimport PretokenCache
from fasttok.models._encoder cimport (
    NOT_TO_KEEP,
    OUT_OF_MEMORY,
    UNKNOWN,
    PretokenEncoder,
    known_length,
    write_places,
)
from fasttok.models.unigram._paths cimport FEW, MOST, UNKNOWN_ARC, find_best
from fasttok.text._spans cimport Spans

cdef enum:
    SHORT = 4192  # bytes of a row in which near ties are settled


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
    settles_ties, fuse_unk : bool
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
        bint fuse_unk=False,
        bint is_of_parts=False,
    ):
        cdef Py_ssize_t i
        cdef double[::1] costs
        self.trie = trie
        self.pieces.units = trie.start
        self.pieces.scores = &scores[0] if scores.shape[0] else NULL
        self.pieces.lengths = &lengths[0] if lengths.shape[0] else NULL
        self.pieces.unk_score = unk_score
        self.unk_id = unk_id
        self.pieces.longest = 4  # a character
        for i in range(lengths.shape[0]):
            self.pieces.longest = max(self.pieces.longest, <Py_ssize_t>lengths[i])
        self.has_bytes = byte_ids is not None
        self.settles_ties = settles_ties
        self.fuse_unk = fuse_unk
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
            n = find_best(&self.pieces, pretoken, length, out, interrupt, False, True, &margin)
        else:
            n = self.find_arcs(pretoken, length, out, interrupt)
        if n >= 0:
            n = self.write_ids(pretoken, length, n, out)
        return n if n < 0 or margin > 0 else NOT_TO_KEEP + n

    cdef Py_ssize_t find_arcs(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        """Write the pieces of the best segmentation to the end of `length` places; return how many."""
        return find_best(&self.pieces, pretoken, length, out, interrupt, False, False, NULL)

    cdef Py_ssize_t encode_row(
        self,
        const uint8_t* text,
        Py_ssize_t n_text,
        Py_ssize_t begin,
        Py_ssize_t end,
        Spans spans,
        PretokenCache cache,
        uint32_t* out,
        int64_t* places,
    ) noexcept nogil:
        """As all models do, but for two things that are as in sentencepiece.

        A run of unknown tokens is one, also across pretokens. And in short rows it is settled what a near tie
        becomes. sentencepiece adds up scores from the start of a text on in single precision; of segmentations
        that are as good as each other, or nearly so, rounding makes one the best. So that depends on what stands
        before, and pretokens with such segmentations are never kept in the cache.
        """
        cdef Py_ssize_t n
        if self.fuse_unk and end - begin <= self.n_short:
            n = self._encode_short(text, n_text, begin, end, spans, cache, out, places)
        else:
            n = PretokenEncoder.encode_row(self, text, n_text, begin, end, spans, cache, out, places)
        if n > 0 and self.fuse_unk and self.unk_id >= 0 and not self.has_bytes:
            n = join_runs(out, n, self.unk_id, places)
        return n

    cdef Py_ssize_t _encode_short(
        self,
        const uint8_t* text,
        Py_ssize_t n_text,
        Py_ssize_t begin,
        Py_ssize_t end,
        Spans spans,
        PretokenCache cache,
        uint32_t* out,
        int64_t* places,
    ) noexcept nogil:
        """Encode a row of at most SHORT bytes; once more, in sentencepiece's arithmetic, if that may matter.

        `places` is for the spans of the ids, if it is not NULL.
        """
        cdef int64_t starts[SHORT + 1]
        cdef int64_t ends[SHORT + 1]
        cdef Py_ssize_t position = begin, n_spans = 0, n, n_not_kept = cache.n_not_kept
        while position < end:
            n_spans += spans.next(
                text, begin, end, &position, starts + n_spans, ends + n_spans, SHORT + 1 - n_spans
            )
        if places == NULL:
            n = self._encode_spans(text, n_text, starts, ends, n_spans, cache, out)
        else:
            n = self.locate_spans(text, n_text, starts, ends, n_spans, cache, out, places)
        if n < 0 or (cache.n_not_kept == n_not_kept and self._is_small(end - begin, n, out)):
            return n
        return self._encode_in_a_row(text, starts, ends, n_spans, out, places, cache.interrupt)

    cdef bint _is_small(self, Py_ssize_t length, Py_ssize_t n, const uint32_t* ids) noexcept nogil:
        """Whether the score of a row of so many bytes is surely not beyond MOST."""
        cdef double total = 0
        cdef Py_ssize_t i
        if length * self.most_a_byte <= MOST:
            return True
        for i in range(n):
            if ids[i] != self.unk_id:
                total += self.costs[ids[i]]
                length -= self.pieces.lengths[ids[i]]
        # What is left is unknown characters, with a byte at least.
        return total + max(length, 0) * self.most_a_byte <= MOST

    cdef Py_ssize_t _encode_in_a_row(
        self,
        const uint8_t* text,
        const int64_t* starts,
        const int64_t* ends,
        Py_ssize_t n,
        uint32_t* out,
        int64_t* places,
        Interrupt interrupt,
    ) noexcept nogil:
        """Encode the pretokens of a row one after the other, in sentencepiece's arithmetic; return how many ids."""
        cdef double score = 0
        cdef Py_ssize_t i, n_arcs, n_ids, length, written = 0
        for i in range(n):
            length = ends[i] - starts[i]
            n_arcs = find_best(&self.pieces, text + starts[i], length, out + written, interrupt, True, False, &score)
            if n_arcs < 0:
                return n_arcs
            n_ids = self.write_located(
                text, starts[i], length, n_arcs, out + written, NULL if places == NULL else places + 2 * written
            )
            if n_ids < 0:
                return n_ids
            written += n_ids
        return written

    cdef Py_ssize_t measure_pretoken(
        self,
        const uint8_t* pretoken,
        Py_ssize_t length,
        const uint32_t* ids,
        Py_ssize_t n,
        int64_t* lengths,
        Interrupt interrupt,
    ) noexcept nogil:
        """From the ids, where they say it; the pretoken is segmented again where they do not.

        They do not where there are several runs of unknown characters, unless each is a byte.
        """
        cdef Py_ssize_t i, left = length, n_open = 0, n_arcs
        cdef uint32_t few[FEW]
        cdef uint32_t* arcs = few
        for i in range(n):
            lengths[i] = known_length(self, ids[i])
            left -= lengths[i]
            n_open += lengths[i] == 0
        if n_open == 1 or n_open == left:
            for i in range(n):
                if lengths[i] == 0:
                    lengths[i] = left // n_open
            return 0
        if length > FEW:
            arcs = <uint32_t*>malloc(length * sizeof(uint32_t))
            if arcs == NULL:
                return OUT_OF_MEMORY
        n_arcs = self.find_arcs(pretoken, length, arcs, interrupt)
        if n_arcs >= 0:
            self.measure_arcs(arcs + length - n_arcs, n_arcs, lengths)
        if arcs != few:
            free(arcs)
        return min(n_arcs, <Py_ssize_t>0)

    cdef void measure_arcs(self, const uint32_t* arcs, Py_ssize_t n_arcs, int64_t* lengths) noexcept nogil:
        """Write how many bytes each of the ids is for that `write_ids` makes of the pieces of a segmentation."""
        cdef Py_ssize_t i, j, size, n = 0
        cdef bint follows_unknown = False
        for i in range(n_arcs):
            if arcs[i] < UNKNOWN_ARC:
                lengths[n] = self.pieces.lengths[arcs[i]]
                n += 1
                follows_unknown = False
                continue
            size = arcs[i] & ~UNKNOWN_ARC
            if self.has_bytes:
                for j in range(size):
                    lengths[n + j] = 1
                n += size
            elif follows_unknown:
                lengths[n - 1] += size
            else:
                lengths[n] = size
                n += 1
            follows_unknown = True

    cdef Py_ssize_t write_located(
        self,
        const uint8_t* text,
        Py_ssize_t begin,
        Py_ssize_t length,
        Py_ssize_t n_arcs,
        uint32_t* out,
        int64_t* places,
    ) noexcept nogil:
        """As `write_ids` for what begins at `begin`, a byte without an id counted in `text`; and the spans of the ids."""
        cdef Py_ssize_t n
        if places != NULL:
            # Ids are no more than bytes, so that the lengths do not stand in the way of the spans.
            self.measure_arcs(out + length - n_arcs, n_arcs, places + length)
        n = self.write_ids(text + begin, length, n_arcs, out)
        if n < 0:
            return n - begin
        if places != NULL:
            write_places(places, places + length, n, begin)
        return n

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
                position += self.pieces.lengths[arc]
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
        return find_best(&self.pieces, pretoken, length, out, interrupt, True, False, &score)

    cdef Py_ssize_t encode_row(
        self,
        const uint8_t* text,
        Py_ssize_t n_text,
        Py_ssize_t begin,
        Py_ssize_t end,
        Spans spans,
        PretokenCache cache,
        uint32_t* out,
        int64_t* places,
    ) noexcept nogil:
        cdef Py_ssize_t n_arcs = self.find_arcs(text + begin, end - begin, out, cache.interrupt)
        return n_arcs if n_arcs < 0 else self.write_located(text, begin, end - begin, n_arcs, out, places)


cdef Py_ssize_t join_runs(uint32_t* ids, Py_ssize_t n, uint32_t unk_id, int64_t* places) noexcept nogil:
    """Leave one of each run of unknown tokens; return how many ids are left.

    `places` is NULL, or has the spans of the ids: then what is left has that of the run.
    """
    cdef Py_ssize_t i, left = 0
    for i in range(n):
        if ids[i] == unk_id and left and ids[left - 1] == unk_id:
            if places != NULL:
                places[2 * left - 1] = places[2 * i + 1]
            continue
        ids[left] = ids[i]
        if places != NULL:
            places[2 * left] = places[2 * i]
            places[2 * left + 1] = places[2 * i + 1]
        left += 1
    return left
