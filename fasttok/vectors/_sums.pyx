"""Kernel that adds rows of numbers."""

import numpy as np

from libc.stdint cimport int64_t

ctypedef fused number_t:
    float
    double


def sum_rows(const number_t[:, ::1] values, const int64_t[::1] rows, const int64_t[::1] offsets):
    """Return the sums of rows of `values`, as float64[k, n]: row i is that of ``rows[offsets[i] : offsets[i + 1]]``.

    `values` is float32[m, n] or float64[m, n], `rows` and `offsets` are int64; all rows must be below m. The numbers
    of a sum are added in the order of `rows`.
    """
    cdef Py_ssize_t i, j, k, n = values.shape[1]
    out = np.zeros((offsets.shape[0] - 1, n))
    cdef double[:, ::1] sums = out
    cdef double* total
    cdef const number_t* row
    if n == 0 or values.shape[0] == 0 or sums.shape[0] == 0:
        return out
    with nogil:
        for i in range(sums.shape[0]):
            total = &sums[i, 0]
            for j in range(offsets[i], offsets[i + 1]):
                row = &values[rows[j], 0]
                for k in range(n):
                    total[k] += row[k]
    return out
