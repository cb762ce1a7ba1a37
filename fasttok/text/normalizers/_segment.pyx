"""Segments of decomposed text, whose marks are reordered and composed independently of the text around them."""

import numpy as np

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t

cdef enum:
    FEW = 32  # runs of at most this many marks are sorted by insertion


@cython.final
cdef class Segment:
    """Code points with their combining classes and their origins in the text; for one thread."""

    def __cinit__(self):
        self.codes = np.empty(64, np.uint32)
        self.classes = np.empty(64, np.uint8)
        self.spans = np.empty((64, 2), np.int64)

    cdef int grow(self, Py_ssize_t capacity) except -1:
        self.codes = np.resize(self.codes, capacity)
        self.classes = np.resize(self.classes, capacity)
        self.spans = np.resize(self.spans, (capacity, 2))
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
        cdef int64_t first, last
        for i in range(start + 1, end):
            c = self.codes[i]
            class_ = self.classes[i]
            first = self.spans[i, 0]
            last = self.spans[i, 1]
            k = i
            while k > start and self.classes[k - 1] > class_:
                self.codes[k] = self.codes[k - 1]
                self.classes[k] = self.classes[k - 1]
                self.spans[k, 0] = self.spans[k - 1, 0]
                self.spans[k, 1] = self.spans[k - 1, 1]
                k -= 1
            self.codes[k] = c
            self.classes[k] = class_
            self.spans[k, 0] = first
            self.spans[k, 1] = last

    cdef int _sort(self, Py_ssize_t start, Py_ssize_t end) except -1:
        order = np.argsort(self.classes[start:end], kind="stable")  # NumPy uses a radix sort for bytes
        for array in (np.asarray(self.codes), np.asarray(self.classes), np.asarray(self.spans)):
            array[start:end] = array[start:end][order]
        return 0

    cdef void align(self) noexcept nogil:
        """Widen the origins so that begins and ends ascend although code points were reordered."""
        cdef Py_ssize_t i
        for i in range(self.n - 2, -1, -1):
            self.spans[i, 0] = min(self.spans[i, 0], self.spans[i + 1, 0])
        for i in range(1, self.n):
            self.spans[i, 1] = max(self.spans[i, 1], self.spans[i - 1, 1])
