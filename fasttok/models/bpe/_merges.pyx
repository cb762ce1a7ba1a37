"""Kernels that find merges and their results by name, and check merges against the names of pieces."""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset

from fasttok.models._pieces cimport NOTHING, PieceTable
from fasttok.text.unicode._utf8 cimport read_code_point

cdef enum:
    MOST_COMPARED = 256  # merges with the same result that are compared one by one
    UNLISTED_CHARACTER = 1 << 30

UNLISTED = UNLISTED_CHARACTER  # added to the code point of a character that is a part of a merge, but not a piece

cdef uint64_t HASH_BASE = 0xD6E8FEB86659FD93ULL  # odd base of the hashes of parts
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


def find_all_merges(
    const uint8_t[::1] values, const int64_t[::1] offsets, const uint8_t[::1] included, Py_ssize_t most
):
    """Return all pairs of symbols whose joined texts are a piece, and this piece: uint32[m, 2] and uint32[m].

    A symbol is a piece or a single character. A character that is not a piece is written as UNLISTED plus its code
    point. The rows are in the order of the merged pieces, then of the lengths of the left parts.

    ``values`` (uint8[..]) and ``offsets`` (int64[n + 1]) have the texts; ``included`` (uint8[n]) is a mask of those that
    are pieces. They must be different.

    Takes O(b) time for b bytes and m merges, apart from comparing the parts that are found. The hash of a part is the
    difference of two hashes of prefixes.

    Raises
    ------
    ValueError
        If there are more than `most` merges.
    """
    cdef Py_ssize_t n = offsets.shape[0] - 1, i, k, size, length, longest = 0, n_found = 0, capacity = 1 << 12
    cdef int bits = 4
    cdef uint64_t place, mask, hashed, back
    cdef uint32_t left, right
    cdef const uint8_t* text
    for i in range(n):
        longest = max(longest, <Py_ssize_t>(offsets[i + 1] - offsets[i]))
    while (<Py_ssize_t>1) << bits < 2 * n:
        bits += 1
    mask = (<uint64_t>1 << bits) - 1
    cdef uint32_t[::1] ids = np.full(1 << bits, <uint32_t>NOTHING, np.uint32)
    cdef uint64_t[::1] hashes = np.empty(1 << bits, np.uint64)
    cdef uint64_t[::1] powers = np.empty(longest + 1, np.uint64)
    cdef uint64_t[::1] prefixes = np.empty(longest + 1, np.uint64)
    merges, merge_ids = np.empty((capacity, 2), np.uint32), np.empty(capacity, np.uint32)
    cdef uint32_t[:, ::1] pairs = merges
    cdef uint32_t[::1] results = merge_ids
    powers[0] = 1
    for k in range(longest):
        powers[k + 1] = powers[k] * HASH_BASE
    prefixes[0] = 0
    for i in range(n):
        if not included[i] or offsets[i] == offsets[i + 1]:
            continue
        hashed = 0
        for k in range(offsets[i], offsets[i + 1]):
            hashed = hashed * HASH_BASE + values[k] + 1
        place = spread(hashed) >> (64 - bits)
        while ids[place] != NOTHING:
            place = (place + 1) & mask
        ids[place] = i
        hashes[place] = hashed
    for i in range(n):
        length = offsets[i + 1] - offsets[i]
        if not included[i] or length < 2:
            continue
        text = &values[offsets[i]]
        for k in range(length):
            prefixes[k + 1] = prefixes[k] * HASH_BASE + text[k] + 1
        k = 0
        while True:
            read_code_point(text, k, length, &size)
            k += size
            if k >= length:
                break
            left = find_symbol(values, offsets, ids, hashes, bits, text, k, prefixes[k])
            if left == NOTHING:
                continue
            back = prefixes[length] - prefixes[k] * powers[length - k]
            right = find_symbol(values, offsets, ids, hashes, bits, text + k, length - k, back)
            if right == NOTHING:
                continue
            if n_found == most:
                raise ValueError(
                    f"more than {most:,} pairs of pieces make a piece; a BPE model can have at most {most:,} merges"
                )
            if n_found == capacity:
                capacity *= 2
                merges, merge_ids = np.resize(merges, (capacity, 2)), np.resize(merge_ids, capacity)
                pairs, results = merges, merge_ids
            pairs[n_found, 0] = left
            pairs[n_found, 1] = right
            results[n_found] = i
            n_found += 1
    return merges[:n_found].copy(), merge_ids[:n_found].copy()


cdef inline uint64_t spread(uint64_t hashed) noexcept nogil:
    return (hashed ^ hashed >> 32) * 0x9E3779B97F4A7C15ULL


cdef uint32_t find_symbol(
    const uint8_t[::1] values,
    const int64_t[::1] offsets,
    const uint32_t[::1] ids,
    const uint64_t[::1] hashes,
    int bits,
    const uint8_t* text,
    Py_ssize_t length,
    uint64_t hashed,
) noexcept nogil:
    """Return the id of the piece with this text, else UNLISTED plus a code point, or NOTHING for a longer text."""
    cdef uint64_t place = spread(hashed) >> (64 - bits)
    cdef Py_ssize_t size
    cdef uint32_t i
    while ids[place] != NOTHING:
        i = ids[place]
        if (
            hashes[place] == hashed
            and offsets[i + 1] - offsets[i] == length
            and memcmp(&values[offsets[i]], text, length) == 0
        ):
            return i
        place = (place + 1) & ((<uint64_t>1 << bits) - 1)
    i = read_code_point(text, 0, length, &size)
    return UNLISTED_CHARACTER + i if size == length else <uint32_t>NOTHING
