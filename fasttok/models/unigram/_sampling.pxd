"""How segmentations are drawn; see _sampling.pyx."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fasttok._interrupt cimport Interrupt
from fasttok.models.unigram._viterbi cimport UnigramEncoder


cdef bint filter_backward(
    UnigramEncoder encoder,
    const uint8_t* text,
    Py_ssize_t length,
    double alpha,
    uint32_t* sizes,
    double* sums,
    Interrupt interrupt,
) noexcept nogil

cdef Py_ssize_t sample_forward(
    UnigramEncoder encoder,
    const uint8_t* text,
    Py_ssize_t length,
    double alpha,
    uint32_t* out,
    const double* sums,
    uint64_t state,
    Interrupt interrupt,
) noexcept nogil
