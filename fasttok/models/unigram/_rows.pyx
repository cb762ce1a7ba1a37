"""Kernel that encodes whole rows of text exactly as sentencepiece does, with the cache of pretokens.

sentencepiece takes a row of text as one pretoken and sums scores in single precision, from the start of the row.
So rounding decides between segmentations with nearly equal scores, and depends on all the text before. Two facts make
caching possible:

- No piece contains both characters of most pairs of neighbours. All segmentations have a boundary between such two
  characters. The kernel cuts a row there into short *segments*, whatever the pretokens are. At the start of a segment,
  there is a single sum, that of the best segmentation of all text before.
- A sum of the best segmentation of a segment is usually larger than that of any other by far more than the largest
  rounding error. Then the ids do not depend on the text before the segment, and the cache keeps them.

Other segments are searched in single precision, from the actual sum. It is computed only then, by adding the scores of
the ids so far. The bounds on rounding hold while the absolute value of the sum is at most MOST_SCORE. Beyond it, sums
restart from 0, as in sentencepiece; segments where this may happen are searched in single precision, too.
"""

import numpy as np

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._keys cimport Key, ctz, hash_key, make_key
from fasttok.models._cache cimport CacheEntry, PretokenCache, cache_first, cache_prefetch
from fasttok.models._encoder cimport DO_NOT_CACHE, UNKNOWN, known_length
from fasttok.models.unigram._paths cimport (
    MOST_SCORE,
    UNKNOWN_ARC,
    find_best,
)
from fasttok.models.unigram._viterbi cimport UnigramEncoder, fuse_unknown
from fasttok.text._spans cimport Spans
from fasttok.text.pretokenizers._metaspace cimport marks as find_marks
from fasttok.text.unicode._utf8 cimport read_code_point


cdef enum:
    BLOCK = 32  # segments per block of cache lookups
    LONGEST = 256  # largest length in bytes of a segment that is cached
    # Only what is longer than LEAST between two cuts at ▁ is cut at other pairs: after at least LEAST_LONG bytes before
    # a character of three or four bytes, and after LEAST bytes before a shorter one. Short segments are more often in
    # the cache, but more of them are looked up.
    LEAST_LONG = 12
    LEAST = 24

# Largest rounding error of one addition in single precision, if the absolute value of the sum is below 2^17.
cdef double ROUNDING = 1.0 / 256


cdef uint32_t MARK = 0x8196E2  # the bytes of ▁


cdef struct RowSum:
    float total  # sum of the scores of the best segmentation, in single precision
    Py_ssize_t n_added  # number of ids whose scores are in `total`


cdef struct Marks:
    uint64_t bits  # places after `start`, of at most 64 bytes, where ▁ begins and that have not been looked at
    Py_ssize_t start
    Py_ssize_t position  # where the search continues
    Py_ssize_t cut  # next cut at ▁; not after the last bound if it is not known


