"""Kernel of the writer: convert ids to the type of a store, and put a separator after each document."""

from libc.stdint cimport int64_t, uint16_t, uint32_t

ctypedef fused stored_t:
    uint16_t
    uint32_t


def insert_separators(
    const uint32_t[::1] values, const int64_t[:] ends, uint32_t separator, stored_t[::1] out
):
    """Copy `values` to `out`, with `separator` after ``values[: ends[i]]`` for each i.

    `ends` is int64[k], ascending and at most n; `out` has n + k items. The ids must fit its type.
    """
    cdef Py_ssize_t i, j, position = 0
    with nogil:
        for i in range(ends.shape[0]):
            for j in range(position, ends[i]):
                out[j + i] = <stored_t>values[j]
            position = ends[i]
            out[position + i] = <stored_t>separator
        for j in range(position, values.shape[0]):
            out[j + ends.shape[0]] = <stored_t>values[j]
