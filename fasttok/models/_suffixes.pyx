"""Kernels of `Substrings`: sorted suffixes of words, and substrings as intervals of them.

For n symbols of words, ``symbols`` is uint32[n]. The suffix of position p begins at p and has
``suffix_lengths[p]`` symbols (int32[n]). ``order`` (int64[m]) has positions sorted by their suffixes. All
suffixes that begin with the same substring are adjacent. A row of ``substrings`` (int64[k, 3]) has the length of
a substring, the index in ``order`` of the first suffix that begins with it, and one more than the index of the
last.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

cdef enum:
    SMALL = 16  # up to this number of entries, insertion is fastest


cdef struct Entry:  # a suffix while it is sorted
    uint64_t key
    int64_t position


def measure_suffixes(const int64_t[::1] offsets, Py_ssize_t longest, int32_t[::1] out):
    """Write the length of the suffix of each position, but at most `longest`, to `out` (int32[n]).

    ``offsets`` (int64[k + 1]) has the first position of each word.
    """
    cdef Py_ssize_t w
    cdef int64_t p
    with nogil:
        for w in range(offsets.shape[0] - 1):
            for p in range(offsets[w], offsets[w + 1]):
                out[p] = <int32_t>min(offsets[w + 1] - p, longest)


def share_suffixes(
    const int64_t[::1] offsets,
    const int64_t[::1] words,
    const int32_t[::1] shared,
    int64_t[::1] stack,
    int64_t[::1] representatives,
):
    """Find the positions whose suffixes are the same up to the end of the word.

    Parameters
    ----------
    offsets : int64[k + 1]
        First position of each word.
    words : int64[k]
        Words, in an order that has those with a common suffix next to each other.
    shared : int32[k]
        Length of a common suffix of each of these words and the one before it.
    stack : int64[m + 1]
        Buffer, where m is the number of symbols of the longest word.
    representatives : int64[n]
        Array for one position per position, the same for all positions with the same suffix.
    """
    cdef Py_ssize_t i, d, length
    cdef int64_t end
    with nogil:
        for i in range(words.shape[0]):
            end = offsets[words[i] + 1]
            length = end - offsets[words[i]]
            for d in range(shared[i]):
                representatives[end - 1 - d] = stack[d]
            for d in range(shared[i], length):
                stack[d] = end - 1 - d
                representatives[end - 1 - d] = end - 1 - d


def weigh_suffixes(
    const int64_t[::1] offsets,
    const int64_t[::1] words,
    const int32_t[::1] shared,
    const int64_t[::1] counts,
    int64_t[::1] stack,
    int64_t[::1] out,
):
    """Write the total count of the words that end with the suffix of each representative to `out` (int64[n]).

    ``counts`` (int64[k]) are the counts of the words, and ``stack`` is a buffer of zeros. Other parameters are those
    of `share_suffixes`.
    """
    cdef Py_ssize_t i, d, length
    cdef int64_t end
    with nogil:
        for i in range(words.shape[0] - 1, -1, -1):
            end = offsets[words[i] + 1]
            length = end - offsets[words[i]]
            if length == 0:
                continue
            stack[length - 1] += counts[words[i]]
            for d in range(length - 1, shared[i] - 1, -1):
                out[end - 1 - d] = stack[d]
                if d:
                    stack[d - 1] += stack[d]
                stack[d] = 0


def pack_symbols(
    const uint32_t[::1] symbols, const int32_t[::1] suffix_lengths, int bits, int depth, uint64_t[::1] keys
):
    """Write the first `depth` symbols of each suffix to `keys` (uint64[n]), the first in the highest bits.

    A symbol s is stored as s + 1, which must fit `bits` bits; 0 is stored after the end of the suffix.
    """
    cdef Py_ssize_t p
    cdef int shift = bits * (depth - 1)
    with nogil:
        for p in range(symbols.shape[0] - 1, -1, -1):
            keys[p] = (<uint64_t>symbols[p] + 1) << shift
            if suffix_lengths[p] > 1 and depth > 1:
                keys[p] |= keys[p + 1] >> bits


def count_keys(const uint64_t[::1] keys, const int64_t[::1] positions, int shift, int64_t[::1] ends):
    """Add the number of positions p whose keys have the highest bits b, ``keys[p] >> shift``, to ``ends[b + 1]``."""
    cdef Py_ssize_t k
    with nogil:
        for k in range(positions.shape[0]):
            ends[(keys[positions[k]] >> shift) + 1] += 1


def fill_buckets(
    const uint64_t[::1] keys,
    const int64_t[::1] positions,
    int shift,
    int64_t[::1] next_entries,
    uint64_t[:, ::1] entries,
):
    """Write the keys of m positions, and the positions, to `entries` (uint64[m, 2]), grouped by the highest bits b.

    The next entry of the group goes to ``next_entries[b]``, which is increased.
    """
    cdef Py_ssize_t k
    cdef int64_t i, p
    with nogil:
        for k in range(positions.shape[0]):
            p = positions[k]
            i = next_entries[keys[p] >> shift]
            next_entries[keys[p] >> shift] += 1
            entries[i, 0] = keys[p]
            entries[i, 1] = p


def sort_buckets(
    uint64_t[:, ::1] entries,
    const uint64_t[::1] keys,
    const int32_t[::1] suffix_lengths,
    const int64_t[::1] starts,
    Py_ssize_t first,
    Py_ssize_t last,
    int bits,
    int depth,
    int longest,
    int64_t[::1] order,
):
    """Sort the suffixes of the groups [first, last), and write their positions to `order`.

    Group b is ``entries[starts[b]:starts[b + 1]]``. `keys`, `bits` and `depth` are those of `pack_symbols`, and no
    suffix is longer than `longest`. Suffixes that are equal may come in any order, which does not depend on the
    division into calls.
    """
    cdef Py_ssize_t b
    cdef int64_t i
    cdef Entry *all_entries
    if starts[first] == starts[last]:
        return
    all_entries = <Entry *>&entries[0, 0]
    with nogil:
        for b in range(first, last):
            sort_suffixes(
                all_entries + starts[b],
                starts[b + 1] - starts[b],
                &keys[0],
                &suffix_lengths[0],
                bits,
                depth,
                depth,
                longest,
            )
        for i in range(starts[first], starts[last]):
            order[i] = all_entries[i].position


cdef void sort_suffixes(
    Entry *entries,
    int64_t n,
    const uint64_t *keys,
    const int32_t *suffix_lengths,
    int bits,
    int depth,
    int end,
    int longest,
) noexcept nogil:
    """Sort suffixes whose keys have the symbols ``end - depth`` to ``end - 1``; those before are the same."""
    cdef int64_t i = 0, j, k, position
    cdef uint64_t key, last_symbol = (<uint64_t>1 << bits) - 1
    sort_entries(entries, n, 2 * bit_length(n))
    if end >= longest:
        return
    while i < n:
        key = entries[i].key
        j = i + 1
        while j < n and entries[j].key == key:
            j += 1
        if j - i > 1 and key & last_symbol:  # the suffixes go on
            for k in range(i, j):
                position = entries[k].position
                entries[k].key = keys[position + end] if suffix_lengths[position] > end else 0
                if longest - end < depth:
                    entries[k].key >>= bits * (depth - (longest - end))
            sort_suffixes(entries + i, j - i, keys, suffix_lengths, bits, depth, end + depth, longest)
        i = j


cdef inline int bit_length(int64_t n) noexcept nogil:
    cdef int bits = 0
    while n:
        n >>= 1
        bits += 1
    return bits


cdef void sort_entries(Entry *entries, int64_t n, int n_rounds) noexcept nogil:
    """Sort entries by key: quicksort with three parts, or heapsort after `n_rounds` rounds."""
    cdef int64_t i, j, below, above
    cdef uint64_t pivot, a, b, c
    cdef Entry entry
    while n > SMALL:
        if n_rounds == 0:
            sort_with_heap(entries, n)
            return
        n_rounds -= 1
        a, b, c = entries[0].key, entries[n >> 1].key, entries[n - 1].key
        pivot = max(min(a, b), min(max(a, b), c))  # the median
        below, i, above = 0, 0, n
        while i < above:
            entry = entries[i]
            if entry.key < pivot:
                entries[i] = entries[below]
                entries[below] = entry
                below += 1
                i += 1
            elif entry.key > pivot:
                above -= 1
                entries[i] = entries[above]
                entries[above] = entry
            else:
                i += 1
        if below < n - above:
            sort_entries(entries, below, n_rounds)
            entries += above
            n -= above
        else:
            sort_entries(entries + above, n - above, n_rounds)
            n = below
    for i in range(1, n):
        entry = entries[i]
        j = i
        while j > 0 and entries[j - 1].key > entry.key:
            entries[j] = entries[j - 1]
            j -= 1
        entries[j] = entry


cdef void sort_with_heap(Entry *entries, int64_t n) noexcept nogil:
    """Sort entries by key in O(n log n), whatever their order."""
    cdef int64_t i
    cdef Entry entry
    for i in range((n >> 1) - 1, -1, -1):
        sift_down(entries, i, n)
    for i in range(n - 1, 0, -1):
        entry = entries[0]
        entries[0] = entries[i]
        entries[i] = entry
        sift_down(entries, 0, i)


cdef inline void sift_down(Entry *entries, int64_t i, int64_t n) noexcept nogil:
    cdef Entry entry = entries[i]
    cdef int64_t child
    while 2 * i + 1 < n:
        child = 2 * i + 1
        if child + 1 < n and entries[child + 1].key > entries[child].key:
            child += 1
        if entries[child].key <= entry.key:
            break
        entries[i] = entries[child]
        i = child
    entries[i] = entry


def measure_common(
    const uint32_t[::1] symbols,
    const int32_t[::1] suffix_lengths,
    const int64_t[::1] order,
    Py_ssize_t first,
    Py_ssize_t last,
    int32_t[::1] out,
):
    """Write the length of the common prefix of each sorted suffix and the one before it to `out`: int32[m].

    Only the entries [first, last) are written; `first` must not be 0.
    """
    cdef Py_ssize_t i
    cdef int64_t a, b
    cdef int32_t k, most
    with nogil:
        for i in range(first, last):
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


def nest_substrings(
    const int64_t[:, ::1] substrings, const uint32_t[::1] pieces, int64_t[::1] parents, uint32_t[:, ::1] links
):
    """Write the chain of each substring: the longest substring that it begins with, and so on.

    Parameters
    ----------
    substrings : int64[k, 3]
        Substrings, sorted by the index of the first suffix, then by length. All of them occur.
    pieces : uint32[k]
        Number of each substring, below 2^24.
    parents : int64[k]
        Array for the row of the longest substring that each one begins with; -1 if there is none.
    links : uint32[k, 2]
        Array for the arc of each substring, which has its length in the upper 8 bits and its number in the
        others, and for its parent plus 1.
    """
    cdef Py_ssize_t j
    cdef int64_t parent
    with nogil:
        for j in range(substrings.shape[0]):
            parent = j - 1
            while parent >= 0 and substrings[parent, 2] <= substrings[j, 1]:
                parent = parents[parent]
            parents[j] = parent
            links[j, 0] = <uint32_t>substrings[j, 0] << 24 | pieces[j]
            links[j, 1] = <uint32_t>(parent + 1)


def mark_longest(
    const int64_t[::1] order,
    const int64_t[:, ::1] substrings,
    const int64_t[::1] parents,
    Py_ssize_t first,
    Py_ssize_t last,
    Py_ssize_t next_row,
    uint32_t[::1] longest,
):
    """Write the row of the longest substring that begins at each position, plus 1, to ``longest[p]``: uint32[n].

    It is 0 if there is none. Only the positions of the sorted suffixes [first, last) are visited; `next_row` is the
    first row whose first suffix is not before `first`. Other parameters are those of `nest_substrings`.
    """
    cdef Py_ssize_t i, j = next_row
    cdef int64_t top = next_row - 1
    with nogil:
        for i in range(first, last):
            while top >= 0 and substrings[top, 2] <= i:
                top = parents[top]
            while j < substrings.shape[0] and substrings[j, 1] == i:
                top = j
                j += 1
            longest[order[i]] = <uint32_t>(top + 1)


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
