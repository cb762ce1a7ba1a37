"""Sources of the spans of pretokens, which kernels read while they count and encode.

A kernel requests the next few hundred spans of a text, processes them while the text is in the L1 cache, and
requests more. This happens without the GIL. A scanner never makes a list of all pretokens.
"""

import numpy as np

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc


cdef class Spans:
    """Base class of sources of spans. A source with state is for one thread and one batch of text."""

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
        """Write the next spans of the document from `begin` to `end`, at most n. Return their number.

        `starts` and `ends` have the capacity for n spans. `position` is the position up to which the document has been
        read; it is advanced, and reaches `end` after the last span. Spans ascend, are not empty and do not overlap.
        """
        position[0] = end
        return 0

    cdef Py_ssize_t next_ends(
        self,
        const uint8_t* text,
        Py_ssize_t begin,
        Py_ssize_t end,
        Py_ssize_t* position,
        uint32_t* ends,
        Py_ssize_t n,
    ) noexcept nogil:
        """Write the ends of the next spans, as offsets from `position`. Return their number, or TOO_LONG.

        Only defined if `has_ends`. `ends` has the capacity for n >= 64 ends, all of which may be overwritten. The other
        parameters are those of `next`.
        """
        return TOO_LONG


@cython.final
cdef class Boundaries(Spans):
    """Spans between consecutive boundaries of a given array, which includes the end of every row.

    `boundaries`, int64[m], ascends and begins with the start of the first row. Equal boundaries have no span between
    them.
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
cdef class Kept(Spans):
    """Spans between consecutive boundaries, like `Boundaries`, without those that are dropped.

    `boundaries` is as in `Boundaries`: int64[m]. `kept`, uint8[m - 1], tells which spans are kept.
    """

    def __cinit__(self, const int64_t[::1] boundaries, const uint8_t[::1] kept):
        self.boundaries = boundaries
        self.kept = kept

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
        cdef bint is_kept
        while k < n and position[0] < end:
            is_kept = self.kept[self.used]
            starts[k] = position[0]
            self.used += 1
            position[0] = self.boundaries[self.used]
            ends[k] = position[0]
            k += is_kept and starts[k] < ends[k]
        return k


@cython.final
cdef class Nested(Spans):
    """Spans of `inner` in the texts between consecutive boundaries, each of which is a document for `inner`.

    `boundaries` is as in `Boundaries`: int64[m], ascending, with the start of the first row and the end of every row.
    """

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
    """List all spans of rows of text, uint8[n], with the given offsets, int64[n_rows + 1].

    Return the begin and end of each span, int64[k, 2], and the index of the first span of each row followed by k,
    int64[n_rows + 1].
    """
    cdef Py_ssize_t n_rows = offsets.shape[0] - 1, row, position, n, k = 0, capacity
    cdef int64_t[::1] bounds = np.zeros(n_rows + 1, np.int64)
    cdef int64_t[:, ::1] found
    cdef int64_t[:, ::1] larger
    capacity = 64 + (offsets[n_rows] - offsets[0]) // 4
    found = np.empty((2, capacity), np.int64)
    for row in range(n_rows):
        position = offsets[row]
        while position < offsets[row + 1]:
            if k == capacity:
                capacity *= 2
                larger = np.empty((2, capacity), np.int64)
                larger[:, :k] = found
                found = larger
            n = capacity - k
            k += spans.next(
                &text[0], offsets[row], offsets[row + 1], &position, &found[0, k], &found[1, k], n
            )
        bounds[row + 1] = k
    return np.ascontiguousarray(np.asarray(found[:, :k]).T), bounds.base


cdef enum:
    HEAD = -2  # begin of a span: the head of the row


cdef struct Layer:  # a Rewriting of rows.py
    const int64_t* made_of  # begin and end of the origin of each byte
    Py_ssize_t step  # number of int64 from the begin of one origin to the begin of the next
    Py_ssize_t n  # number of bytes
    const int64_t* offsets  # offsets of the rows
    const int64_t* parents  # input row of each row; NULL if the rows are those of the input
    const int64_t* inputs  # offsets of the input rows
    const int64_t* heads  # position after the spaces at the start of each row; NULL if the step does not tell


cdef inline void trace_span(Layer* layer, int64_t row, int64_t* start, int64_t* end) noexcept nogil:
    """Replace a span of a row by its origin.

    The origin of an empty span is the position before the origin of the next byte, or, at the end of its row, the
    position after the origin of the last byte. Between two bytes of the same origin, it is that origin.

    Text that a later layer has dropped at the begin of a row may belong to the last byte of the row before. A layer that
    cuts rows takes it away again: an added token, or other text that is in no row, may be between the two rows.

    The begin -1 means the begin of the row in the raw text. A layer that cuts rows turns it into a position. The begin
    -2 means the head of the row, in the next layer that has heads. In such a layer, dropped text at the start of all
    rows comes after this position.
    """
    cdef int64_t limit = layer.offsets[row + 1]
    cdef bint is_empty, is_last
    if layer.parents != NULL:
        start[0] = min(start[0], limit)
        end[0] = min(end[0], limit)
    is_empty = start[0] == end[0]
    is_last = start[0] == limit
    if start[0] >= 0:
        start[0] = layer.made_of[min(start[0], layer.n - 1) * layer.step] if layer.n else 0
    elif start[0] == HEAD and layer.heads != NULL:
        start[0] = layer.heads[row]
    elif layer.parents != NULL:
        start[0] = layer.made_of[layer.offsets[row] * layer.step] if layer.offsets[row] < layer.n else 0
    if end[0] > 0 and layer.n:
        end[0] = layer.made_of[(min(end[0], layer.n) - 1) * layer.step + 1]
    elif end[0] >= 0:
        end[0] = 0 if layer.heads == NULL else layer.made_of[0] if layer.n else layer.inputs[row + 1]
    if is_empty and is_last:
        start[0] = end[0]
    elif is_empty:
        end[0] = start[0] if start[0] < 0 else max(start[0], end[0])


def trace(int64_t[:, ::1] spans, const int64_t[::1] bounds, rewritings):
    """Replace spans by their origins in place: from the begin of the first byte's origin to the end of the last byte's.

    `spans` is int64[m, 2], `bounds` int64[k + 1]. The spans of row i are spans bounds[i] to bounds[i + 1] - 1. The
    `rewritings` are in reverse order of the steps. Each contains the origin of each byte, int64[n, 2], the offsets of
    the rows, int64[k + 1], the input row of each row, int64[k], or None if the rows are those of the input, the
    offsets of the input rows, and the head of each row, int64[k], or None.
    """
    cdef const int64_t[:, :] made_of
    cdef const int64_t[::1] offsets, parents, inputs, heads
    cdef Py_ssize_t i, k, n_layers = len(rewritings)
    cdef int64_t row, at, first, first_end, last, last_end
    cdef Layer* layers = <Layer*>malloc(n_layers * sizeof(Layer) + 1)
    if layers == NULL:
        raise MemoryError("not enough memory to trace spans")
    try:
        for k in range(n_layers):
            made_of, offsets, before, inputs, after_spaces = rewritings[k]
            layers[k].n = made_of.shape[0]
            layers[k].made_of = &made_of[0, 0] if layers[k].n else NULL
            layers[k].step = made_of.strides[0] // 8
            layers[k].offsets = &offsets[0]
            layers[k].inputs = &inputs[0]
            layers[k].parents = NULL
            layers[k].heads = NULL
            if after_spaces is not None:
                heads = after_spaces
                layers[k].heads = &heads[0] if heads.shape[0] else NULL
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
                    trace_span(&layers[k], at, &first, &first_end)
                    if spans[i, 0] < spans[i, 1]:
                        trace_span(&layers[k], at, &last, &last_end)
                    if layers[k].parents != NULL:
                        at = layers[k].parents[at]
                if n_layers and first < 0:
                    first = first_end = layers[n_layers - 1].inputs[at]
                if n_layers and last_end < 0:
                    last_end = layers[n_layers - 1].inputs[at]
                spans[i, 1] = last_end if spans[i, 0] < spans[i, 1] else first
                spans[i, 0] = first
    finally:
        free(layers)
