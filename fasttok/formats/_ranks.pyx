"""Parse a rank file of tiktoken."""

import numpy as np

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memset

cdef enum:
    MOST_DIGITS = 10  # of a rank
    NOT_BASE64 = 255


def parse_ranks(const uint8_t[::1] data):
    r"""Return the pieces, their ranks, the lines that they are in, and the first line that is not valid.

    A line has a piece in base64, white space and a rank; white space around them is ignored, as are empty
    lines. The result is (``values`` uint8[..], ``offsets`` int64[k + 1], ``ranks`` int64[k], ``lines``
    int64[k], bad). Lines are counted from 1. ``bad`` is 0 if all lines are valid; otherwise, the arrays end
    before this line.
    """
    cdef Py_ssize_t size = data.shape[0], at = 0, start, stop, n_letters, n_padding, k = 0, n_bytes = 0, i
    cdef Py_ssize_t line = 0, bad = 0
    cdef int64_t rank
    cdef unsigned int bits
    cdef uint8_t values_of[256]
    cdef uint8_t[::1] values = np.empty(size, np.uint8)  # decoded bytes are fewer than encoded ones
    cdef Py_ssize_t most = size // 6 + 1  # a valid line has at least six bytes, such as "IQ== 0"
    cdef int64_t[::1] offsets = np.zeros(most + 1, np.int64)
    cdef int64_t[::1] ranks = np.empty(most, np.int64), lines = np.empty(most, np.int64)
    memset(values_of, NOT_BASE64, 256)
    for i in range(26):
        values_of[c"A" + i] = i
        values_of[c"a" + i] = 26 + i
    for i in range(10):
        values_of[c"0" + i] = 52 + i
    values_of[c"+"], values_of[c"/"] = 62, 63
    with nogil:
        while at < size:
            line += 1
            at = skip_white_space(data, at)
            if at < size and data[at] == c"\n":
                at += 1
                continue
            if at == size:
                break
            start = at
            bits = 0
            while at < size and values_of[data[at]] != NOT_BASE64:
                bits = bits << 6 | values_of[data[at]]
                at += 1
                if (at - start) % 4 == 0:
                    values[n_bytes] = bits >> 16 & 0xFF
                    values[n_bytes + 1] = bits >> 8 & 0xFF
                    values[n_bytes + 2] = bits & 0xFF
                    n_bytes += 3
                    bits = 0
            n_letters = at - start
            while at < size and data[at] == c"=":
                at += 1
            n_padding = at - start - n_letters
            bad = line
            if n_letters == 0 or n_letters % 4 == 1 or n_padding != (4 - n_letters % 4) % 4:
                break
            if n_letters % 4 == 2:
                values[n_bytes] = bits >> 4 & 0xFF
                n_bytes += 1
            elif n_letters % 4 == 3:
                values[n_bytes] = bits >> 10 & 0xFF
                values[n_bytes + 1] = bits >> 2 & 0xFF
                n_bytes += 2
            start = at
            at = skip_white_space(data, at)
            if at == start:
                break
            start = at
            rank = 0
            while at < size and c"0" <= data[at] <= c"9" and at - start < MOST_DIGITS:
                rank = 10 * rank + data[at] - c"0"
                at += 1
            stop = at
            at = skip_white_space(data, at)
            if stop == start or at < size and data[at] != c"\n":
                break
            at += 1
            bad = 0
            ranks[k] = rank
            lines[k] = line
            k += 1
            offsets[k] = n_bytes
    return (
        np.asarray(values)[: offsets[k]].copy(),
        np.asarray(offsets)[: k + 1].copy(),
        np.asarray(ranks)[:k].copy(),
        np.asarray(lines)[:k].copy(),
        bad,
    )


cdef inline Py_ssize_t skip_white_space(const uint8_t[::1] data, Py_ssize_t at) noexcept nogil:
    """Return the position after white space other than line ends."""
    while at < data.shape[0] and (data[at] == c" " or c"\t" <= data[at] <= c"\r" and data[at] != c"\n"):
        at += 1
    return at
