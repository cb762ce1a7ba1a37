"""Replace a text by another one, or replace given spans of text."""

import numpy as np

cimport cython
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memchr, memcpy

from fasttok.core._interrupt cimport Interrupt
from fasttok.text.normalizers._buffers cimport Output
from fasttok.text.unicode._utf8 cimport read_code_point

cdef enum:
    CHECK_EVERY = 1 << 22  # bytes between two checks for an interrupt
    NEAR = 16  # bytes that are compared one by one, since a call of memchr takes as long


@cython.final
cdef class Finder:
    """Search for a pattern, uint8[p] with p > 0, by the algorithm of Knuth, Morris and Pratt; for one thread."""

    cdef const uint8_t[::1] pattern
    cdef Py_ssize_t size
    cdef int64_t[::1] borders  # length of the longest border of the first bytes of the pattern
    cdef Interrupt interrupt
    cdef Py_ssize_t work

    def __cinit__(self, const uint8_t[::1] pattern not None):
        cdef Py_ssize_t i, state = 0
        self.pattern = pattern
        self.size = pattern.shape[0]
        self.borders = np.zeros(self.size + 1, np.int64)
        self.interrupt = Interrupt()
        for i in range(1, self.size):
            while state and pattern[i] != pattern[state]:
                state = self.borders[state]
            state += pattern[i] == pattern[state]
            self.borders[i + 1] = state

    cdef Py_ssize_t find(self, const uint8_t* text, Py_ssize_t i, Py_ssize_t end) except -1 nogil:
        """Return the begin of the first match from `i` on; `end` if there is none."""
        cdef Py_ssize_t state = 0, start = i, stop = min(end, i + CHECK_EVERY - self.work)
        while i < end:
            if i >= stop:
                self.work = 0
                start = i
                stop = min(end, i + CHECK_EVERY)
                if self.interrupt.check():
                    with gil:
                        self.interrupt.raise_error()
            if state == 0:
                i = find_byte(text, i, stop, self.pattern[0])
                if i == stop:
                    continue
                i += 1
                state = 1
            elif text[i] == self.pattern[state]:
                i += 1
                state += 1
            else:
                state = self.borders[state]
                continue
            if state == self.size:
                self.work += i - start
                return i - state
        self.work += end - start
        return end


cdef inline Py_ssize_t find_byte(
    const uint8_t* text, Py_ssize_t i, Py_ssize_t stop, uint8_t byte
) noexcept nogil:
    """Return the first position of a byte from `i` on; `stop` if there is none."""
    cdef const uint8_t* at
    cdef Py_ssize_t near = min(stop, i + NEAR)
    while i < near:
        if text[i] == byte:
            return i
        i += 1
    at = <const uint8_t*>memchr(text + i, byte, stop - i) if i < stop else NULL
    return at - text if at != NULL else stop


