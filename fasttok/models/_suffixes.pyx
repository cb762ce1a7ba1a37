"""Kernels of `Substrings`: sorted suffixes of words, and substrings as intervals of them.

For n symbols of words, ``symbols`` is uint32[n]. The suffix of position p begins at p and has
``suffix_lengths[p]`` symbols (int32[n]). ``order`` (int64[n]) has the positions sorted by their suffixes. All
suffixes that begin with the same substring are adjacent. A row of ``substrings`` (int64[k, 3]) has the length of
a substring, the index in ``order`` of the first suffix that begins with it, and one more than the index of the
last.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t


def measure_common(
    const uint32_t[::1] symbols, const int32_t[::1] suffix_lengths, const int64_t[::1] order, int32_t[::1] out
):
    """Write the length of the common prefix of each sorted suffix and the one before it to `out`: int32[n].

    Entry 0 is not written.
    """
    cdef Py_ssize_t i
    cdef int64_t a, b
    cdef int32_t k, most
    with nogil:
        for i in range(1, order.shape[0]):
            a = order[i - 1]
            b = order[i]
            most = min(suffix_lengths[a], suffix_lengths[b])
            k = 0
            while k < most and symbols[a + k] == symbols[b + k]:
                k += 1
            out[i] = k


def list_substrings(
    const int32_t[::1] suffix_lengths,
    const int64_t[::1] order,
    const int32_t[::1] common,
    const int64_t[::1] weights,
    int64_t min_weight,
    int64_t shortest,
    int64_t[:, ::1] out,
    int64_t[:, ::1] stack,
):
    """Write the substrings that are not always followed by the same symbol; return their number.

    A row of `out` has the length, the index `first` of the first suffix that begins with the substring, and
    `end`, one more than the index of the last. A substring comes after all substrings that begin with it.
    Substrings with fewer than `shortest` symbols, or with a weight below `min_weight`, are skipped.

    Parameters
    ----------
    common : int32[n]
        Result of `measure_common`; entry 0 must be 0.
    weights : int64[n + 1]
        Cumulative weights of the sorted suffixes: the weight of a substring is ``weights[end] - weights[first]``.
    out : int64[2n, 3]
        Array for the substrings.
    stack : int64[m + 1, 2]
        Buffer, where m is the number of symbols of the longest suffix.

    Notes
    -----

    The algorithm is 4.4 of Abouelhoda et al. (2004), with whole suffixes added to the substrings.
    """
    cdef Py_ssize_t i, top = 0, n = 0, n_suffixes = order.shape[0]
    cdef int64_t left
    cdef int32_t shared
    stack[0, 0] = 0
    stack[0, 1] = 0
    with nogil:
        for i in range(n_suffixes + 1):
            shared = common[i] if i < n_suffixes else 0
            left = i
            while stack[top, 0] > shared:
                left = stack[top, 1]
                if stack[top, 0] >= shortest and weights[i] - weights[left] >= min_weight:
                    out[n, 0] = stack[top, 0]
                    out[n, 1] = left
                    out[n, 2] = i
                    n += 1
                top -= 1
            if i == n_suffixes:
                break
            if stack[top, 0] < shared:
                top += 1
                stack[top, 0] = shared
                stack[top, 1] = left
            if suffix_lengths[order[i]] > shared:
                top += 1
                stack[top, 0] = suffix_lengths[order[i]]
                stack[top, 1] = i
    return n


def find_substrings(
    const uint32_t[::1] symbols,
    const int32_t[::1] suffix_lengths,
    const int64_t[::1] order,
    const uint32_t[::1] values,
    const int64_t[::1] offsets,
    int64_t[:, ::1] out,
):
    """Write one row per string to `out` (int64[k, 3]), with the columns that `list_substrings` writes.

    ``values`` (uint32[..]) and ``offsets`` (int64[k + 1]) have the strings. `first` equals `end` if a string does
    not occur.
    """
    cdef Py_ssize_t i
    cdef int64_t low, high, middle, length
    with nogil:
        for i in range(offsets.shape[0] - 1):
            length = offsets[i + 1] - offsets[i]
            low = 0
            high = order.shape[0]
            while low < high:
                middle = (low + high) >> 1
                if compare(symbols, suffix_lengths, order[middle], values, offsets[i], length) < 0:
                    low = middle + 1
                else:
                    high = middle
            out[i, 0] = length
            out[i, 1] = low
            high = order.shape[0]
            while low < high:
                middle = (low + high) >> 1
                if compare(symbols, suffix_lengths, order[middle], values, offsets[i], length) <= 0:
                    low = middle + 1
                else:
                    high = middle
            out[i, 2] = low


cdef inline int compare(
    const uint32_t[::1] symbols,
    const int32_t[::1] suffix_lengths,
    int64_t position,
    const uint32_t[::1] values,
    int64_t start,
    int64_t length,
) noexcept nogil:
    """Return -1 if a suffix sorts before a string, 0 if it begins with the string, 1 if it sorts after it."""
    cdef int64_t k
    for k in range(length):
        if k == suffix_lengths[position]:
            return -1
        if symbols[position + k] != values[start + k]:
            return -1 if symbols[position + k] < values[start + k] else 1
    return 0


def count_arcs(const int64_t[::1] order, const int64_t[:, ::1] substrings, int64_t[::1] offsets):
    """Add the number of substrings that begin at each position p to ``offsets[p + 1]``: int64[n + 1]."""
    cdef Py_ssize_t i
    cdef int64_t j
    with nogil:
        for i in range(substrings.shape[0]):
            for j in range(substrings[i, 1], substrings[i, 2]):
                offsets[order[j] + 1] += 1


def fill_arcs(
    const int64_t[::1] order,
    const int64_t[:, ::1] substrings,
    uint32_t first_piece,
    int64_t[::1] used,
    uint32_t[::1] arcs,
):
    """Write one arc per occurrence of a substring to `arcs`; the next arc of position p goes to ``used[p]``.

    Substring i is piece ``first_piece + i``. The lower 24 bits of an arc are the piece, the upper 8 bits its
    length. ``arcs`` is uint32[..], and ``used`` is int64[n], which is changed.
    """
    cdef Py_ssize_t i
    cdef int64_t j, position
    cdef uint32_t arc
    with nogil:
        for i in range(substrings.shape[0]):
            arc = <uint32_t>substrings[i, 0] << 24 | (first_piece + <uint32_t>i)
            for j in range(substrings[i, 1], substrings[i, 2]):
                position = order[j]
                arcs[used[position]] = arc
                used[position] += 1


def link_substrings(
    const int32_t[::1] suffix_lengths,
    const int64_t[::1] order,
    const int64_t[:, ::1] substrings,
    int64_t[::1] parents,
    int64_t[::1] leaves,
    int64_t[::1] stack,
):
    """Write the parent of each substring in the suffix tree to `parents`, and the leaf of each position to `leaves`.

    `substrings` are all rows that `list_substrings` writes if `shortest` and `min_weight` are 1. A parent is a
    row of `substrings`, or -1; a leaf is the row of the substring that is the whole suffix. The arrays are
    parents : int64[k], leaves : int64[n], and stack : int64[m + 1], a buffer, where m is the number of symbols of
    the longest suffix.
    """
    cdef Py_ssize_t i
    cdef int64_t j, top = 0  # `stack` has the ancestors of the last row, and the row itself
    with nogil:
        for i in range(substrings.shape[0] - 1, -1, -1):
            while top > 0 and substrings[stack[top - 1], 1] > substrings[i, 1]:
                top -= 1
            parents[i] = stack[top - 1] if top > 0 else -1
            stack[top] = i
            top += 1
            j = substrings[i, 1]
            while j < substrings[i, 2] and suffix_lengths[order[j]] == substrings[i, 0]:
                leaves[order[j]] = i
                j += 1
