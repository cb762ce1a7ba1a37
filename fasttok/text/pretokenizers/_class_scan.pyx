"""Scanners that decide from tables of code points; the tables are made in `classes.py` and `scripts.py`."""

cimport cython
from libc.stdint cimport int64_t, uint8_t

from fasttok.text._spans cimport Spans
from fasttok.text.unicode._utf8 cimport read_code_point

cdef enum:
    KIND = 0x3F
    ENDS = 0x40
    BEGINS = 0x80


cdef inline uint8_t look_up(
    const uint8_t* table, const uint8_t* text, Py_ssize_t i, Py_ssize_t end, Py_ssize_t* length
) noexcept nogil:
    """Return the entry of the code point at `i`; store its length in bytes."""
    if text[i] < 0x80:
        length[0] = 1
        return table[text[i]]
    return table[read_code_point(text, i, end, length)]


@cython.final
cdef class ClassScanner(Spans):
    """Spans of runs of code points of one kind. Has no other state than its table, so all threads can share it.

    `table`, uint8[0x110000], has the kind of every code point, from 0 to 63. Code points of kind 0 are dropped. Two
    neighbouring code points of another kind are in the same span if their kinds are equal, the first does not have the
    bit ENDS (0x40), and the second does not have the bit BEGINS (0x80). An invalid byte 0xNN is looked up as U+DCNN.
    """

    cdef const uint8_t[::1] table

    def __cinit__(self, const uint8_t[::1] table not None):
        if table.shape[0] != 0x110000:
            raise ValueError("the table must have one entry per code point")
        self.table = table

    cdef Py_ssize_t next(
        self,
        const uint8_t* text,
        Py_ssize_t begin,
        Py_ssize_t end,
        Py_ssize_t* position,
        int64_t* starts,
        int64_t* ends,
        Py_ssize_t n,
    ) noexcept nogil:
        cdef const uint8_t* table = &self.table[0]
        cdef Py_ssize_t i = position[0], k = 0, length = 0
        cdef uint8_t before = 0, entry
        if i < end:
            before = look_up(table, text, i, end, &length)
        while i < end and k < n:
            while not before & KIND:
                i += length
                if i >= end:
                    position[0] = end
                    return k
                before = look_up(table, text, i, end, &length)
            starts[k] = i
            i += length
            while i < end:
                entry = look_up(table, text, i, end, &length)
                # Equal kinds, no bit ENDS before and no bit BEGINS after.
                if (before ^ entry) & KIND or before & ENDS or entry & BEGINS:
                    before = entry
                    break
                before = entry
                i += length
            ends[k] = i
            k += 1
        position[0] = i
        return k


@cython.final
cdef class SharedRunScanner(Spans):
    """Spans of runs of code points of one kind, with code points that belong to every kind. All threads can share it.

    `table`, uint8[0x110000], has the kind of every code point. Code points of kind 0 continue the span before them.
    They are dropped at the beginning of a document.
    """

    cdef const uint8_t[::1] table

    def __cinit__(self, const uint8_t[::1] table not None):
        if table.shape[0] != 0x110000:
            raise ValueError("the table must have one entry per code point")
        self.table = table

    cdef Py_ssize_t next(
        self,
        const uint8_t* text,
        Py_ssize_t begin,
        Py_ssize_t end,
        Py_ssize_t* position,
        int64_t* starts,
        int64_t* ends,
        Py_ssize_t n,
    ) noexcept nogil:
        cdef const uint8_t* table = &self.table[0]
        cdef Py_ssize_t i = position[0], k = 0, length
        cdef uint8_t kind, other
        while i < end and k < n:
            kind = look_up(table, text, i, end, &length)
            if not kind:  # only at the beginning, since these code points end no span
                i += length
                continue
            starts[k] = i
            i += length
            while i < end:
                other = look_up(table, text, i, end, &length)
                if other and other != kind:
                    break
                i += length
            ends[k] = i
            k += 1
        position[0] = i
        return k


@cython.final
cdef class LengthScanner(Spans):
    """Spans of a fixed number of code points; the last may be shorter. All threads can share it."""

    cdef Py_ssize_t size

    def __cinit__(self, Py_ssize_t size):
        self.size = size

    cdef Py_ssize_t next(
        self,
        const uint8_t* text,
        Py_ssize_t begin,
        Py_ssize_t end,
        Py_ssize_t* position,
        int64_t* starts,
        int64_t* ends,
        Py_ssize_t n,
    ) noexcept nogil:
        cdef Py_ssize_t i = position[0], k = 0, length, left
        while i < end and k < n:
            starts[k] = i
            left = self.size
            while i < end and left:
                if text[i] < 0x80:
                    length = 1
                else:
                    read_code_point(text, i, end, &length)
                i += length
                left -= 1
            ends[k] = i
            k += 1
        position[0] = i
        return k
