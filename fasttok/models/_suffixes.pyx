"""The kernels of `Substrings`: words in the order of their suffixes, and the substrings that this shows.

A suffix here is what goes from a position to the end of its word, cut at `room` symbols. Suffixes that begin
alike stand together, so a substring is an interval of them.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t


def measure_common(
    const uint32_t[::1] symbols, const int32_t[::1] room, const int64_t[::1] order, int32_t[::1] out
):
    """Write how many symbols each suffix, in order, has in common with the one before it; 0 for the first."""
    cdef Py_ssize_t i
    cdef int64_t a, b
    cdef int32_t k, most
    with nogil:
        for i in range(1, order.shape[0]):
            a = order[i - 1]
            b = order[i]
            most = min(room[a], room[b])
            k = 0
            while k < most and symbols[a + k] == symbols[b + k]:
                k += 1
            out[i] = k


def list_substrings(
    const int32_t[::1] room,
    const int64_t[::1] order,
    const int32_t[::1] common,
    const int64_t[::1] weights,
    int64_t min_weight,
    int64_t shortest,
    int64_t[:, ::1] out,
    int64_t[:, ::1] stack,
):
    """Write the substrings of `shortest` or more symbols that no symbol always follows; return how many.

    A row of `out` is the length, the first suffix in order that begins so, and one past the last; what
    begins with a substring stands before it. Those whose weight, ``weights[last] - weights[first]``, is below
    `min_weight` are left out. `out` must have room for two rows a suffix; `stack` for one row more than
    `room` has symbols at most.

    Abouelhoda et al. (2004), algorithm 4.4, with every suffix a substring too.
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
            if room[order[i]] > shared:
                top += 1
                stack[top, 0] = room[order[i]]
                stack[top, 1] = i
    return n


def find_substrings(
    const uint32_t[::1] symbols,
    const int32_t[::1] room,
    const int64_t[::1] order,
    const uint32_t[::1] values,
    const int64_t[::1] offsets,
    int64_t[:, ::1] out,
):
    """Write the rows of `list_substrings` for given strings; first and last are equal where one is nowhere."""
    cdef Py_ssize_t i
    cdef int64_t low, high, middle, length
    with nogil:
        for i in range(offsets.shape[0] - 1):
            length = offsets[i + 1] - offsets[i]
            low = 0
            high = order.shape[0]
            while low < high:
                middle = (low + high) >> 1
                if compare(symbols, room, order[middle], values, offsets[i], length) < 0:
                    low = middle + 1
                else:
                    high = middle
            out[i, 0] = length
            out[i, 1] = low
            high = order.shape[0]
            while low < high:
                middle = (low + high) >> 1
                if compare(symbols, room, order[middle], values, offsets[i], length) <= 0:
                    low = middle + 1
                else:
                    high = middle
            out[i, 2] = low


cdef inline int compare(
    const uint32_t[::1] symbols,
    const int32_t[::1] room,
    int64_t position,
    const uint32_t[::1] values,
    int64_t start,
    int64_t length,
) noexcept nogil:
    """Whether a suffix stands before a string, begins with it, or stands behind it: -1, 0 or 1."""
    cdef int64_t k
    for k in range(length):
        if k == room[position]:
            return -1
        if symbols[position + k] != values[start + k]:
            return -1 if symbols[position + k] < values[start + k] else 1
    return 0


def count_arcs(const int64_t[::1] order, const int64_t[:, ::1] substrings, int64_t[::1] offsets):
    """Add to ``offsets[p + 1]``, for every position p, how many of the substrings begin there."""
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
    """Write an arc for every place where a substring begins; ``used[p]`` is where position p's next one goes.

    Substring i is piece ``first_piece + i``. An arc has the piece in its lower 24 bits and the length above.
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
    const int32_t[::1] room,
    const int64_t[::1] order,
    const int64_t[:, ::1] substrings,
    int64_t[::1] parents,
    int64_t[::1] leaves,
    int64_t[::1] stack,
):
    """Write the parent of each substring in the suffix tree, and the leaf of each position.

    `substrings` are all rows that `list_substrings` writes from one symbol on; `stack` must have room for one
    row more than `room` has symbols at most.
    """
    cdef Py_ssize_t i
    cdef int64_t j, top = 0  # of the stack: what the last row begins with, and itself
    with nogil:
        for i in range(substrings.shape[0] - 1, -1, -1):
            while top > 0 and substrings[stack[top - 1], 1] > substrings[i, 1]:
                top -= 1
            parents[i] = stack[top - 1] if top > 0 else -1
            stack[top] = i
            top += 1
            j = substrings[i, 1]
            while j < substrings[i, 2] and room[order[j]] == substrings[i, 0]:
                leaves[order[j]] = i
                j += 1
