"""Rewriting code point by code point, by a table; then marks in their order, and composed, where that is asked for.

A normal form leaves most text as it is, and so do the others to most of what is not ASCII. What is left alone is
copied: ASCII eight bytes at a time, whose capital letters are made small on the way, and other code points after
one look at the table. What is rewritten to one sequence, whatever stands beside it, is written at once.

Where that is not enough, because marks stand in another order than that of their classes or may be composed, a
*segment* is read once more: from the last code point before which nothing can change what stands behind it, to the
next one of that kind. Of most text it is some code points long; it may be the whole of it.
"""

import numpy as np

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._keys cimport load8
from fasttok.text.normalizers._output cimport Output
from fasttok.text.normalizers._segment cimport Segment
from fasttok.text.unicode._utf8 cimport read_code_point, write_code_point

cdef enum:
    CHUNK = 1 << 16  # bytes for which there is room in any case
    SLACK = 32  # and by how many a chunk may be exceeded
    ASK_EVERY = 1 << 22  # bytes before a look whether to go on
    WORK = 255  # in place of a class: more is to be done than to copy
    APART = 1  # in place of a sequence: the code point itself, between spaces
    # Hangul, whose syllables are composed by arithmetic: of a leading consonant, a vowel, and a trailing consonant.
    SYLLABLES = 0xAC00
    LEADING = 0x1100
    VOWELS = 0x1161
    TRAILING = 0x11A7  # which is none
    N_LEADING = 19
    N_VOWELS = 21
    N_TRAILING = 28

cdef uint64_t HIGH = 0x8080808080808080ULL


cdef inline uint8_t class_of(uint32_t entry) noexcept nogil:
    """0 before which a segment may begin, the class of a mark that stays as it is, or WORK."""
    return entry >> 16


cdef inline uint64_t lower_case(uint64_t word) noexcept nogil:
    """Eight bytes of ASCII with small letters for capital ones."""
    # Bit 7 of a byte is set from A on, and from behind Z on.
    return word | ((word + 0x3F3F3F3F3F3F3F3FULL) & ~(word + 0x2525252525252525ULL) & HIGH) >> 2


cdef struct Sequence:
    const uint8_t* text
    Py_ssize_t length
    uint8_t first  # the class of the first code point that it is made of, also if this was dropped
    uint8_t last  # and of the last one that was not


