"""Kernel of Unigram encoding: find the segmentation with the highest score (Viterbi).

The kernel walks the trie of pieces from the start of every character. For every end of a piece it keeps the
score and the last piece of the best path to that position. Scores are in a ring buffer as long as the longest
piece. Last pieces are in the output buffer of the ids, which has one entry per byte of the pretoken.
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
    DO_NOT_CACHE,
    OUT_OF_MEMORY,
    UNKNOWN,
    PretokenEncoder,
    known_length,
    write_places,
)
from fasttok.models._pieces cimport NOTHING, PieceTable
from fasttok.models._zeros cimport may_have_zeros, replace_zeros
from fasttok.models.unigram._paths cimport MAX_ROUNDING, MAX_ROW_SCORE, STACK_SIZE, UNKNOWN_ARC, find_best
from fasttok.text._spans cimport Spans

cdef enum:
    SHORT = 4192  # maximum length of a row in which near ties are resolved, in bytes
    ZERO_LABEL = 0x80  # in the trie of a `NamedEncoder`: the byte for U+0000, as long as a character

ZERO = bytes([ZERO_LABEL])


cdef class UnigramEncoder(PretokenEncoder):
    """Encoder of pretokens by their best segmentation.

    Parameters
    ----------
    trie : Trie
        Pieces that can match text, in UTF-8, with their ids.
    scores : float64[n], lengths : uint32[n]
        Score and number of bytes of each id.
    unk_score : float
        Score of a character that is not a piece (an unknown character).
    unk_id : int
        Id of a run of unknown characters; -1 if they are an error.
    byte_ids : uint32[256] or None
        Ids that encode the bytes of unknown characters instead. Only `NamedEncoder` allows NOTHING for a byte.
    resolves_ties : bool
        Whether near ties in short rows are resolved as in sentencepiece (see `encode_row`).
    fuse_unk : bool
        Whether runs of unknown tokens are fused across pretokens, as in sentencepiece.
    encodes_parts : bool
        Whether rows may be parts of documents. Near ties are then not resolved.
    """

    def __cinit__(
        self,
        Trie trie not None,
        const double[::1] scores,
        const uint32_t[::1] lengths,
        double unk_score,
        Py_ssize_t unk_id,
        const uint32_t[::1] byte_ids,
        bint resolves_ties=False,
        bint fuse_unk=False,
        bint encodes_parts=False,
    ):
        cdef Py_ssize_t i
        cdef double[::1] abs_scores
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
        self.resolves_ties = resolves_ties
        self.fuse_unk = fuse_unk
        self.max_short = SHORT if resolves_ties and not encodes_parts else -1
        abs_scores = np.abs(scores)
        self.max_per_byte = max(np.max(abs_scores, initial=0), abs(unk_score))
        if self.has_bytes:
            for i in range(256):
                self.byte_ids[i] = byte_ids[i]
                if byte_ids[i] != NOTHING:
                    abs_scores[byte_ids[i]] = abs(unk_score)
        self.tables = scores, lengths, abs_scores
        self.abs_scores = &abs_scores[0] if abs_scores.shape[0] else NULL

    cdef Py_ssize_t encode_pretoken(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        cdef double margin = INFINITY
        cdef Py_ssize_t n
        if self.resolves_ties:
            n = find_best(&self.pieces, pretoken, length, out, interrupt, False, True, MAX_ROUNDING, &margin)
        else:
            n = self.find_arcs(pretoken, length, out, interrupt)
        if n >= 0:
            n = self.write_ids(pretoken, length, n, out)
        return n if n < 0 or margin > 0 else DO_NOT_CACHE + n

    cdef Py_ssize_t find_arcs(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        """Write the best segmentation's pieces to the last entries of out[:length]; return their number."""
        return find_best(&self.pieces, pretoken, length, out, interrupt, False, False, 0, NULL)

    cdef Py_ssize_t encode_row(
        self,
        const uint8_t* text,
        Py_ssize_t n_text,
        Py_ssize_t begin,
        Py_ssize_t end,
        Spans spans,
        PretokenCache cache,
        uint32_t* out,
        int64_t* id_spans,
    ) noexcept nogil:
        """Encode a row as other models do, with two differences that follow sentencepiece.

        Runs of unknown tokens are fused, even across pretokens. Near ties are resolved in short rows:
        sentencepiece sums scores in single precision from the start of the text, so rounding decides between
        segmentations with (nearly) equal scores. The result depends on the text before the pretoken, and
        therefore pretokens with near ties are not cached.
        """
        cdef Py_ssize_t n
        if self.fuse_unk and end - begin <= self.max_short:
            n = self._encode_short(text, n_text, begin, end, spans, cache, out, id_spans)
        else:
            n = PretokenEncoder.encode_row(self, text, n_text, begin, end, spans, cache, out, id_spans)
        if n > 0 and self.fuse_unk and self.unk_id >= 0 and not self.has_bytes:
            n = fuse_unknown(out, n, self.unk_id, id_spans)
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
        int64_t* id_spans,
    ) noexcept nogil:
        """Encode a row of at most SHORT bytes, and again in single precision if rounding may matter.

        The spans of the ids are written to `id_spans` unless it is NULL.
        """
        cdef int64_t starts[SHORT + 1]
        cdef int64_t ends[SHORT + 1]
        cdef Py_ssize_t position = begin, n_spans = 0, n, n_not_cached = cache.n_not_cached
        while position < end:
            n_spans += spans.next(
                text, begin, end, &position, starts + n_spans, ends + n_spans, SHORT + 1 - n_spans
            )
        if id_spans == NULL:
            n = self._encode_spans(text, n_text, starts, ends, n_spans, cache, out)
        else:
            n = self.locate_spans(text, n_text, starts, ends, n_spans, cache, out, id_spans)
        if n < 0 or (cache.n_not_cached == n_not_cached and self._has_small_score(end - begin, n, out)):
            return n
        return self._encode_in_float32(text, starts, ends, n_spans, out, id_spans, cache.interrupt)

    cdef bint _has_small_score(self, Py_ssize_t length, Py_ssize_t n, const uint32_t* ids) noexcept nogil:
        """Return whether the absolute score of a row of `length` bytes is certainly at most MAX_ROW_SCORE."""
        cdef double total = 0
        cdef Py_ssize_t i
        if length * self.max_per_byte <= MAX_ROW_SCORE:
            return True
        for i in range(n):
            if ids[i] != self.unk_id:
                total += self.abs_scores[ids[i]]
                length -= self.pieces.lengths[ids[i]]
        # The remaining bytes are unknown characters of at least one byte each.
        return total + max(length, 0) * self.max_per_byte <= MAX_ROW_SCORE

    cdef Py_ssize_t _encode_in_float32(
        self,
        const uint8_t* text,
        const int64_t* starts,
        const int64_t* ends,
        Py_ssize_t n,
        uint32_t* out,
        int64_t* id_spans,
        Interrupt interrupt,
    ) noexcept nogil:
        """Encode the pretokens of a row with one running float32 sum; return the number of ids."""
        cdef double score = 0
        cdef Py_ssize_t i, n_arcs, n_ids, length, written = 0
        for i in range(n):
            length = ends[i] - starts[i]
            n_arcs = find_best(
                &self.pieces, text + starts[i], length, out + written, interrupt, True, False, 0, &score
            )
            if n_arcs < 0:
                return n_arcs
            n_ids = self.write_located(
                text, starts[i], length, n_arcs, out + written, NULL if id_spans == NULL else id_spans + 2 * written
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
        """Write the length of the text of each id, in bytes.

        The length of an id is known, except for unknown tokens. The pretoken is segmented again if it has
        several unknown tokens and some are longer than a byte.
        """
        cdef Py_ssize_t i, left = length, n_unmeasured = 0, n_arcs
        cdef uint32_t stack_arcs[STACK_SIZE]
        cdef uint32_t* arcs = stack_arcs
        for i in range(n):
            lengths[i] = known_length(self, ids[i])
            left -= lengths[i]
            n_unmeasured += lengths[i] == 0
        if n_unmeasured == 1 or n_unmeasured == left:
            for i in range(n):
                if lengths[i] == 0:
                    lengths[i] = left // n_unmeasured
            return 0
        if length > STACK_SIZE:
            arcs = <uint32_t*>malloc(length * sizeof(uint32_t))
            if arcs == NULL:
                return OUT_OF_MEMORY
        n_arcs = self.find_arcs(pretoken, length, arcs, interrupt)
        if n_arcs >= 0:
            self.measure_arcs(arcs + length - n_arcs, n_arcs, lengths)
        if arcs != stack_arcs:
            free(arcs)
        return min(n_arcs, <Py_ssize_t>0)

    cdef void measure_arcs(self, const uint32_t* arcs, Py_ssize_t n_arcs, int64_t* lengths) noexcept nogil:
        """Write the length in bytes of each id that `write_ids` makes of the given arcs."""
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
        int64_t* id_spans,
    ) noexcept nogil:
        """Call `write_ids` for the pretoken at `begin`, and write the spans of the ids.

        No spans are written if `id_spans` is NULL. In an error, the byte is counted from the start of `text`.
        """
        cdef Py_ssize_t n
        if id_spans != NULL:
            # There are at most as many ids as bytes, so writing spans does not overwrite unread lengths.
            self.measure_arcs(out + length - n_arcs, n_arcs, id_spans + length)
        n = self.write_ids(text + begin, length, n_arcs, out)
        if n < 0:
            return n - begin
        if id_spans != NULL:
            write_places(id_spans, id_spans + length, n, begin)
        return n

    cdef Py_ssize_t write_ids(
        self, const uint8_t* pretoken, Py_ssize_t length, Py_ssize_t n_arcs, uint32_t* out
    ) noexcept nogil:
        """Convert the pieces of a segmentation to ids; return the number of ids.

        Return UNKNOWN - i if the character at byte i has no id. The pieces are the last `n_arcs` entries of
        out[:length]. Ids are written from the front of the same buffer. They never overwrite unread pieces,
        because no piece has more ids than bytes.
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
cdef class NamedEncoder(UnigramEncoder):
    """Encoder of pretokens as in Hugging Face tokenizers, which looks up the text of each piece again.

    A run is one or more neighbours that are unknown characters or pieces with the id of the unknown token. The whole
    text of a run is looked up. If it is not a piece, it is encoded as its bytes if all of them have ids, or else as
    one unknown token. All bytes of a run have the span of the run. `set_names` must be called once.
    """

    cdef PieceTable names
    cdef bint has_zeros

    def set_names(self, PieceTable names not None, bint has_zeros):
        """Set the table in which runs are looked up, and whether the trie has ZERO instead of U+0000."""
        self.names = names
        self.has_zeros = has_zeros
        self.pieces.unk_is_error = self.unk_id < 0 and not self.has_bytes

    cdef Py_ssize_t find_arcs(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        cdef Py_ssize_t n
        cdef uint8_t* copied
        if not self.has_zeros or not may_have_zeros(pretoken, length, ZERO_LABEL):
            return UnigramEncoder.find_arcs(self, pretoken, length, out, interrupt)
        copied = replace_zeros(pretoken, length, ZERO_LABEL)
        if copied == NULL:
            return OUT_OF_MEMORY
        n = UnigramEncoder.find_arcs(self, copied, length, out, interrupt)
        free(copied)
        return n

    cdef Py_ssize_t write_ids(
        self, const uint8_t* pretoken, Py_ssize_t length, Py_ssize_t n_arcs, uint32_t* out
    ) noexcept nogil:
        return self._walk(pretoken, length, n_arcs, out, 0, NULL)

    cdef Py_ssize_t _walk(
        self,
        const uint8_t* pretoken,
        Py_ssize_t length,
        Py_ssize_t n_arcs,
        uint32_t* out,
        int64_t begin,
        int64_t* places,
    ) noexcept nogil:
        """Write the ids as `write_ids` does, and their spans to `places`, from `begin` on, unless it is NULL."""
        cdef Py_ssize_t i = length - n_arcs, n = 0, n_ids, start, end = 0, k
        while i < length:
            start = end
            if not self._is_unknown(out[i]):
                end += self.pieces.lengths[out[i]]
                out[n] = out[i]
                n_ids = 1
                i += 1
            else:
                while i < length and self._is_unknown(out[i]):
                    end += self.pieces.lengths[out[i]] if out[i] < UNKNOWN_ARC else out[i] & ~UNKNOWN_ARC
                    i += 1
                n_ids = self._write_run(pretoken + start, end - start, out + n)
                if n_ids < 0:
                    return n_ids - start
            if places != NULL:
                for k in range(n, n + n_ids):
                    places[2 * k] = begin + start
                    places[2 * k + 1] = begin + end
            n += n_ids
        return n

    cdef inline bint _is_unknown(self, uint32_t arc) noexcept nogil:
        """Return whether an arc belongs to a run."""
        return arc >= UNKNOWN_ARC or arc == self.unk_id

    cdef Py_ssize_t _write_run(self, const uint8_t* run, Py_ssize_t length, uint32_t* out) noexcept nogil:
        """Write the ids of a run; return their number, or UNKNOWN if it has none."""
        cdef Py_ssize_t i, n = 0
        out[0] = self.names.find(run, length)
        if out[0] != NOTHING:
            return 1
        while self.has_bytes and n < length and self.byte_ids[run[n]] != NOTHING:
            n += 1
        if n == length:
            for i in range(length):
                out[i] = self.byte_ids[run[i]]
            return length
        out[0] = self.unk_id
        return 1 if self.unk_id >= 0 else UNKNOWN

    cdef Py_ssize_t locate_pretoken(
        self,
        const uint8_t* pretoken,
        Py_ssize_t length,
        const uint32_t* ids,
        Py_ssize_t n,
        int64_t start,
        int64_t* places,
        Interrupt interrupt,
    ) noexcept nogil:
        cdef Py_ssize_t i, n_arcs, at = 0, size
        cdef uint32_t stack_arcs[STACK_SIZE]
        cdef uint32_t* arcs = stack_arcs
        for i in range(n):
            size = known_length(self, ids[i])
            if size == 0:
                break
            places[2 * i] = start + at
            at += size
            places[2 * i + 1] = start + at
        else:
            return 0
        if length > STACK_SIZE:
            arcs = <uint32_t*>malloc(length * sizeof(uint32_t))
            if arcs == NULL:
                return OUT_OF_MEMORY
        n_arcs = self.find_arcs(pretoken, length, arcs, interrupt)
        if n_arcs >= 0:
            self._walk(pretoken, length, n_arcs, arcs, start, places)
        if arcs != stack_arcs:
            free(arcs)
        return min(n_arcs, <Py_ssize_t>0)


cdef Py_ssize_t fuse_unknown(uint32_t* ids, Py_ssize_t n, uint32_t unk_id, int64_t* id_spans) noexcept nogil:
    """Replace each run of unknown tokens by one, in place; return the new number of ids.

    `id_spans` is NULL or contains the spans of the ids, which are merged as well.
    """
    cdef Py_ssize_t i, n_kept = 0
    for i in range(n):
        if ids[i] == unk_id and n_kept and ids[n_kept - 1] == unk_id:
            if id_spans != NULL:
                id_spans[2 * n_kept - 1] = id_spans[2 * i + 1]
            continue
        ids[n_kept] = ids[i]
        if id_spans != NULL:
            id_spans[2 * n_kept] = id_spans[2 * i]
            id_spans[2 * n_kept + 1] = id_spans[2 * i + 1]
        n_kept += 1
    return n_kept
