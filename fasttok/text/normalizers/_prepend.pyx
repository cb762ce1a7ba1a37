"""Insert a text before rows."""

import numpy as np

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memcpy


def prepend(
    const uint8_t[::1] text,
    const int64_t[::1] offsets,
    const uint8_t[::1] is_first,
    const uint8_t[::1] prefix,
    bint aligned,
):
    """Write the rows of `text`, uint8[n], with `offsets`, int64[k + 1], with a prefix before some of them.

    `is_first`, uint8[k], tells before which rows the prefix, uint8[p], is inserted. These rows must not be empty.

    Return the new text, uint8[m], its offsets, int64[k + 1], and, if `aligned`, the begin and end of the origin of each
    new byte, int64[m, 2]; otherwise None. The origin of the prefix is the first byte of its row.
    """
    cdef Py_ssize_t row, i, j, n = 0, size, width = prefix.shape[0], n_rows = offsets.shape[0] - 1
    cdef int64_t[::1] out_offsets = np.empty(n_rows + 1, np.int64)
    cdef uint8_t[::1] values
    cdef int64_t[:, ::1] spans = None
    for row in range(n_rows):
        n += width * (is_first[row] != 0)
    n += offsets[n_rows] - offsets[0]
    values = np.empty(n, np.uint8)
    if aligned:
        spans = np.empty((n, 2), np.int64)
    n = 0
    with nogil:
        for row in range(n_rows):
            out_offsets[row] = n
            i = offsets[row]
            size = offsets[row + 1] - i
            if is_first[row] and width:
                memcpy(&values[n], &prefix[0], width)
                if aligned:
                    for j in range(n, n + width):
                        spans[j, 0] = i
                        spans[j, 1] = i + 1
                n += width
            if size:
                memcpy(&values[n], &text[i], size)
                if aligned:
                    for j in range(size):
                        spans[n + j, 0] = i + j
                        spans[n + j, 1] = i + j + 1
                n += size
        out_offsets[n_rows] = n
    return values.base, out_offsets.base, spans.base if aligned else None