@cython.final
cdef class CodePoints:
    """What every code point becomes.

    Parameters
    ----------
    table : ndarray of uint32, shape (0x110000,)
        Of each code point, the number of its sequence, 0 where it stays as it is, and from bit 16 on 0, WORK or
        its class.
    sequences : ndarray of uint64, shape (k,)
        Of each sequence, where it begins in `text`, and from bit 32 on how long it is (8 bits), and two classes.
    text : ndarray of uint8
        UTF-8.
    pairs : ndarray of uint64, shape (m,)
        What is composed, in ascending order: the first code point from bit 32 on, and the second.
    composed : ndarray of uint32, shape (m,)
        To what.
    composes : bool
        Whether segments are composed.
    """

    cdef const uint32_t[::1] table
    cdef const uint64_t[::1] sequences
    cdef const uint8_t[::1] text
    cdef const uint64_t[::1] pairs
    cdef const uint32_t[::1] composed
    cdef bint composes
    cdef uint16_t ascii[128]  # what a byte becomes, or WORK << 8
    cdef bint is_fast  # printable ASCII stays as it is, but for capital letters
    cdef bint is_lower  # which become small
    cdef bint is_clean  # other ASCII does not stay as it is

    def __cinit__(
        self,
        const uint32_t[::1] table,
        const uint64_t[::1] sequences,
        const uint8_t[::1] text,
        const uint64_t[::1] pairs,
        const uint32_t[::1] composed,
        bint composes,
    ):
        cdef int c
        cdef Sequence sequence
        self.table = table
        self.sequences = sequences
        self.text = text
        self.pairs = pairs
        self.composed = composed
        self.composes = composes
        for c in range(128):
            self.ascii[c] = c
            if table[c]:
                sequence = self._sequence(table[c])
                is_byte = sequence.length == 1 and sequence.text[0] < 0x80
                self.ascii[c] = sequence.text[0] if is_byte else WORK << 8
        self.is_lower = self.ascii[65] == 97
        self.is_fast = True
        for c in range(128):
            if c < 32 or c == 127:
                self.is_clean |= self.ascii[c] != c
            else:
                self.is_fast &= self.ascii[c] == (c | 0x20 if self.is_lower and 65 <= c <= 90 else c)

    cdef inline Sequence _sequence(self, uint32_t entry) noexcept nogil:
        cdef Sequence sequence
        cdef uint64_t known = self.sequences[entry & 0xFFFF]
        sequence.text = &self.text[0] + <uint32_t>known
        sequence.length = known >> 32 & 0xFF
        sequence.first = known >> 40 & 0xFF
        sequence.last = known >> 48
        return sequence

    def leaves_alone(self, const uint8_t[::1] text, const int64_t[::1] offsets):
        """Whether all rows stay as they are."""
        cdef Py_ssize_t row, n_rows = offsets.shape[0] - 1
        cdef bint is_alone = True
        with nogil:
            for row in range(n_rows):
                if is_alone and offsets[row] < offsets[row + 1]:
                    is_alone = self._leaves_row_alone(&text[0], offsets[row], offsets[row + 1])
        return is_alone

    cdef bint _leaves_row_alone(self, const uint8_t* text, Py_ssize_t i, Py_ssize_t end) noexcept nogil:
        cdef Py_ssize_t length
        cdef uint64_t word
        cdef uint8_t class_, last = 0
        while True:
            while self.is_fast and i + 8 <= end:
                word = load8(text + i)
                if self._stops(word) or self.is_lower and lower_case(word) != word:
                    break
                i += 8
                last = 0
            if i == end:
                return True
            class_ = class_of(self.table[read_code_point(text, i, end, &length)])
            if class_ == WORK or class_ and class_ < last:
                return False
            last = class_
            i += length

    cdef inline bint _stops(self, uint64_t word) noexcept nogil:
        """Whether eight bytes are not all ASCII that is copied, or made small."""
        # Bit 7 of a byte, or of one below it, is set unless 0x20 <= byte < 0x7F.
        return (
            word | (word + 0x0101010101010101ULL | word - 0x2020202020202020ULL if self.is_clean else 0)
        ) & HIGH != 0

    def rewrite(self, const uint8_t[::1] text, const int64_t[::1] offsets, bint aligned):
        """Rewrite every row on its own; return the new text, its offsets, and the spans if they are asked for."""
        cdef Py_ssize_t row, n_rows = offsets.shape[0] - 1
        cdef Output out = Output(offsets[n_rows] - offsets[0] + SLACK, 2 * aligned)
        cdef int64_t[::1] out_offsets = np.empty(n_rows + 1, np.int64)
        cdef Segment segment = Segment()
        cdef Interrupt interrupt = Interrupt()
        cdef Py_ssize_t work = 0
        out_offsets[0] = 0
        with nogil:
            for row in range(n_rows):
                if offsets[row] < offsets[row + 1]:
                    self._rewrite_row(&text[0], offsets[row], offsets[row + 1], out, segment, &work, interrupt)
                out_offsets[row + 1] = out.n
        spans = out.alignment[: 2 * out.n].reshape(-1, 2) if aligned else None
        return out.values[: out.n], out_offsets.base, spans

    cdef int _rewrite_row(
        self,
        const uint8_t* text,
        Py_ssize_t i,
        Py_ssize_t end,
        Output out,
        Segment segment,
        Py_ssize_t* work,
        Interrupt interrupt,
    ) except -1 nogil:
        cdef Py_ssize_t stop, length, start, start_out = out.n, begin = i  # of the segment: `begin`, `start_out`
        cdef uint32_t entry
        cdef uint8_t class_, last = 0  # the class of the code point before
        cdef Sequence sequence
        cdef uint64_t word
        while i < end:
            stop = min(end, i + CHUNK)
            out.reserve(stop - i + SLACK)
            ask(work, stop - i, interrupt)
            while i < stop:
                if text[i] < 0x80:
                    start = i
                    while self.is_fast and i + 8 <= stop:
                        word = load8(text + i)
                        if self._stops(word):
                            break
                        if self.is_lower:
                            word = lower_case(word)
                        memcpy(out.text + out.n + i - start, &word, 8)
                        i += 8
                    while i < stop and text[i] < 0x80 and self.ascii[text[i]] < 0x80:
                        out.text[out.n + i - start] = self.ascii[text[i]]
                        i += 1
                    if i > start:
                        came_from(out, out.n, i - start, start)
                        out.n += i - start
                        begin = i - 1
                        start_out = out.n - 1
                        last = 0
                        continue
                entry = self.table[read_code_point(text, i, end, &length)]
                class_ = class_of(entry)
                if class_ != WORK and class_ >= last or class_ == 0:
                    if class_ == 0:
                        begin = i
                        start_out = out.n
                    last = class_
                    copy_code_point(text + i, length, out.text + out.n)
                    came_from(out, out.n, length, i)
                    out.n += length
                    i += length
                    continue
                if class_ == WORK and not self.composes:
                    sequence = self._sequence(entry)
                    if entry & 0xFFFF == APART:
                        sequence.length = length + 2
                    if sequence.first == 0:
                        begin = i
                        start_out = out.n
                    if sequence.first == 0 or sequence.length == 0 or sequence.first >= last:
                        out.reserve(stop - i + sequence.length + SLACK)
                        if entry & 0xFFFF == APART:
                            out.text[out.n] = 32
                            copy_code_point(text + i, length, out.text + out.n + 1)
                            out.text[out.n + length + 1] = 32
                        else:
                            memcpy(out.text + out.n, sequence.text, sequence.length)
                        made_of(out, out.n, sequence.length, i, i + length)
                        out.n += sequence.length
                        if sequence.length or sequence.first == 0:
                            last = sequence.last
                        i += length
                        continue
                i = self._end_of_segment(text, i + length, end, work, interrupt)
                out.n = start_out
                self._rewrite_segment(text, begin, i, out, segment, work, interrupt)
                begin = i
                start_out = out.n
                last = 0
                out.reserve(max(stop - i, 0) + SLACK)
        return 0

    cdef Py_ssize_t _end_of_segment(
        self, const uint8_t* text, Py_ssize_t i, Py_ssize_t end, Py_ssize_t* work, Interrupt interrupt
    ) except -1 nogil:
        """Where a segment that has reached `i` ends."""
        cdef Py_ssize_t length
        cdef uint32_t entry
        cdef uint8_t class_
        while i < end:
            entry = self.table[read_code_point(text, i, end, &length)]
            class_ = class_of(entry)
            if class_ == 0 or class_ == WORK and not self.composes and self._sequence(entry).first == 0:
                break
            i += length
            ask(work, length, interrupt)
        return i

    cdef int _rewrite_segment(
        self,
        const uint8_t* text,
        Py_ssize_t i,
        Py_ssize_t end,
        Output out,
        Segment segment,
        Py_ssize_t* work,
        Interrupt interrupt,
    ) except -1 nogil:
        """Write what lies between `i` and `end`: decomposed, its marks in order and, if asked for, composed."""
        cdef Py_ssize_t length, k, part, n
        cdef uint32_t c, d, entry
        cdef Sequence sequence
        segment.n = 0
        while i < end:
            ask(work, 8, interrupt)
            c = read_code_point(text, i, end, &length)
            entry = self.table[c] & 0xFFFF
            if entry == 0:
                segment.add(c, 0, i, i + length)
            elif entry == APART:
                segment.add(32, 0, i, i + length)
                segment.add(c, 0, i, i + length)
                segment.add(32, 0, i, i + length)
            else:
                sequence = self._sequence(entry)
                k = 0
                while k < sequence.length:
                    d = read_code_point(sequence.text, k, sequence.length, &part)
                    entry = self.table[d] & 0xFFFF  # a mark has itself for a sequence
                    segment.add(d, self._sequence(entry).first if entry else 0, i, i + length)
                    k += part
            i += length
        segment.order()
        if self.composes:
            self._compose(segment)
        if out.places != NULL:
            segment.align()
        for k in range(segment.n):
            out.reserve(SLACK)
            n = write_code_point(out.text + out.n, segment.codes[k])
            made_of(out, out.n, n, segment.spans[k, 0], segment.spans[k, 1])
            out.n += n
        return 0

    cdef int _compose(self, Segment segment) except -1 nogil:
        """Compose every mark with the last code point before it that is none, unless one between them is in the way."""
        cdef Py_ssize_t i, n = 0, starter = -1
        cdef uint8_t last = 0, class_
        cdef uint32_t c
        for i in range(segment.n):
            class_ = segment.classes[i]
            if starter >= 0 and (last < class_ or starter == n - 1):
                c = self._compose_pair(segment.codes[starter], segment.codes[i])
                if c:
                    segment.codes[starter] = c
                    segment.spans[starter, 0] = min(segment.spans[starter, 0], segment.spans[i, 0])
                    segment.spans[starter, 1] = max(segment.spans[starter, 1], segment.spans[i, 1])
                    continue
            if class_ == 0:
                starter = n
            last = class_
            segment.codes[n] = segment.codes[i]
            segment.classes[n] = class_
            segment.spans[n, 0] = segment.spans[i, 0]
            segment.spans[n, 1] = segment.spans[i, 1]
            n += 1
        segment.n = n
        return 0

    cdef uint32_t _compose_pair(self, uint32_t a, uint32_t b) noexcept nogil:
        """What two code points compose to, or 0."""
        cdef Py_ssize_t low = 0, high = self.pairs.shape[0], middle
        cdef uint64_t pair = <uint64_t>a << 32 | b
        if LEADING <= a < LEADING + N_LEADING and VOWELS <= b < VOWELS + N_VOWELS:
            return SYLLABLES + ((a - LEADING) * N_VOWELS + b - VOWELS) * N_TRAILING
        if TRAILING < b < TRAILING + N_TRAILING and SYLLABLES <= a < SYLLABLES + N_LEADING * N_VOWELS * N_TRAILING:
            return a + b - TRAILING if (a - SYLLABLES) % N_TRAILING == 0 else 0
        while low < high:
            middle = (low + high) >> 1
            if self.pairs[middle] < pair:
                low = middle + 1
            else:
                high = middle
        return self.composed[low] if low < self.pairs.shape[0] and self.pairs[low] == pair else 0


