"""Lists of ids made of prebuilt integers; see _lists.pyx."""

from libc.stdint cimport uint32_t


cdef list list_of_ids(const uint32_t* ids, Py_ssize_t n, list integers)
