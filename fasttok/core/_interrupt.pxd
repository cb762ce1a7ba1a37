"""Interruption of long-running kernels; see _interrupt.pyx."""

cimport cython


@cython.final
cdef class Interrupt:
    cdef object error
    cdef bint check(self) noexcept nogil
    cdef int raise_error(self) except -1
