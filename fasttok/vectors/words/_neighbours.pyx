"""Kernels that count neighbours: how often each id occurs within some distance of each other id.

The positions of a block of ids are grouped by id. The neighbours of all positions of one id are then added up in an
array with one number per id of the vocabulary. The block needs no table of pairs and no sorting, and different ids can
be counted by different threads.
"""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t

ctypedef fused id_t:
    uint16_t
    uint32_t


def group_positions(const id_t[::1] ids, Py_ssize_t first, Py_ssize_t last, Py_ssize_t n_ids):
    """Return the positions of each id in ``ids[first:last]``, as uint32[last - first] and int64[n_ids + 1].

    The positions are relative to `first` and ascending; those of id i are ``positions[starts[i] : starts[i + 1]]``.
    """
    cdef Py_ssize_t i, total = 0, count
    positions = np.empty(last - first, np.uint32)
    starts = np.zeros(n_ids + 1, np.int64)
    cdef uint32_t[::1] out = positions
    cdef int64_t[::1] begins = starts
    with nogil:
        for i in range(first, last):
            begins[ids[i]] += 1
        for i in range(n_ids + 1):
            count = begins[i]
            begins[i] = total
            total += count
        for i in range(first, last):
            out[begins[ids[i]]] = <uint32_t>(i - first)
            begins[ids[i]] += 1
        for i in range(n_ids, 0, -1):  # each entry has become the next one
            begins[i] = begins[i - 1]
        begins[0] = 0
    return positions, starts


def measure_sides(const int64_t[::1] offsets, Py_ssize_t document, Py_ssize_t first, Py_ssize_t last, int window):
    """Return the numbers of neighbours before and after each position, as uint8[last - first, 2].

    `offsets` are those of documents, and `document` is the one that has the position `first`. Both numbers are at most
    `window`, which is at most 255, and end at the borders of the document.
    """
    cdef Py_ssize_t i, before, after
    sides = np.empty((last - first, 2), np.uint8)
    cdef uint8_t[:, ::1] out = sides
    with nogil:
        for i in range(first, last):
            while offsets[document + 1] <= i:
                document += 1
            before = i - offsets[document]
            after = offsets[document + 1] - 1 - i
            out[i - first, 0] = <uint8_t>(before if before < window else window)
            out[i - first, 1] = <uint8_t>(after if after < window else window)
    return sides


def count_neighbours(
    const id_t[::1] ids,
    Py_ssize_t first,
    const uint32_t[::1] positions,
    const int64_t[::1] starts,
    const uint8_t[:, ::1] sides,
    Py_ssize_t row,
    Py_ssize_t last_row,
    const int64_t[::1] weights,
    int64_t[::1] sums,
    int32_t[::1] columns,
    int64_t[::1] values,
    int64_t[::1] ends,
):
    """Add up the weights of the neighbours of the ids from `row` to ``last_row - 1``, and return their number.

    `positions`, `starts` and `sides` are those of a block that begins at ``ids[first]``. A neighbour at distance d has
    the positive weight ``weights[d]``. `sums` is zero for every id of the vocabulary, before and after. The neighbours
    of a row are written to `columns`, in the order in which they occur, their sums to `values`, and the end of each row
    to `ends`.
    """
    cdef Py_ssize_t i, p, d, begin, n = 0, k = 0
    cdef uint32_t column
    with nogil:
        for row in range(row, last_row):
            begin = n
            for i in range(starts[row], starts[row + 1]):
                p = first + positions[i]
                for d in range(1, sides[positions[i], 0] + 1):
                    column = ids[p - d]
                    if sums[column] == 0:
                        columns[n] = <int32_t>column
                        n += 1
                    sums[column] += weights[d]
                for d in range(1, sides[positions[i], 1] + 1):
                    column = ids[p + d]
                    if sums[column] == 0:
                        columns[n] = <int32_t>column
                        n += 1
                    sums[column] += weights[d]
            for i in range(begin, n):
                values[i] = sums[columns[i]]
                sums[columns[i]] = 0
            ends[k] = n
            k += 1
    return n
