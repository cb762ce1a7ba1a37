"""The kernel of `Ragged.take` and of decoding: copy rows of bytes, in any order, one after another."""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy


def gather_rows(
    const uint8_t[::1] values, const int64_t[::1] offsets, const int64_t[::1] rows, uint8_t[::1] out
):
    """Write rows ``values[offsets[r]:offsets[r + 1]]`` for each r of `rows` to `out`.

    The rows must exist and `out` must be exactly as long as they are together.
    """
    cdef Py_ssize_t i, start, length, written = 0
    with nogil:
        for i in range(rows.shape[0]):
            start = offsets[rows[i]]
            length = offsets[rows[i] + 1] - start
            if length:
                memcpy(&out[written], &values[start], length)
                written += length
