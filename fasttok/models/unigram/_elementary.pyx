"""Logarithms and exponentials by the C library.

NumPy has code of its own for processors with AVX-512, whose last bit is sometimes another one; a model would then
depend on the processor that trained it.
"""

import numpy as np
from libc.math cimport exp as c_exp
from libc.math cimport log as c_log


def log(const double[::1] values):
    """The natural logarithm of every entry, float64."""
    found = np.empty(values.shape[0])
    cdef double[::1] out = found
    cdef Py_ssize_t i
    for i in range(values.shape[0]):
        out[i] = c_log(values[i])
    return found


def exp(const double[::1] values):
    """e to the power of every entry, float64."""
    found = np.empty(values.shape[0])
    cdef double[::1] out = found
    cdef Py_ssize_t i
    for i in range(values.shape[0]):
        out[i] = c_exp(values[i])
    return found
