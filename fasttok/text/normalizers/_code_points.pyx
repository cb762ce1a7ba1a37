"""Rewrite text code point by code point with a table; reorder and compose marks if required.

Most text does not change, so it is copied: ASCII in words of eight bytes, which are lower-cased in the same step
if required, and other code points after one look-up in the table. If the replacement of a code point does not depend
on its neighbours, it is written at once.

Marks that are not in the order of their combining classes, or that may compose, need a second pass over a
*segment*. A segment is a range of code points whose result does not depend on the text before and after it. In
most text, segments have a few code points. The longest possible segment is the whole text.
"""

import numpy as np

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._keys cimport load8
from fasttok.text.normalizers._buffers cimport Output, Segment
from fasttok.text.unicode._utf8 cimport read_code_point, write_code_point

cdef enum:
    CHUNK = 1 << 16  # bytes of text for which capacity is reserved at once
    SLACK = 32  # bytes that may be written beyond the length of a chunk
    CHECK_EVERY = 1 << 22  # bytes between two checks for an interrupt
    DROPPED = 0x110000  # a mark that is dropped after marks were reordered
    # Hangul syllables are composed by arithmetic from a leading consonant, a vowel and a trailing consonant.
    SYLLABLES = 0xAC00
    LEADING = 0x1100
    VOWELS = 0x1161
    TRAILING = 0x11A7  # one before the first trailing consonant; means none
    N_LEADING = 19
    N_VOWELS = 21
    N_TRAILING = 28

cdef uint64_t HIGH = 0x8080808080808080ULL


cdef inline uint64_t lower_case(uint64_t word) noexcept nogil:
    """Return eight bytes of ASCII in lower case."""
    # The first sum sets bit 7 of a byte from "A" on, the second sum from "[" on, the byte after "Z".
    return word | ((word + 0x3F3F3F3F3F3F3F3FULL) & ~(word + 0x2525252525252525ULL) & HIGH) >> 2


