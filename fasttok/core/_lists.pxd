"""Lists of ids made of shared Python integers; see _lists.pyx."""

from libc.stdint cimport uint32_t


cdef class Integers:
    cdef Py_ssize_t n_ids
    cdef list made  # None until the first list is made


cdef list list_of_ids(Integers integers, const uint32_t* ids, Py_ssize_t n)
