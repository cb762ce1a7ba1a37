"""Declarations of _sampling_loop.pyx, and the random number generator of sampling encoders."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fasttok.core._interrupt cimport Interrupt
from fasttok.models._cache cimport PretokenCache
from fasttok.models._encoder cimport PretokenEncoder
from fasttok.text._spans cimport Spans


cdef inline uint64_t draw(uint64_t* state) noexcept nogil:
    """Return the next number of SplitMix64."""
    cdef uint64_t x
    state[0] += 0x9E3779B97F4A7C15ULL
    x = state[0]
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ULL
    x = (x ^ x >> 27) * 0x94D049BB133111EBULL
    return x ^ x >> 31


cdef inline uint64_t hash_number(uint64_t number) noexcept nogil:
    """Return the first number of SplitMix64 for an initial state."""
    return draw(&number)


cdef class SamplingLoop(PretokenEncoder):
    cdef uint64_t key  # hash of seed and epoch
    cdef const int64_t[::1] documents
    cdef const int64_t[::1] starts

    cdef Py_ssize_t sample_pretoken(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, uint64_t state, Interrupt interrupt
    ) noexcept nogil