cdef Py_ssize_t find_last(const uint8_t* text, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """Return the begin of the last code point between `begin` and `end`; `end` if there is none."""
    cdef Py_ssize_t start = end, length
    while begin < start and end - start < 4:
        start -= 1
        if text[start] & 0xC0 != 0x80:
            break
    if start < end:
        read_code_point(text, start, end, &length)
        if start + length < end:  # not valid UTF-8
            return end - 1
    return start


cdef inline int copy(Output out, const uint8_t* text, Py_ssize_t i, Py_ssize_t end) except -1 nogil:
    """Write the text from `i` to `end`, aligned with itself."""
    cdef Py_ssize_t k, n = out.n, size = end - i
    if size <= 0:
        return 0
    out.reserve(size)
    memcpy(out.text + n, text + i, size)
    if out.origins != NULL:
        for k in range(size):
            out.origins[2 * (n + k)] = i + k
            out.origins[2 * (n + k) + 1] = i + k + 1
    out.n += size
    return 0


cdef inline int write(
    Output out, const uint8_t* replacement, Py_ssize_t size, const uint8_t* text, Py_ssize_t begin, Py_ssize_t end
) except -1 nogil:
    """Write a replacement, aligned with the last code point between `begin` and `end`; see `replace_spans`."""
    cdef Py_ssize_t k, start, n = out.n
    if size == 0:
        return 0
    out.reserve(size)
    memcpy(out.text + n, replacement, size)
    if out.origins != NULL:
        start = find_last(text, begin, end)
        if begin == end:  # an empty match at the start of a row, at the position at which the row begins in raw text
            start = end = -1
        for k in range(size):
            out.origins[2 * (n + k)] = start
            out.origins[2 * (n + k) + 1] = end
    out.n += size
    return 0


def replace_text(
    const uint8_t[::1] text,
    const int64_t[::1] offsets,
    const uint8_t[::1] pattern,
    const uint8_t[::1] replacement,
    bint aligned,
):
    """Replace every occurrence of a pattern in the rows of `text`, uint8[n], with `offsets`, int64[k + 1].

    `pattern` is uint8[p] with p > 0, `replacement` is uint8[r]. Occurrences do not overlap: the search continues after
    each one. Return None if there are none. Otherwise, return the new text, uint8[m], its offsets, int64[k + 1], and,
    if `aligned`, the begin and end of the origin of each new byte, int64[m, 2], or None. The origin of a replacement is
    the last code point of the occurrence. O(n + p + m).
    """
    cdef Py_ssize_t row, i, end, at, n_rows = offsets.shape[0] - 1
    cdef const uint8_t* source = &text[0] if text.shape[0] else NULL
    cdef const uint8_t* new = &replacement[0] if replacement.shape[0] else NULL
    cdef Finder finder = Finder(pattern)
    cdef bint is_found = False
    cdef Output out
    cdef int64_t[::1] out_offsets
    with nogil:
        for row in range(n_rows):
            end = offsets[row + 1]
            if finder.find(source, offsets[row], end) < end:
                is_found = True
                break
    if not is_found:
        return None
    out = Output(offsets[n_rows] - offsets[0] + replacement.shape[0], 2 * aligned)
    out_offsets = np.empty(n_rows + 1, np.int64)
    with nogil:
        for row in range(n_rows):
            out_offsets[row] = out.n
            i = offsets[row]
            end = offsets[row + 1]
            while i < end:
                at = finder.find(source, i, end)
                copy(out, source, i, at)
                i = end
                if at < end:
                    i = at + pattern.shape[0]
                    write(out, new, replacement.shape[0], source, at, i)
        out_offsets[n_rows] = out.n
    return out.values[: out.n], out_offsets.base, out.alignment[: 2 * out.n].reshape(-1, 2) if aligned else None


def replace_spans(
    const uint8_t[::1] text,
    const int64_t[::1] offsets,
    const int64_t[:] starts,
    const int64_t[:] ends,
    const int64_t[::1] bounds,
    const uint8_t[::1] replacement,
    bint aligned,
):
    """Replace spans of the rows of `text`, uint8[n], with `offsets`, int64[k + 1].

    `starts` and `ends`, int64[s], are those of the spans, in ascending order and without overlaps. Row i has the spans
    bounds[i] to bounds[i + 1] - 1; `bounds` is int64[k + 1]. Each span is replaced by `replacement`, uint8[r].

    Return the new text, uint8[m], its offsets, int64[k + 1], and, if `aligned`, the begin and end of the origin of each
    new byte, int64[m, 2]; otherwise None. The origin of a replacement is the last code point before the end of its
    span. If there is none, because the span is empty and at the start of its row, the origin is (-1, -1).
    """
    cdef Py_ssize_t row, i, j, k, n_rows = offsets.shape[0] - 1
    cdef const uint8_t* source = &text[0] if text.shape[0] else NULL
    cdef const uint8_t* new = &replacement[0] if replacement.shape[0] else NULL
    cdef Output out = Output(offsets[n_rows] - offsets[0] + replacement.shape[0], 2 * aligned)
    cdef int64_t[::1] out_offsets = np.empty(n_rows + 1, np.int64)
    with nogil:
        for row in range(n_rows):
            out_offsets[row] = out.n
            i = offsets[row]
            for k in range(bounds[row], bounds[row + 1]):
                copy(out, source, i, starts[k])
                if out.origins != NULL and i < starts[k] == ends[k]:
                    # The origin of the replacement is the last character that was copied. All bytes of this character
                    # get the same origin, so that begins do not decrease.
                    i = find_last(source, i, starts[k])
                    for j in range(out.n - (starts[k] - i), out.n):
                        out.origins[2 * j] = i
                        out.origins[2 * j + 1] = starts[k]
                i = ends[k]
                write(out, new, replacement.shape[0], source, offsets[row], i)
            copy(out, source, i, offsets[row + 1])
        out_offsets[n_rows] = out.n
    return out.values[: out.n], out_offsets.base, out.alignment[: 2 * out.n].reshape(-1, 2) if aligned else None
