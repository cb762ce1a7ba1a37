"""Logarithms and exponentials computed by the C library.

NumPy has separate code for processors with AVX-512, and its results sometimes differ in the last bit. A trained
model would then depend on the processor.
"""

import numpy as np
from libc.math cimport exp as c_exp
from libc.math cimport log as c_log


def log(const double[::1] values):
    """Return the natural logarithm of every entry, as float64."""
    found = np.empty(values.shape[0])
    cdef double[::1] out = found
    cdef Py_ssize_t i
    for i in range(values.shape[0]):
        out[i] = c_log(values[i])
    return found


def exp(const double[::1] values):
    """Return e to the power of every entry, as float64."""
    found = np.empty(values.shape[0])
    cdef double[::1] out = found
    cdef Py_ssize_t i
    for i in range(values.shape[0]):
        out[i] = c_exp(values[i])
    return found
