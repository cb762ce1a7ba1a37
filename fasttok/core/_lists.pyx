"""Lists of ids made of prebuilt Python integers, so that no object is created per token."""

from cpython.list cimport PyList_GET_ITEM, PyList_New, PyList_SET_ITEM
from cpython.ref cimport Py_INCREF
from libc.stdint cimport int64_t, uint32_t


cdef list list_of_ids(const uint32_t* ids, Py_ssize_t n, list integers):
    """Return the `n` ids at `ids` as a list; `integers[i]` is the Python integer i, for every id i."""
    cdef list row = PyList_New(n)
    cdef Py_ssize_t i
    cdef object integer
    for i in range(n):
        integer = <object>PyList_GET_ITEM(integers, ids[i])
        Py_INCREF(integer)
        PyList_SET_ITEM(row, i, integer)
    return row


def lists_of_rows(const uint32_t[::1] values, const int64_t[::1] offsets, list integers not None):
    """Return the rows of a Ragged of ids as lists; `integers[i]` is the Python integer i, for every id i.

    `values` is uint32[n], `offsets` int64[k + 1].
    """
    cdef Py_ssize_t row, n_rows = offsets.shape[0] - 1
    cdef list rows = []
    for row in range(n_rows):
        if offsets[row] == offsets[row + 1]:
            rows.append([])
        else:
            rows.append(list_of_ids(&values[offsets[row]], offsets[row + 1] - offsets[row], integers))
    return rows
