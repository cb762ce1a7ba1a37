"""The kernel of top-down learning: one round over the suffix tree of the words.

Substrings that go on with the same symbol wherever they stand have the same count, and lose the same when longer
ones are kept: either the longest of them is kept, and nothing of the others is left, or none is. So the nodes of
the tree are all that need be looked at.
"""

from libc.stdint cimport int64_t

from fasttok.core._interrupt cimport Interrupt

cdef enum:
    OFTEN = 0xFFFF  # words or nodes between two questions whether to go on, and one more


def learn_round(
    const int64_t[::1] offsets,
    const int64_t[::1] counts,
    const int64_t[::1] lengths,
    const int64_t[::1] parents,
    const int64_t[::1] leaves,
    int64_t threshold,
    bint is_first,
    int64_t[::1] longest,
    int64_t[::1] occurrences,
    int64_t[::1] removed,
    int64_t[::1] kept,
    Interrupt interrupt not None,
):
    """Write how often each substring is kept, 0 where it is not; return how many of two symbols and more are.

    Substrings are counted from every position in the first round, and later from where the pieces of a word
    begin, when from each place the longest kept one is taken. `longest` says of each node how long that is
    within it, as the round before has left it, and is written for the next. A node's parent stands behind it.
    `occurrences` and `removed` are room to work in.
    """
    cdef Py_ssize_t i, n_nodes = parents.shape[0]
    cdef int64_t p, end, parent, rest, n_kept = 0
    with nogil:
        for i in range(n_nodes):
            occurrences[i] = 0
            removed[i] = 0
        for i in range(offsets.shape[0] - 1):
            if i & OFTEN == OFTEN and interrupt.check():
                with gil:
                    interrupt.raise_error()
            p = offsets[i]
            end = offsets[i + 1]
            while p < end:
                occurrences[leaves[p]] += counts[i]
                p += 1 if is_first else longest[leaves[p]]
        for i in range(n_nodes):
            if i & OFTEN == OFTEN and interrupt.check():
                with gil:
                    interrupt.raise_error()
            rest = occurrences[i] - removed[i]
            kept[i] = rest if rest >= threshold else 0
            n_kept += kept[i] > 0 and lengths[i] > 1
            parent = parents[i]
            if parent >= 0:
                occurrences[parent] += occurrences[i]
                removed[parent] += occurrences[i] if kept[i] > 0 else removed[i]
        for i in range(n_nodes - 1, -1, -1):
            if kept[i] > 0:
                longest[i] = lengths[i]
            else:
                longest[i] = longest[parents[i]] if parents[i] >= 0 else 1
    return n_kept
