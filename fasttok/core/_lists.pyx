"""Lists of ids made of shared Python integers, so that no object is created per token."""

from cpython.list cimport PyList_GET_ITEM, PyList_New, PyList_SET_ITEM
from cpython.ref cimport Py_INCREF
from libc.stdint cimport int64_t, uint32_t

cimport cython


@cython.final
cdef class Integers:
    """The Python integers of all ids below `n_ids`, made for the first list. Safe to share between threads."""

    def __init__(self, Py_ssize_t n_ids):
        self.n_ids = n_ids

    def lists_of_rows(self, const uint32_t[::1] values, const int64_t[::1] offsets):
        """Return the rows of a Ragged of ids as lists. `values` is uint32[n], `offsets` int64[k + 1]."""
        cdef Py_ssize_t row, n_rows = offsets.shape[0] - 1
        cdef list rows = []
        for row in range(n_rows):
            if offsets[row] == offsets[row + 1]:
                rows.append([])
            else:
                rows.append(list_of_ids(self, &values[offsets[row]], offsets[row + 1] - offsets[row]))
        return rows


cdef list list_of_ids(Integers integers, const uint32_t* ids, Py_ssize_t n):
    """Return the `n` ids at `ids` as a list."""
    cdef list row, made = integers.made
    cdef Py_ssize_t i
    cdef object integer
    if made is None:
        made = make(integers)
    row = PyList_New(n)
    for i in range(n):
        integer = <object>PyList_GET_ITEM(made, ids[i])
        Py_INCREF(integer)
        PyList_SET_ITEM(row, i, integer)
    return row


@cython.critical_section
cdef list make(Integers integers):
    """Make the integers unless another thread has made them meanwhile, and return them."""
    if integers.made is None:
        integers.made = list(range(integers.n_ids))
    return integers.made
