"""Kernel of greedy WordPiece training: one round over the suffix tree of the words.

If a substring is always followed by the same symbol, it has the same count as the longer substring, and the same
amount is subtracted from both. If the longer one is kept, nothing remains of the shorter one; otherwise neither is
kept. Visiting the nodes of the suffix tree is therefore enough.
"""

from libc.stdint cimport int64_t

from fasttok.core._interrupt cimport Interrupt

cdef enum:
    CHECK_MASK = 0xFFFF  # interrupts are checked every 65,536 words or nodes


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
    """Write the count of each kept substring, else 0, to `kept`; return the number of kept ones with length > 1.

    The first round counts substrings from every position. Later rounds segment words by longest match, and count
    substrings from the starts of the pieces.

    Parameters
    ----------
    offsets, counts : int64[w + 1], int64[w]
        Offsets and counts of the words.
    lengths, parents : int64[n]
        Length in symbols and parent of each node of the suffix tree. The parent, or -1 if there is none, comes
        after the node.
    leaves : int64[m]
        Node of the whole suffix of each of the m positions in the words.
    threshold : int
        Minimum count of a kept substring.
    is_first : bool
        Whether this is the first round.
    longest : int64[n]
        Length of the longest kept prefix of each node. A round reads the values of the round before and writes
        those for the next one.
    occurrences, removed : int64[n]
        Buffers.
    kept : int64[n]
        Array for the counts.
    interrupt : Interrupt
        Interrupt that is checked during the round.
    """
    cdef Py_ssize_t i, n_nodes = parents.shape[0]
    cdef int64_t p, end, parent, rest, n_kept = 0
    with nogil:
        for i in range(n_nodes):
            occurrences[i] = 0
            removed[i] = 0
        for i in range(offsets.shape[0] - 1):
            if i & CHECK_MASK == CHECK_MASK and interrupt.check():
                with gil:
                    interrupt.raise_error()
            p = offsets[i]
            end = offsets[i + 1]
            while p < end:
                occurrences[leaves[p]] += counts[i]
                p += 1 if is_first else longest[leaves[p]]
        for i in range(n_nodes):
            if i & CHECK_MASK == CHECK_MASK and interrupt.check():
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