cdef inline int ask(Py_ssize_t* work, Py_ssize_t more, Interrupt interrupt) except -1 nogil:
    """Look now and then whether to go on."""
    work[0] += more
    if work[0] >= ASK_EVERY:
        work[0] = 0
        if interrupt.check():
            with gil:
                interrupt.raise_error()
    return 0


cdef inline void copy_code_point(const uint8_t* text, Py_ssize_t length, uint8_t* out) noexcept nogil:
    out[0] = text[0]
    if length > 1:
        out[1] = text[1]
        if length > 2:
            out[2] = text[2]
            if length > 3:
                out[3] = text[3]


cdef inline void came_from(Output out, Py_ssize_t n, Py_ssize_t length, Py_ssize_t i) noexcept nogil:
    """The `length` bytes from `n` on are those from `i` on."""
    cdef Py_ssize_t k
    if out.places != NULL:
        for k in range(length):
            out.places[2 * (n + k)] = i + k
            out.places[2 * (n + k) + 1] = i + k + 1


cdef inline void made_of(
    Output out, Py_ssize_t n, Py_ssize_t length, int64_t start, int64_t end
) noexcept nogil:
    """The `length` bytes from `n` on were made, all of them, of what stands from `start` to `end`."""
    cdef Py_ssize_t k
    if out.places != NULL:
        for k in range(length):
            out.places[2 * (n + k)] = start
            out.places[2 * (n + k) + 1] = end
