"""Growing output buffer for rewritten text and the origins of its bytes."""

import numpy as np

cimport cython
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy


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
