"""Growing output buffer; see _output.pyx."""

cimport cython
from libc.stdint cimport int64_t, uint8_t


@cython.final
cdef class Output:
    cdef object values  # uint8[capacity]
    cdef object alignment  # int64[capacity * width] or None
    cdef uint8_t* text
    cdef int64_t* origins  # the data of `alignment`, or NULL
    cdef Py_ssize_t n
    cdef Py_ssize_t capacity
    cdef Py_ssize_t width
    cdef int grow(self, Py_ssize_t capacity) except -1

    cdef inline int reserve(self, Py_ssize_t more) except -1 nogil:
        if self.n + more > self.capacity:
            with gil:
                self.grow(self.n + more + (self.capacity >> 1))
        return 0
