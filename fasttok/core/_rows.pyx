"""Kernels of rows: copy ranges of ids, pad rows, and split text into lines."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memchr, memcpy, memset

from fasttok.core._keys cimport use_large_pages

ctypedef fused padded_t:
    int32_t
    int64_t


def copy_ranges(
    const uint32_t[::1] values,
    const int64_t[:] starts,
    const int64_t[:] lengths,
    const int64_t[:] positions,
    uint32_t[::1] out,
):
    """Copy ``values[starts[i] : starts[i] + lengths[i]]`` to ``out[positions[i]:]`` for each i.

    `starts`, `lengths` and `positions` are int64[m]. All ranges must be within `values` and `out`. The source ranges
    may overlap; the target ranges must not.
    """
    cdef Py_ssize_t i
    with nogil:
        for i in range(starts.shape[0]):
            if lengths[i]:
                memcpy(&out[positions[i]], &values[starts[i]], <size_t>lengths[i] * sizeof(uint32_t))


def pad_rows(
    const uint32_t[::1] values,
    const int64_t[:] starts,
    const int64_t[:] lengths,
    int64_t pad_id,
    bint on_left,
    padded_t[:, ::1] out,
    uint8_t[:, ::1] mask,
):
    """Write ``values[starts[i] : starts[i] + lengths[i]]`` to row i of `out`, padded with `pad_id` on one side.

    `starts` and `lengths` are int64[k], `out` is int32[k, width] or int64[k, width], `mask` is uint8[k, width]. The
    padding is on the left if `on_left`, otherwise on the right. The mask is 1 at ids and 0 at padding. No range may
    be longer than `width`. Each row of `out` and `mask` is written in order, because the first access to new memory
    is slow.
    """
    cdef Py_ssize_t i, j, length, begin, end, width = out.shape[1]
    cdef const uint32_t* source
    cdef padded_t* row
    cdef padded_t pad = <padded_t>pad_id
    if out.shape[0] == 0 or width == 0:
        return
    with nogil:
        use_large_pages(&out[0, 0], out.shape[0] * width * sizeof(padded_t))
        use_large_pages(&mask[0, 0], mask.shape[0] * width)
        for i in range(out.shape[0]):
            length = lengths[i]
            begin = width - length if on_left else 0
            end = begin + length
            row = &out[i, 0]
            for j in range(begin):
                row[j] = pad
            if length:
                source = &values[starts[i]]
                for j in range(length):
                    row[begin + j] = <padded_t>source[j]
            for j in range(end, width):
                row[j] = pad
            memset(&mask[i, 0], 0, width)
            if length:
                memset(&mask[i, begin], 1, length)


def split_lines(const uint8_t[::1] text):
    r"""Return the lines of a text that ends with \n, without their \n or \r\n: uint8[..], and int64[k + 1] offsets."""
    cdef Py_ssize_t i, n = text.shape[0], n_lines = 0, line = 0, begin = 0, end, written = 0
    cdef const uint8_t* found
    for i in range(n):
        n_lines += text[i] == 10
    values, offsets = np.empty(n, np.uint8), np.zeros(n_lines + 1, np.int64)
    cdef uint8_t[::1] out = values
    cdef int64_t[::1] ends = offsets
    with nogil:
        for line in range(n_lines):
            found = <const uint8_t*>memchr(&text[begin], 10, n - begin)
            end = found - &text[0]
            i = end - begin
            if i and text[end - 1] == 13:
                i -= 1
            if i:
                memcpy(&out[written], &text[begin], i)
            written += i
            ends[line + 1] = written
            begin = end + 1
    return values[:written], offsets
