"""Kernels that find the results of merges by name, and check merges against the names of pieces."""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset

from fasttok.models._pieces cimport NOTHING, PieceTable

cdef enum:
    MOST_COMPARED = 256  # merges with the same result that are compared one by one

cdef uint64_t EMPTY = 0xFFFFFFFFFFFFFFFFULL  # an unused entry of a table of pairs


def find_results(
    PieceTable table not None,
    const uint8_t[::1] values,
    const int64_t[::1] offsets,
    const int64_t[::1] starts,
    const uint32_t[:, ::1] merges,
):
    """Return the id of each merged pair, found by the joined names, or NOTHING: uint32[m].

    `table` has the ids by name. `values` (uint8[..]) and `offsets` (int64[n + 1]) have the names of the pieces. The
    name of a right part begins at `starts`, int64[n], so that it can be joined without its continuation prefix.
    `merges`, uint32[m, 2], has pairs of ids below n.
    """
    cdef Py_ssize_t i, n_left, n_right, longest = 0
    cdef const uint8_t* names = &values[0] if values.shape[0] else NULL
    cdef uint32_t[::1] found = np.empty(merges.shape[0], np.uint32)
    cdef uint8_t* joined
    for i in range(offsets.shape[0] - 1):
        longest = max(longest, <Py_ssize_t>(offsets[i + 1] - offsets[i]))
    joined = <uint8_t*>malloc(2 * longest + 1)
    if joined == NULL:
        raise MemoryError("not enough memory to join names")
    for i in range(merges.shape[0]):
        n_left = offsets[merges[i, 0] + 1] - offsets[merges[i, 0]]
        n_right = offsets[merges[i, 1] + 1] - starts[merges[i, 1]]
        found[i] = NOTHING
        if n_left + n_right:
            memcpy(joined, names + offsets[merges[i, 0]], n_left)
            memcpy(joined + n_left, names + starts[merges[i, 1]], n_right)
            found[i] = table.find(joined, n_left + n_right)
    free(joined)
    return found.base


def find_mismatch(
    const uint8_t[::1] values,
    const int64_t[::1] offsets,
    const int64_t[::1] starts,
    const uint32_t[:, ::1] merges,
    const uint32_t[::1] merge_ids,
):
    """Return the rank of the first merge whose name is not the joined names of its parts, or -1.

    A merge with an empty part is a mismatch too. `values` (uint8[..]) and `offsets` (int64[n + 1]) have the names.
    The name of a right part begins at `starts`, int64[n].
    """
    cdef Py_ssize_t i, n_left, n_right
    cdef const uint8_t* names = &values[0] if values.shape[0] else NULL
    cdef const uint8_t* whole
    for i in range(merges.shape[0]):
        n_left = offsets[merges[i, 0] + 1] - offsets[merges[i, 0]]
        n_right = offsets[merges[i, 1] + 1] - starts[merges[i, 1]]
        whole = names + offsets[merge_ids[i]]
        if (
            n_left <= 0
            or n_right <= 0
            or offsets[merge_ids[i] + 1] - offsets[merge_ids[i]] != n_left + n_right
            or memcmp(whole, names + offsets[merges[i, 0]], n_left)
            or memcmp(whole + n_left, names + starts[merges[i, 1]], n_right)
        ):
            return i
    return -1


def find_repeated(const uint32_t[:, ::1] merges, const uint32_t[::1] merge_ids):
    """Return the rank of a merge whose pair occurs before, or -1.

    `merges` is uint32[m, 2]. `merge_ids`, uint32[m], has the ids of the merged pairs, which must be equal for equal
    pairs. If the ids do not decrease, only merges with the same id need to be compared.
    """
    cdef Py_ssize_t i, j, repeated = -1
    cdef int bits = 4
    cdef uint64_t pair, place
    cdef uint64_t* table
    for i in range(1, merges.shape[0]):
        if merge_ids[i] < merge_ids[i - 1]:
            break
        j = i - 1
        while j >= 0 and i - j <= MOST_COMPARED and merge_ids[j] == merge_ids[i]:
            if merges[j, 0] == merges[i, 0] and merges[j, 1] == merges[i, 1]:
                return i
            j -= 1
        if i - j > MOST_COMPARED:
            break
    else:
        return -1
    while (<Py_ssize_t>1) << bits < 2 * merges.shape[0]:
        bits += 1
    table = <uint64_t*>malloc(8 << bits)
    if table == NULL:
        raise MemoryError("not enough memory to compare merges")
    memset(table, 0xFF, 8 << bits)
    for i in range(merges.shape[0]):
        pair = <uint64_t>merges[i, 0] << 32 | merges[i, 1]
        place = pair * 0x9E3779B97F4A7C15ULL >> (64 - bits)
        while table[place] != EMPTY and table[place] != pair:
            place = (place + 1) & (((<uint64_t>1) << bits) - 1)
        if table[place] == pair:
            repeated = i
            break
        table[place] = pair
    free(table)
    return repeated
