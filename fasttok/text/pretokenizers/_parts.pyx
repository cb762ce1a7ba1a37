"""Split rows of text at matches; split.py finds the matches."""

import numpy as np

from libc.stdint cimport int64_t, uint8_t


def cut_at_matches(
    const int64_t[::1] starts,
    const int64_t[::1] ends,
    const int64_t[::1] bounds,
    const int64_t[::1] offsets,
    bint invert,
    const uint8_t[:, ::1] joins,
):
    """Return the boundaries of the parts of rows, int64[m + 1], and whether each part is a match, uint8[m].

    The matches, int64[k], ascend and do not overlap; `bounds`, int64[n_rows + 1], has the index of the first match of
    each row, followed by k. `offsets` is int64[n_rows + 1]. A row consists of its matches and the texts between them.
    If `invert` is true, these texts count as matches, and the matches do not. `joins`, uint8[2, 2], tells which parts
    become one with the part before them: the row is whether the part before is a match, the column whether the part is
    one.
    """
    cdef Py_ssize_t row, i, k = 0
    cdef int64_t position
    cdef int kind  # of the part before `position`; -1 at the begin of a row
    cdef int64_t[::1] boundaries = np.empty(2 * (starts.shape[0] + offsets.shape[0]), np.int64)
    cdef uint8_t[::1] kinds = np.empty(boundaries.shape[0], np.uint8)
    boundaries[0] = offsets[0]
    with nogil:
        for row in range(offsets.shape[0] - 1):
            position = offsets[row]
            kind = -1
            for i in range(bounds[row], bounds[row + 1]):
                if position < starts[i]:
                    k = end_part(kind, invert, position, joins, boundaries, kinds, k)
                    kind = invert
                k = end_part(kind, not invert, starts[i], joins, boundaries, kinds, k)
                kind = not invert
                position = ends[i]
            if position < offsets[row + 1]:
                k = end_part(kind, invert, position, joins, boundaries, kinds, k)
                kind = invert
            if kind >= 0:
                kinds[k] = kind
                k += 1
                boundaries[k] = offsets[row + 1]
    return np.asarray(boundaries)[: k + 1], np.asarray(kinds)[:k]


cdef inline Py_ssize_t end_part(
    int kind,
    bint next_kind,
    int64_t position,
    const uint8_t[:, ::1] joins,
    int64_t[::1] boundaries,
    uint8_t[::1] kinds,
    Py_ssize_t k,
) noexcept nogil:
    """End part k at a position, unless the part after it is joined to it; return the number of ended parts."""
    if kind < 0 or joins[kind, next_kind]:
        return k
    kinds[k] = kind
    boundaries[k + 1] = position
    return k + 1
