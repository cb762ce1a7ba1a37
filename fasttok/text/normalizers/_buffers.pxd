"""Growing buffers; see _buffers.pyx."""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t


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


@cython.final
cdef class Segment:
    cdef uint32_t[::1] codes
    cdef uint8_t[::1] classes
    cdef int64_t[::1] taken
    cdef int64_t[:, ::1] origins
    cdef Py_ssize_t n
    cdef Py_ssize_t n_origins
    cdef int grow(self, Py_ssize_t capacity) except -1
    cdef int grow_origins(self, Py_ssize_t capacity) except -1
    cdef int order(self) except -1 nogil
    cdef void _insert(self, Py_ssize_t start, Py_ssize_t end) noexcept nogil
    cdef int _sort(self, Py_ssize_t start, Py_ssize_t end) except -1

    cdef inline int add(self, uint32_t c, uint8_t class_, int64_t taken) except -1 nogil:
        if self.n == self.codes.shape[0]:
            with gil:
                self.grow(2 * self.n)
        self.codes[self.n] = c
        self.classes[self.n] = class_
        self.taken[self.n] = taken
        self.n += 1
        return 0

    cdef inline int add_origin(self, int64_t start, int64_t end) except -1 nogil:
        if self.n_origins == self.origins.shape[0]:
            with gil:
                self.grow_origins(2 * self.n_origins)
        self.origins[self.n_origins, 0] = start
        self.origins[self.n_origins, 1] = end
        self.n_origins += 1
        return 0

    cdef inline void clear(self) noexcept nogil:
        self.n = 0
        self.n_origins = 0
