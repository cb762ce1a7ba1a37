"""Code points to reorder and compose; see _segment.pyx."""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t


@cython.final
cdef class Segment:
    cdef uint32_t[::1] codes
    cdef uint8_t[::1] classes
    cdef int64_t[:, ::1] spans
    cdef Py_ssize_t n
    cdef int grow(self, Py_ssize_t capacity) except -1
    cdef int order(self) except -1 nogil
    cdef void _insert(self, Py_ssize_t start, Py_ssize_t end) noexcept nogil
    cdef int _sort(self, Py_ssize_t start, Py_ssize_t end) except -1
    cdef void align(self) noexcept nogil

    cdef inline int add(self, uint32_t c, uint8_t class_, int64_t start, int64_t end) except -1 nogil:
        if self.n == self.codes.shape[0]:
            with gil:
                self.grow(2 * self.n)
        self.codes[self.n] = c
        self.classes[self.n] = class_
        self.spans[self.n, 0] = start
        self.spans[self.n, 1] = end
        self.n += 1
        return 0
