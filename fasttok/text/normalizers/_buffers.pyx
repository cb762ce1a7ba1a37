"""Growing buffers: rewritten text with the origins of its bytes, and segments of decomposed text."""

import numpy as np

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcpy

cdef enum:
    FEW = 32  # runs of at most this many marks are sorted by insertion


@cython.final
cdef class Output:
    """Buffer of `n` bytes written so far, with `width` origins per byte; for one thread."""

    def __cinit__(self, Py_ssize_t capacity, Py_ssize_t width):
        self.width = width
        self.values = np.empty(0, np.uint8)
        self.alignment = np.empty(0, np.int64) if width else None
        self.grow(capacity)

    cdef int grow(self, Py_ssize_t capacity) except -1:
        cdef uint8_t[::1] values = np.empty(capacity, np.uint8)
        cdef int64_t[::1] alignment
        if self.n:
            memcpy(&values[0], self.text, self.n)
        self.values = values.base
        self.text = &values[0]
        if self.alignment is not None:
            alignment = np.empty(capacity * self.width, np.int64)
            if self.n:
                memcpy(&alignment[0], self.origins, self.n * self.width * sizeof(int64_t))
            self.alignment = alignment.base
            self.origins = &alignment[0]
        self.capacity = capacity
        return 0


@cython.final
cdef class Segment:
    """Code points to reorder and compose independently of the text around them; for one thread.

    They have combining classes. `origins` are the positions of the input code points.

    `taken` is the number of input code points that a code point takes the place of: 1 for the first code point of a
    decomposition, 0 for the others, and the sum of both for a composition. From these numbers, the origins are
    distributed in the order of the output. They do not follow the marks that were reordered, so neither begins nor
    ends decrease.
    """

    def __cinit__(self):
        self.codes = np.empty(64, np.uint32)
        self.classes = np.empty(64, np.uint8)
        self.taken = np.empty(64, np.int64)
        self.origins = np.empty((64, 2), np.int64)

    cdef int grow(self, Py_ssize_t capacity) except -1:
        self.codes = np.resize(self.codes, capacity)
        self.classes = np.resize(self.classes, capacity)
        self.taken = np.resize(self.taken, capacity)
        return 0

    cdef int grow_origins(self, Py_ssize_t capacity) except -1:
        self.origins = np.resize(self.origins, (capacity, 2))
        return 0

    cdef int order(self) except -1 nogil:
        """Sort every run of marks by class (stable). O(n)."""
        cdef Py_ssize_t i = 0, start, n = self.n
        cdef bint is_ordered
        while i < n:
            start = i
            is_ordered = True
            while i < n and self.classes[i]:
                is_ordered &= i == start or self.classes[i - 1] <= self.classes[i]
                i += 1
            if not is_ordered and i - start <= FEW:
                self._insert(start, i)
            elif not is_ordered:
                with gil:
                    self._sort(start, i)
            i += i == start
        return 0

    cdef void _insert(self, Py_ssize_t start, Py_ssize_t end) noexcept nogil:
        cdef Py_ssize_t i, k
        cdef uint32_t c
        cdef uint8_t class_
        cdef int64_t taken
        for i in range(start + 1, end):
            c = self.codes[i]
            class_ = self.classes[i]
            taken = self.taken[i]
            k = i
            while k > start and self.classes[k - 1] > class_:
                self.codes[k] = self.codes[k - 1]
                self.classes[k] = self.classes[k - 1]
                self.taken[k] = self.taken[k - 1]
                k -= 1
            self.codes[k] = c
            self.classes[k] = class_
            self.taken[k] = taken

    cdef int _sort(self, Py_ssize_t start, Py_ssize_t end) except -1:
        order = np.argsort(self.classes[start:end], kind="stable")  # NumPy uses a radix sort for bytes
        for array in (np.asarray(self.codes), np.asarray(self.classes), np.asarray(self.taken)):
            array[start:end] = array[start:end][order]
        return 0
