"""Write every byte of a text as its character of the byte alphabet."""

import numpy as np

from libc.stdint cimport int64_t, uint8_t


def write_alphabet(
    const uint8_t[::1] text, const int64_t[::1] offsets, const uint8_t[:, ::1] alphabet, bint aligned
):
    """Write the bytes of every row of `text`, uint8[n], with `offsets`, int64[k + 1], in an alphabet.

    `alphabet`, uint8[256, 3], has the UTF-8 of the character of each byte, padded to two bytes, and its length.

    Return the new text, uint8[m], its offsets, int64[k + 1], and, if `aligned`, the begin and end of the origin of each
    new byte, int64[m, 2]; otherwise None. The origin of both bytes of a character is the byte that it was written for.
    """
    cdef Py_ssize_t row, i, n = 0, n_rows = offsets.shape[0] - 1
    cdef int64_t[::1] out_offsets = np.empty(n_rows + 1, np.int64)
    cdef const uint8_t* entry
    cdef uint8_t[::1] values
    cdef uint8_t* out
    cdef int64_t[:, ::1] spans = None
    cdef int64_t* span = NULL
    with nogil:
        for row in range(n_rows):
            out_offsets[row] = n
            for i in range(offsets[row], offsets[row + 1]):
                n += alphabet[text[i], 2]
        out_offsets[n_rows] = n
    values = np.empty(n + 1, np.uint8)  # one more, since two bytes are written for every character
    out = &values[0]
    if aligned:
        spans = np.empty((n + 1, 2), np.int64)
        span = &spans[0, 0]
    n = 0
    with nogil:
        for i in range(offsets[0], offsets[n_rows]):
            entry = &alphabet[text[i], 0]
            out[n] = entry[0]
            out[n + 1] = entry[1]
            if span != NULL:
                span[2 * n] = i
                span[2 * n + 1] = i + 1
                span[2 * n + 2] = i
                span[2 * n + 3] = i + 1
            n += entry[2]
    return values.base[:n], out_offsets.base, spans.base[:n] if aligned else None
