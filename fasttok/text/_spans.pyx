"""Where pretokens lie: what a pretokenizer hands to the kernels that count and encode.

A kernel asks for the next few spans of a text, works on them while both are in the processor's nearest
cache, and asks again; nothing of this waits for Python. A scanner never makes a list of all pretokens.
"""

import numpy as np

cimport cython
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport free, malloc


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


cdef struct Layer:
    const int64_t* made_of  # begin and end of what each byte was made of,
    Py_ssize_t step  # from one begin to the next
    Py_ssize_t n  # bytes
    const int64_t* offsets  # of the rows
    const int64_t* parents  # the row before of each row; NULL if they are the same


cdef inline void trace_stretch(Layer* layer, int64_t row, int64_t* start, int64_t* end) noexcept nogil:
    """Replace a stretch of a row by what it was made of.

    One that is empty comes before what follows it, or, at the end of its row, after what is before it; between two
    bytes that were made of the same it was made of that.
    """
    cdef bint is_empty = start[0] == end[0], is_last = start[0] == layer.offsets[row + 1]
    start[0] = layer.made_of[max(0, min(start[0], layer.n - 1)) * layer.step] if layer.n else 0
    end[0] = layer.made_of[(min(end[0], layer.n) - 1) * layer.step + 1] if end[0] > 0 and layer.n else 0
    if is_empty:
        if is_last:
            start[0] = end[0]
        end[0] = max(start[0], end[0])


def trace(int64_t[:, ::1] spans, const int64_t[::1] bounds, rewritings):
    """Follow spans of a text to what their first to their last bytes were made of, in place.

    Those of row i of the text are from `bounds[i]` to `bounds[i + 1]`. Each of the `rewritings`, the last one first,
    has what each byte was made of, int64[n, 2], the offsets of the rows, and the row before of each, or None.
    """
    cdef const int64_t[:, :] made_of
    cdef const int64_t[::1] offsets, parents
    cdef Py_ssize_t i, k, n_layers = len(rewritings)
    cdef int64_t row, at, first, first_end, last, last_end
    cdef Layer* layers = <Layer*>malloc(n_layers * sizeof(Layer) + 1)
    if layers == NULL:
        raise MemoryError("no memory to trace spans")
    try:
        for k in range(n_layers):
            made_of, offsets, before = rewritings[k]
            layers[k].n = made_of.shape[0]
            layers[k].made_of = &made_of[0, 0] if layers[k].n else NULL
            layers[k].step = made_of.strides[0] // 8
            layers[k].offsets = &offsets[0]
            layers[k].parents = NULL
            if before is not None:
                parents = before
                layers[k].parents = &parents[0] if parents.shape[0] else NULL
        for row in range(bounds.shape[0] - 1):
            for i in range(bounds[row], bounds[row + 1]):
                at = row
                first = spans[i, 0]
                first_end = first + 1
                last_end = spans[i, 1]
                last = last_end - (first < last_end)
                for k in range(n_layers):
                    trace_stretch(&layers[k], at, &first, &first_end)
                    if spans[i, 0] < spans[i, 1]:
                        trace_stretch(&layers[k], at, &last, &last_end)
                    if layers[k].parents != NULL:
                        at = layers[k].parents[at]
                spans[i, 1] = last_end if spans[i, 0] < spans[i, 1] else first
                spans[i, 0] = first
    finally:
        free(layers)
