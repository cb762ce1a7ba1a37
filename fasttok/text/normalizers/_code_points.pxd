"""Declarations of _code_points.pyx: the table that rewrites code points."""

cimport cython
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fasttok.core._interrupt cimport Interrupt
from fasttok.text.normalizers._buffers cimport Output, Segment

cdef enum:
    WORK = 255  # value in place of a combining class: the code point needs more than a copy
    SPACED = 1  # value in place of a sequence number: the code point itself, between spaces


cdef struct Sequence:  # the replacement of a code point
    const uint8_t* text
    Py_ssize_t length
    uint8_t first  # class of its first code point before any was dropped; WORK if it is dropped before reordering
    uint8_t last  # class of its last code point that was not dropped or, if all were, of its last code point


@cython.final
cdef class CodePoints:
    cdef const uint32_t[::1] table
    cdef const uint64_t[::1] sequences
    cdef const uint8_t[::1] text
    cdef const uint64_t[::1] pairs
    cdef const uint32_t[::1] composed
    cdef bint composes
    cdef uint16_t ascii[128]  # the replacement of an ASCII byte, or WORK << 8
    cdef bint is_fast  # printable ASCII is kept, except perhaps capital letters
    cdef bint is_lower  # capital letters are lower-cased
    cdef bint is_clean  # at least one control character is not kept

    cdef bint _leaves_row_alone(self, const uint8_t* text, Py_ssize_t i, Py_ssize_t end) noexcept nogil
    cdef int _rewrite_row(
        self,
        const uint8_t* text,
        Py_ssize_t i,
        Py_ssize_t end,
        Output out,
        Segment segment,
        Py_ssize_t* work,
        Interrupt interrupt,
    ) except -1 nogil
    cdef Py_ssize_t _end_of_segment(
        self, const uint8_t* text, Py_ssize_t i, Py_ssize_t end, Py_ssize_t* work, Interrupt interrupt
    ) except -1 nogil
    cdef int _rewrite_segment(
        self,
        const uint8_t* text,
        Py_ssize_t i,
        Py_ssize_t end,
        Output out,
        Segment segment,
        Py_ssize_t* work,
        Interrupt interrupt,
    ) except -1 nogil
    cdef int _compose(self, Segment segment) except -1 nogil
    cdef uint32_t _compose_pair(self, uint32_t a, uint32_t b) noexcept nogil
    cdef Py_ssize_t rewrite_word(
        self, const uint8_t* text, Py_ssize_t length, uint8_t* out, Py_ssize_t capacity
    ) noexcept nogil

    cdef inline Sequence _sequence(self, uint32_t entry) noexcept nogil:
        cdef Sequence sequence
        cdef uint64_t known = self.sequences[entry & 0xFFFF]
        sequence.text = &self.text[0] + <uint32_t>known
        sequence.length = known >> 32 & 0xFF
        sequence.first = known >> 40 & 0xFF
        sequence.last = known >> 48
        return sequence

    cdef inline bint _stops(self, uint64_t word) noexcept nogil:
        """Return whether eight bytes contain a byte that the fast loops cannot handle."""
        # All bits 7 are clear only if byte < 0x80 for every byte; with `is_clean`, only if 0x20 <= byte < 0x7F.
        return (
            word | (word + 0x0101010101010101ULL | word - 0x2020202020202020ULL if self.is_clean else 0)
        ) & 0x8080808080808080ULL != 0


cdef inline uint8_t class_of(uint32_t entry) noexcept nogil:
    """Return the combining class of a code point that is kept, or WORK. A segment can begin at a class of 0."""
    return entry >> 16
