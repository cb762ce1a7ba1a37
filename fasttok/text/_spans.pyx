"""Where pretokens lie: what a pretokenizer hands to the kernels that count and encode.

A kernel asks for the next few spans of a text, works on them while both are in the processor's nearest
cache, and asks again; nothing of this waits for Python. A scanner never makes a list of all pretokens.
"""

import numpy as np

cimport cython
from libc.stdint cimport int64_t, uint8_t


cdef class Spans:
    """A source of spans. What it holds besides its constants makes it one thread's, and one text's."""

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
        """Write the next spans, at most n, of the document from `begin` to `end`; return how many.

        `position` is where the document has been read to, and is moved on. Spans ascend, are not empty and
        do not overlap.
        """
        position[0] = end
        return 0


@cython.final
cdef class Boundaries(Spans):
    """Spans between consecutive boundaries that are known already; every row's end must be among them.

    One that stands twice is an empty row, and no span.
    """

    def __cinit__(self, const int64_t[::1] boundaries):
        self.boundaries = boundaries

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
        cdef Py_ssize_t k = 0
        while k < n and position[0] < end:
            starts[k] = position[0]
            self.used += 1
            position[0] = self.boundaries[self.used]
            ends[k] = position[0]
            k += starts[k] < ends[k]
        return k


@cython.final
cdef class Nested(Spans):
    """The spans of `inner` in each stretch between consecutive boundaries, taken as a text of its own."""

    def __cinit__(self, const int64_t[::1] boundaries, Spans inner not None):
        self.boundaries = boundaries
        self.inner = inner

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
        cdef Py_ssize_t k = 0
        while k < n and position[0] < end:
            while self.boundaries[self.used + 1] <= position[0]:
                self.used += 1
            k += self.inner.next(
                text,
                self.boundaries[self.used],
                self.boundaries[self.used + 1],
                position,
                starts + k,
                ends + k,
                n - k,
            )
        return k


def list_spans(Spans spans, const uint8_t[::1] text, const int64_t[::1] offsets):
    """List all spans of rows of text: begin and end of each, int64[k, 2], and where those of each row start,
    int64[rows + 1].
    """
    cdef Py_ssize_t n_rows = offsets.shape[0] - 1, row, position, n, k = 0, room
    cdef int64_t[::1] bounds = np.zeros(n_rows + 1, np.int64)
    cdef int64_t[:, ::1] places
    cdef int64_t[:, ::1] larger
    room = 64 + (offsets[n_rows] - offsets[0]) // 4
    places = np.empty((2, room), np.int64)
    for row in range(n_rows):
        position = offsets[row]
        while position < offsets[row + 1]:
            if k == room:
                room *= 2
                larger = np.empty((2, room), np.int64)
                larger[:, :k] = places
                places = larger
            n = room - k
            k += spans.next(
                &text[0], offsets[row], offsets[row + 1], &position, &places[0, k], &places[1, k], n
            )
        bounds[row + 1] = k
    return np.ascontiguousarray(np.asarray(places[:, :k]).T), bounds.base


def trace_spans(int64_t[:, ::1] spans, const int64_t[:, ::1] made_of):
    """Put in the place of each span of a rewritten text that of what it was made of; see `Rows.spans`.

    A span that is empty becomes an empty one before what was made into the byte after it.
    """
    cdef Py_ssize_t i, start, end
    with nogil:
        for i in range(spans.shape[0]):
            start = spans[i, 0]
            end = spans[i, 1]
            spans[i, 0] = made_of[start, 0]
            spans[i, 1] = made_of[end - 1, 1] if start < end else spans[i, 0]