@cython.final
cdef class RowEncoder(UnigramEncoder):
    """Encoder of whole rows of text in single precision, exactly as sentencepiece does.

    `set_row` must be called once.
    """

    cdef const float[::1] id_scores  # score that each id adds to the sum of a row
    cdef double max_score  # largest absolute score of a piece that can match text, and of an unknown character
    cdef const uint64_t[::1] pairs  # bit set of the hashes of the pairs of characters that pieces contain
    cdef int pairs_shift  # a hash of 32 bits, shifted right, is the index of a bit
    cdef bint cuts_before  # whether no piece has ▁ after another character
    cdef bint cuts_after  # whether no piece has another character after ▁

    def set_row(self, const uint8_t[::1] values, const int64_t[::1] offsets, const uint8_t[::1] is_matched):
        """Set the pieces: ``values`` and ``offsets`` have their texts, ``is_matched`` whether they can match text."""
        cdef float[::1] id_scores
        cdef Py_ssize_t i, j, size, n_pairs = 0
        cdef uint32_t a, b
        id_scores = np.zeros(offsets.shape[0] - 1, np.float32)
        cdef uint64_t[::1] pairs
        self.max_score = abs(self.pieces.unk_score)
        for i in range(offsets.shape[0] - 1):
            if is_matched[i]:
                id_scores[i] = <float>self.pieces.scores[i]
                self.max_score = max(self.max_score, abs(self.pieces.scores[i]))
                n_pairs += offsets[i + 1] - offsets[i]
        if self.has_bytes:
            for i in range(256):
                if i & 0xC0 != 0x80:  # the first byte of a character
                    id_scores[self.byte_ids[i]] = <float>self.pieces.unk_score
        self.id_scores = id_scores
        self.pairs_shift = 32 - 10
        while self.pairs_shift > 32 - 22 and 4 * n_pairs > <Py_ssize_t>1 << (32 - self.pairs_shift):
            self.pairs_shift -= 1
        pairs = np.zeros(1 << (32 - self.pairs_shift - 6), np.uint64)
        self.cuts_before = self.cuts_after = True
        for i in range(offsets.shape[0] - 1):
            if not is_matched[i]:
                continue
            j = offsets[i]
            a = 0
            while j < offsets[i + 1]:
                b = read_character(&values[0], values.shape[0], j, &size)
                if a:
                    set_bit(&pairs[0], hash_pair(a, b) >> self.pairs_shift)
                    self.cuts_before &= b != MARK or a == MARK
                    self.cuts_after &= a != MARK or b == MARK
                a = b
                j += size
        self.pairs = pairs

    cdef Py_ssize_t find_arcs(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        cdef double score = 0
        return find_best(&self.pieces, pretoken, length, out, interrupt, True, False, 0, &score)

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
        cdef Py_ssize_t bounds[BLOCK + 1]
        cdef Key keys[BLOCK]
        cdef uint64_t hashes[BLOCK]
        cdef RowSum row
        cdef Marks marks
        cdef Py_ssize_t n, i, n_ids, size, written = 0
        cdef bint is_short = (end - begin) * self.max_score <= MOST_SCORE, is_small, is_bounded, has_unknown
        row.total = 0
        row.n_added = 0
        marks.bits = 0
        marks.position = begin if self.cuts_before or self.cuts_after else end
        marks.cut = begin
        bounds[0] = begin
        while bounds[0] < end:
            n = self._cut(text, n_text, begin, end, &marks, bounds)
            for i in range(n):
                keys[i] = make_key(text, bounds[i], bounds[i + 1] - bounds[i], n_text)
                hashes[i] = hash_key(keys[i])
                cache_prefetch(cache, hashes[i])
            is_bounded = is_small = is_short
            if not is_short:
                self._add(out, written, &row)
                is_bounded = is_small = abs(row.total) + (bounds[n] - bounds[0]) * self.max_score <= MOST_SCORE
            for i in range(n):
                size = bounds[i + 1] - bounds[i]
                if not is_small:
                    self._add(out, written, &row)
                    is_bounded = abs(row.total) + size * self.max_score <= MOST_SCORE
                n_ids = 0
                if is_bounded:
                    n_ids = cache_first(&cache.entries[hashes[i] >> cache.shift], keys[i], out + written)
                    if n_ids == 0:
                        n_ids = self._encode_miss(
                            keys[i], hashes[i], text + bounds[i], size, cache, out + written
                        )
                if n_ids == 0:
                    self._add(out, written, &row)
                    n_ids = self._encode_exactly(
                        text + bounds[i], size, cache.interrupt, &row, out + written
                    )
                    row.n_added += n_ids
                if n_ids < 0:
                    return n_ids - bounds[i] if n_ids <= UNKNOWN else n_ids
                written += n_ids
            bounds[0] = bounds[n]
        if id_spans != NULL:
            self._locate(text, begin, end, out, written, id_spans)
        if self.unk_id >= 0 and not self.has_bytes:
            has_unknown = False
            for i in range(written):
                has_unknown |= out[i] == <uint32_t>self.unk_id
            if has_unknown:
                written = fuse_unknown(out, written, self.unk_id, id_spans)
        return written

    cdef Py_ssize_t _encode_miss(
        self,
        Key key,
        uint64_t hashed,
        const uint8_t* pretoken,
        Py_ssize_t length,
        PretokenCache cache,
        uint32_t* out,
    ) noexcept nogil:
        """Encode a segment; return the number of ids, or 0 if they may depend on the sum before the segment."""
        cdef double margin = 0
        cdef Py_ssize_t n
        if length > LONGEST:
            return 0
        n = cache.get(key, hashed, pretoken, length, out)
        if n:
            return n
        n = find_best(&self.pieces, pretoken, length, out, cache.interrupt, False, True, ROUNDING, &margin)
        if n < 0 or not margin > 0:
            return min(n, <Py_ssize_t>0)
        n = self._write(pretoken, length, n, out)
        if n >= DO_NOT_CACHE:
            return 0
        if n > 0:
            cache.put(key, hashed, pretoken, length, out, n)
        return n

    cdef Py_ssize_t _encode_exactly(
        self, const uint8_t* segment, Py_ssize_t length, Interrupt interrupt, RowSum* row, uint32_t* out
    ) noexcept nogil:
        """Encode a segment from the sum of the row, and update the sum; return the number of ids."""
        cdef double score = row.total
        cdef Py_ssize_t n = find_best(
            &self.pieces, segment, length, out, interrupt, True, False, 0, &score
        )
        row.total = <float>score
        if n >= 0:
            n = self._write(segment, length, n, out)
        return n - DO_NOT_CACHE if n >= DO_NOT_CACHE else n

    cdef inline void _add(self, const uint32_t* ids, Py_ssize_t n, RowSum* row) noexcept nogil:
        """Add the scores of the ids that are not in the sum yet; n is the number of all ids."""
        cdef Py_ssize_t i
        cdef float total = row.total
        for i in range(row.n_added, n):
            total += <float>self.pieces.unk_score if ids[i] == self.unk_id else self.id_scores[ids[i]]
        row.total = total
        row.n_added = n

    cdef Py_ssize_t _write(
        self, const uint8_t* segment, Py_ssize_t length, Py_ssize_t n_arcs, uint32_t* out
    ) noexcept nogil:
        """Convert arcs to ids as `write_ids` does, except that each unknown character has its own unknown token.

        DO_NOT_CACHE is added to the number of ids if `_add` does not get their scores right: those of bytes that are
        not UTF-8.
        """
        cdef Py_ssize_t i, j, position = 0, n = 0, flag = 0
        cdef uint32_t arc
        for i in range(length - n_arcs, length):
            arc = out[i]
            if arc < UNKNOWN_ARC:
                out[n] = arc
                n += 1
                position += self.pieces.lengths[arc]
                continue
            arc &= ~UNKNOWN_ARC
            if self.has_bytes:
                if arc == 1 and segment[position] >= 0x80:
                    flag = DO_NOT_CACHE
                for j in range(arc):
                    out[n + j] = self.byte_ids[segment[position + j]]
                n += arc
            elif self.unk_id < 0:
                return UNKNOWN - position
            else:
                out[n] = self.unk_id
                n += 1
            position += arc
        return n + flag

    cdef void _locate(
        self, const uint8_t* text, Py_ssize_t begin, Py_ssize_t end, const uint32_t* ids, Py_ssize_t n, int64_t* places
    ) noexcept nogil:
        """Write the spans of the ids of a row, before unknown tokens are fused."""
        cdef Py_ssize_t i, size
        for i in range(n):
            places[2 * i] = begin
            size = known_length(self, ids[i])
            if size == 0:
                read_code_point(text, begin, end, &size)
            begin += size
            places[2 * i + 1] = begin

    cdef Py_ssize_t _cut(
        self,
        const uint8_t* text,
        Py_ssize_t n_text,
        Py_ssize_t row_begin,
        Py_ssize_t end,
        Marks* marks,
        Py_ssize_t* bounds,
    ) noexcept nogil:
        """Write the bounds of at most BLOCK segments of text[bounds[0]:end]; return the number of segments."""
        cdef Py_ssize_t n = 0, begin = bounds[0], at, stop = marks.cut, length
        cdef uint32_t a, b
        while n < BLOCK and begin < end:
            while stop <= begin:
                at = next_mark(text, n_text, end, marks)
                if at >= end:
                    stop = end
                    break
                if not self.cuts_before:
                    at += 3
                if at > begin and (at == end or self._may_cut_at_mark(text, at, row_begin, end)):
                    stop = at
            at = stop
            if stop - begin > LEAST:
                a = read_character(text, n_text, begin, &length)
                at = begin + length
                while at < stop:
                    b = read_character(text, n_text, at, &length)
                    if at - begin >= (LEAST_LONG if length >= 3 else LEAST) and not self._has_pair(a, b):
                        break
                    at += length
                    a = b
            n += 1
            begin = min(at, stop)
            bounds[n] = begin
        marks.cut = stop
        return n

    cdef inline bint _may_cut_at_mark(
        self, const uint8_t* text, Py_ssize_t at, Py_ssize_t begin, Py_ssize_t end
    ) noexcept nogil:
        """Return whether no piece contains the characters before and after `at`, of which only one may be ▁."""
        if self.cuts_before:
            return text[at - 1] != 0x81 or not is_mark(text, at - 3, begin, end)
        return text[at] & 0xC0 != 0x80 and not is_mark(text, at, begin, end)

    cdef inline bint _has_pair(self, uint32_t a, uint32_t b) noexcept nogil:
        """Return whether a piece may contain the character b after the character a."""
        cdef uint32_t place = hash_pair(a, b) >> self.pairs_shift
        return self.pairs[place >> 6] >> (place & 63) & 1


cdef inline Py_ssize_t next_mark(
    const uint8_t* text, Py_ssize_t n_text, Py_ssize_t end, Marks* marks
) noexcept nogil:
    """Return the place of the next ▁ before `end`, or `end` if there is none."""
    cdef Py_ssize_t i, at, n
    while marks.bits == 0:
        at = marks.position
        n = min(end - at - 2, <Py_ssize_t>64)
        if n <= 0:
            return end
        if at + 66 <= n_text:
            marks.bits = find_marks(text + at)
            if n < 64:
                marks.bits &= (<uint64_t>1 << n) - 1
        else:
            for i in range(n):
                if is_mark(text, at + i, at, end):
                    marks.bits |= <uint64_t>1 << i
        marks.start = at
        marks.position = at + 64
    at = marks.start + ctz(marks.bits)
    marks.bits &= marks.bits - 1
    return at


cdef inline bint is_mark(const uint8_t* text, Py_ssize_t at, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """Return whether text[begin:end] has the character ▁ at position `at`."""
    return begin <= at <= end - 3 and text[at] == 0xE2 and text[at + 1] == 0x96 and text[at + 2] == 0x81


cdef inline uint32_t read_character(
    const uint8_t* text, Py_ssize_t n_text, Py_ssize_t at, Py_ssize_t* length
) noexcept nogil:
    """Return the bytes of the character at `at`, as a little-endian word, and store its length.

    A byte that does not begin a character is returned on its own. Overlong forms, surrogates and code points above
    U+10FFFF count as characters here; pieces do not contain them.
    """
    cdef uint32_t word = 0
    cdef Py_ssize_t i
    if at + 4 <= n_text:
        word = <uint32_t>text[at] | <uint32_t>text[at + 1] << 8 | <uint32_t>text[at + 2] << 16
        word |= <uint32_t>text[at + 3] << 24
    else:
        for i in range(n_text - at):
            word |= <uint32_t>text[at + i] << 8 * i
    if word & 0x80 == 0:
        length[0] = 1
        return word & 0xFF
    if word & 0xC0C0F0 == 0x8080E0:
        length[0] = 3
        return word & 0xFFFFFF
    if word & 0xC0E0 == 0x80C0:
        length[0] = 2
        return word & 0xFFFF
    if word & 0xC0C0C0F8U == 0x808080F0U:
        length[0] = 4
        return word
    length[0] = 1
    return word & 0xFF


cdef inline uint32_t hash_pair(uint32_t a, uint32_t b) noexcept nogil:
    """Return a hash of two characters, each given by its bytes as a little-endian word."""
    return ((a * <uint32_t>0x9E3779B1U) ^ (b * <uint32_t>0x85EBCA6BU)) * <uint32_t>0xC2B2AE35U


cdef inline void set_bit(uint64_t* bits, uint32_t place) noexcept nogil:
    bits[place >> 6] |= <uint64_t>1 << (place & 63)