@cython.final
cdef class CodePoints:
    """Table of the replacements of all code points.

    Parameters
    ----------
    table : ndarray of uint32, shape (0x110000,)
        Entry of each code point. The lower 16 bits are the number of its sequence, or 0 if the code point is copied.
        The upper bits are its combining class or WORK.
    sequences : ndarray of uint64, shape (k,)
        Entry of each sequence. The lower 32 bits are its begin in `text`. Then follow, with 8 bits each, its length
        in bytes and the classes of its first and last code point (see `Sequence`).
    text : ndarray of uint8
        UTF-8 of the sequences.
    pairs : ndarray of uint64, shape (m,)
        Pairs of code points that compose, in ascending order; the first code point is in the upper 32 bits.
    composed : ndarray of uint32, shape (m,)
        Code point that each pair composes to.
    composes : bool
        Whether to compose segments.
    """

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

    def leaves_alone(self, const uint8_t[::1] text, const int64_t[::1] offsets):
        """Return whether rewriting changes no row of `text`, uint8[n], with `offsets`, int64[k + 1]."""
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

    def rewrite(self, const uint8_t[::1] text, const int64_t[::1] offsets, bint aligned):
        """Rewrite every row of `text`, uint8[n], with `offsets`, int64[k + 1].

        Return the new text, uint8[m], its offsets, int64[k + 1], and, if `aligned`, the begin and end of the origin of
        each new byte, int64[m, 2]; otherwise None.
        """
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

    cdef Py_ssize_t rewrite_word(
        self, const uint8_t* text, Py_ssize_t length, uint8_t* out, Py_ssize_t capacity
    ) noexcept nogil:
        """Rewrite a short text; return the new length, or -1 if `rewrite` must do it.

        It must if marks have to be reordered or composed, or if `out` has no space for the new text.
        """
        cdef Py_ssize_t i = 0, n = 0, size
        cdef uint32_t entry
        cdef uint8_t class_, last = 0
        cdef Sequence sequence
        while i < length:
            if n + SLACK > capacity:
                return -1
            if text[i] < 0x80 and self.ascii[text[i]] < 0x80:
                out[n] = self.ascii[text[i]]
                last = 0
                n += 1
                i += 1
                continue
            entry = self.table[read_code_point(text, i, length, &size)]
            class_ = class_of(entry)
            if class_ != WORK:
                if class_ and class_ < last:
                    return -1
                last = class_
                copy_code_point(text + i, size, out + n)
                n += size
                i += size
                continue
            if self.composes:
                return -1
            sequence = self._sequence(entry)
            if sequence.first and sequence.first < last or n + sequence.length + SLACK > capacity:
                return -1
            if entry & 0xFFFF == SPACED:
                out[n] = 32
                copy_code_point(text + i, size, out + n + 1)
                out[n + size + 1] = 32
                n += size + 2
            else:
                memcpy(out + n, sequence.text, sequence.length)
                n += sequence.length
            if sequence.first != WORK:
                last = sequence.last
            i += size
        return n

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
        cdef Py_ssize_t stop, length, start, start_out = out.n, begin = i  # the current segment begins there
        cdef uint32_t entry
        cdef uint8_t class_, last = 0  # the class of the code point before
        cdef Sequence sequence
        cdef uint64_t word
        while i < end:
            stop = min(end, i + CHUNK)
            out.reserve(stop - i + SLACK)
            check_interrupt(work, stop - i, interrupt)
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
                        align_copy(out, out.n, i - start, start)
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
                    align_copy(out, out.n, length, i)
                    out.n += length
                    i += length
                    continue
                if class_ == WORK and not self.composes:
                    sequence = self._sequence(entry)
                    if entry & 0xFFFF == SPACED:
                        sequence.length = length + 2
                    if sequence.first == 0:
                        begin = i
                        start_out = out.n
                    if sequence.first == 0 or sequence.first >= last:
                        out.reserve(stop - i + sequence.length + SLACK)
                        if entry & 0xFFFF == SPACED:
                            out.text[out.n] = 32
                            copy_code_point(text + i, length, out.text + out.n + 1)
                            out.text[out.n + length + 1] = 32
                        else:
                            memcpy(out.text + out.n, sequence.text, sequence.length)
                        align_span(out, out.n, sequence.length, i, i + length)
                        out.n += sequence.length
                        if sequence.first != WORK:
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
        """Return the end of a segment that has reached `i`."""
        cdef Py_ssize_t length
        cdef uint32_t entry
        cdef uint8_t class_
        while i < end:
            entry = self.table[read_code_point(text, i, end, &length)]
            class_ = class_of(entry)
            if class_ == 0 or class_ == WORK and not self.composes and self._sequence(entry).first == 0:
                break
            i += length
            check_interrupt(work, length, interrupt)
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
        """Rewrite the segment from `i` to `end`: decompose it, reorder its marks and, if required, compose it."""
        cdef Py_ssize_t length, k, part, n, start, origin = 0
        cdef bint is_alone
        cdef uint32_t c, d, entry
        cdef Sequence sequence
        segment.clear()
        while i < end:
            check_interrupt(work, 8, interrupt)
            c = read_code_point(text, i, end, &length)
            entry = self.table[c] & 0xFFFF
            if entry == 0:
                segment.add(c, 0, 1)
            elif entry == SPACED:
                segment.add(32, 0, 1)
                segment.add(c, 0, 0)
                segment.add(32, 0, 0)
            else:
                sequence = self._sequence(entry)
                if sequence.length == 0:
                    if sequence.first == WORK:
                        i += length
                        continue
                    segment.add(DROPPED, sequence.first, 1)
                k = 0
                while k < sequence.length:
                    d = read_code_point(sequence.text, k, sequence.length, &part)
                    entry = self.table[d] & 0xFFFF  # the sequence of a mark that is kept is the mark itself
                    segment.add(d, self._sequence(entry).first if entry else 0, k == 0)
                    k += part
            segment.add_origin(i, i + length)
            i += length
        segment.order()
        if self.composes:
            self._compose(segment)
        for k in range(segment.n):
            if segment.codes[k] != DROPPED:
                out.reserve(SLACK)
                n = write_code_point(out.text + out.n, segment.codes[k])
                # A code point that takes no input's place has the origin of the input before it.
                part = origin - (segment.taken[k] == 0)
                start = segment.origins[part, 0]
                length = segment.origins[part, 1] - start
                is_alone = segment.taken[k] == 1 and (k + 1 == segment.n or segment.taken[k + 1])
                if is_alone and n == length and memcmp(out.text + out.n, text + start, n) == 0:
                    align_copy(out, out.n, n, start)  # as if it were not in a segment
                else:
                    align_span(out, out.n, n, start, start + length)
                out.n += n
            origin += segment.taken[k]
        return 0

    cdef int _compose(self, Segment segment) except -1 nogil:
        """Compose every mark with the last code point of class 0 before it, unless a mark between them blocks it."""
        cdef Py_ssize_t i, n = 0, starter = -1
        cdef uint8_t last = 0, class_
        cdef uint32_t c
        for i in range(segment.n):
            class_ = segment.classes[i]
            if starter >= 0 and (last < class_ or starter == n - 1):
                c = self._compose_pair(segment.codes[starter], segment.codes[i])
                if c:
                    segment.codes[starter] = c
                    segment.taken[starter] += segment.taken[i]
                    continue
            if class_ == 0:
                starter = n
            last = class_
            segment.codes[n] = segment.codes[i]
            segment.classes[n] = class_
            segment.taken[n] = segment.taken[i]
            n += 1
        segment.n = n
        return 0

    cdef uint32_t _compose_pair(self, uint32_t a, uint32_t b) noexcept nogil:
        """Return the code point that two code points compose to, or 0."""
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


cdef inline int check_interrupt(Py_ssize_t* work, Py_ssize_t more, Interrupt interrupt) except -1 nogil:
    """Count `more` bytes of work; check for an interrupt every CHECK_EVERY bytes."""
    work[0] += more
    if work[0] >= CHECK_EVERY:
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


cdef inline void align_copy(Output out, Py_ssize_t n, Py_ssize_t length, Py_ssize_t i) noexcept nogil:
    """Record that `length` bytes of the output, from `n` on, are a copy of the input from `i` on."""
    cdef Py_ssize_t k
    if out.origins != NULL:
        for k in range(length):
            out.origins[2 * (n + k)] = i + k
            out.origins[2 * (n + k) + 1] = i + k + 1


cdef inline void align_span(
    Output out, Py_ssize_t n, Py_ssize_t length, int64_t start, int64_t end
) noexcept nogil:
    """Record that `length` bytes of the output, from `n` on, all originate from `start` to `end`."""
    cdef Py_ssize_t k
    if out.origins != NULL:
        for k in range(length):
            out.origins[2 * (n + k)] = start
            out.origins[2 * (n + k) + 1] = end
