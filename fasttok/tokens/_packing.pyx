"""Kernels of packing: choose a row for each piece of a document, copy ids to rows, and describe the rows.

A *piece* is a part of a document that is in one row, or the whole document. The pieces of a packing are
four arrays, in the order of the rows: where the piece starts in the ids, its length, its flags, and where the
pieces of each row begin.
"""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy

ctypedef fused id_t:
    uint16_t
    uint32_t

cdef enum:
    # Flags of pieces; `fasttok.tokens.packing` has the same.
    BOS = 1  # the first id is the BOS, which is not in the ids of the store
    CONTINUES = 2  # the document goes on after the piece

# A tree of flags finds the nearest flag that is set. The leaves, tree[size:], are the flags of 0, 1, ...; the
# parent of the nodes 2i and 2i + 1 is i, and is set if one of them is.


cdef inline void set_flag(uint8_t* tree, Py_ssize_t size, Py_ssize_t i) noexcept nogil:
    i += size
    while i and not tree[i]:
        tree[i] = 1
        i >>= 1


cdef inline void clear_flag(uint8_t* tree, Py_ssize_t size, Py_ssize_t i) noexcept nogil:
    i += size
    tree[i] = 0
    i >>= 1
    while i and not tree[2 * i] and not tree[2 * i + 1]:
        tree[i] = 0
        i >>= 1


cdef inline Py_ssize_t find_at_least(const uint8_t* tree, Py_ssize_t size, Py_ssize_t i) noexcept nogil:
    """Return the smallest flag of at least i that is set, or -1."""
    i += size
    if not tree[i]:
        while i > 1 and (i & 1 or not tree[i + 1]):
            i >>= 1
        if i <= 1:
            return -1
        i += 1
        while i < size:
            i = 2 * i
            if not tree[i]:
                i += 1
    return i - size


cdef inline Py_ssize_t find_at_most(const uint8_t* tree, Py_ssize_t size, Py_ssize_t i) noexcept nogil:
    """Return the largest flag of at most i that is set, or -1."""
    i += size
    if not tree[i]:
        while i > 1 and (not i & 1 or not tree[i - 1]):
            i >>= 1
        if i <= 1:
            return -1
        i -= 1
        while i < size:
            i = 2 * i + 1
            if not tree[i]:
                i -= 1
    return i - size


def _make_tree(Py_ssize_t width):
    cdef Py_ssize_t size = 1
    while size <= width:
        size *= 2
    return np.zeros(2 * size, np.uint8), size


def place_best_fit(const int64_t[::1] lengths, const int64_t[::1] order, int64_t width, int64_t[::1] rows):
    """Write the row of each piece to `rows`, int64[m], and return the number of rows. O(m log width).

    The pieces are placed in the given order, int64[m], each in the row with the least space that is enough; of
    rows with equal space, in that which got a piece last; if no row has the space, in a new row of `width` ids.
    `lengths`, int64[m], are from 1 to `width`.
    """
    cdef Py_ssize_t i, size, space, n = lengths.shape[0]
    cdef int64_t length, row, n_rows = 0
    flags, size = _make_tree(width)
    cdef uint8_t[::1] flags_view = flags
    cdef uint8_t* tree = &flags_view[0]
    cdef int64_t[::1] heads = np.full(width + 1, -1, np.int64)  # row with this space that got a piece last
    cdef int64_t[::1] below = np.empty(n, np.int64)  # row with the same space that got a piece before
    with nogil:
        for i in range(n):
            length = lengths[order[i]]
            space = find_at_least(tree, size, length)
            if space < 0:
                row = n_rows
                n_rows += 1
                space = width
            else:
                row = heads[space]
                heads[space] = below[row]
                if heads[space] < 0:
                    clear_flag(tree, size, space)
            rows[order[i]] = row
            space -= length
            if space:
                below[row] = heads[space]
                heads[space] = row
                set_flag(tree, size, space)
    return n_rows


def group_rows(int64_t[::1] rows, int64_t n_rows):
    """Number rows by their first piece, and return the pieces by row, int64[m], and int64[n_rows + 1] offsets.

    `rows`, int64[m], is the row of each piece and is overwritten. The pieces of a row keep their order. O(m).
    """
    cdef Py_ssize_t i, n = rows.shape[0]
    cdef int64_t row, n_seen = 0
    cdef int64_t[::1] numbers = np.full(n_rows, -1, np.int64)
    order, offsets = np.empty(n, np.int64), np.zeros(n_rows + 2, np.int64)
    cdef int64_t[::1] order_view = order, ends = offsets
    with nogil:
        for i in range(n):
            row = rows[i]
            if numbers[row] < 0:
                numbers[row] = n_seen
                n_seen += 1
            rows[i] = numbers[row]
            ends[rows[i] + 2] += 1
        for i in range(n_rows):
            ends[i + 2] += ends[i + 1]
        for i in range(n):
            order_view[ends[rows[i] + 1]] = i
            ends[rows[i] + 1] += 1
    return order, offsets[: n_rows + 1]


cdef inline bint is_before(const int64_t[::1] lengths, int64_t a, int64_t b) noexcept nogil:
    return lengths[a] < lengths[b] or (lengths[a] == lengths[b] and a < b)


cdef inline void push(int64_t[::1] heap, Py_ssize_t n, const int64_t[::1] lengths, int64_t one) noexcept nogil:
    """Add a document to a heap of n documents."""
    cdef Py_ssize_t i = n
    while i and is_before(lengths, one, heap[(i - 1) // 2]):
        heap[i] = heap[(i - 1) // 2]
        i = (i - 1) // 2
    heap[i] = one


cdef inline int64_t pop(int64_t[::1] heap, Py_ssize_t n, const int64_t[::1] lengths) noexcept nogil:
    """Remove the shortest document of a heap of n documents, of equal ones the first, and return it."""
    cdef int64_t first = heap[0], one = heap[n - 1]
    cdef Py_ssize_t i = 0, child = 1
    n -= 1
    while child < n:
        if child + 1 < n and is_before(lengths, heap[child + 1], heap[child]):
            child += 1
        if not is_before(lengths, heap[child], one):
            break
        heap[i] = heap[child]
        i = child
        child = 2 * i + 1
    heap[i] = one
    return first


def place_whole_or_cropped(
    const int64_t[::1] lengths,
    int64_t width,
    int64_t buffer_size,
    int64_t refill,
    int64_t[::1] documents,
    int64_t[::1] used,
    int64_t[::1] row_offsets,
):
    """Fill rows of `width` ids with documents, and return the numbers of rows and of documents in them.

    Documents come, in their order, into a buffer, `refill` at a time whenever it has fewer than `buffer_size`.
    A row takes the longest document of the buffer that fits; if none fits, the shortest, of which it takes
    the beginning. Of equally long documents, the first is taken. The rest of a cropped document is lost. O(n
    log(width + buffer_size)).

    `lengths`, int64[n], are at least 1. The documents and the number of ids that are used of each are written to
    `documents` and `used`, int64[n], and the borders of the rows to `row_offsets`, int64[n + 1]. The last row
    has space left if the documents do not suffice.
    """
    cdef Py_ssize_t size, n = lengths.shape[0], n_waiting = 0, n_long = 0, n_rows = 0, n_placed = 0, coming = 0
    cdef int64_t space, length, document, i
    flags, size = _make_tree(width)
    cdef uint8_t[::1] flags_view = flags
    cdef uint8_t* tree = &flags_view[0]
    cdef int64_t[::1] heads = np.full(width + 1, -1, np.int64)  # first waiting document of a length
    cdef int64_t[::1] tails = np.empty(width + 1, np.int64)  # last one
    cdef int64_t[::1] following = np.empty(n, np.int64)  # next waiting document of the same length
    cdef int64_t[::1] heap = np.empty(n, np.int64)  # waiting documents that are longer than a row
    row_offsets[0] = 0
    with nogil:
        while coming < n or n_waiting:
            space = width
            while space:
                while n_waiting < buffer_size and coming < n:
                    for i in range(min(refill, n - coming)):
                        length = lengths[coming]
                        if length > width:
                            push(heap, n_long, lengths, coming)
                            n_long += 1
                        else:
                            if heads[length] < 0:
                                heads[length] = coming
                                set_flag(tree, size, length)
                            else:
                                following[tails[length]] = coming
                            tails[length] = coming
                            following[coming] = -1
                        coming += 1
                        n_waiting += 1
                if not n_waiting:
                    break
                length = find_at_most(tree, size, space)
                if length < 0:
                    length = find_at_least(tree, size, 0)
                if length < 0:
                    document = pop(heap, n_long, lengths)
                    n_long -= 1
                    length = lengths[document]
                else:
                    document = heads[length]
                    heads[length] = following[document]
                    if heads[length] < 0:
                        clear_flag(tree, size, length)
                n_waiting -= 1
                length = min(length, space)
                documents[n_placed] = document
                used[n_placed] = length
                n_placed += 1
                space -= length
            n_rows += 1
            row_offsets[n_rows] = n_placed
    return n_rows, n_placed


def fill_rows(
    const id_t[::1] ids,
    const int64_t[::1] starts,
    const int64_t[::1] lengths,
    const uint8_t[::1] flags,
    const int64_t[::1] row_offsets,
    const int64_t[::1] rows,
    int64_t row_length,
    bint is_stream,
    uint32_t bos_id,
    uint32_t pad_id,
    id_t[:, ::1] out,
):
    """Write the ids of the given rows to `out`, of shape (len(rows), row_length) or (len(rows), row_length + 1).

    The space of a row that has no ids is filled with `pad_id`. An additional column gets the id that follows the
    last one of the row in its document or, if `is_stream`, in `ids`; if there is none, `pad_id`. The arrays of
    pieces are described in the module; `rows`, int64[k], must exist.
    """
    cdef Py_ssize_t i, j, at, end, length
    cdef int64_t piece
    cdef id_t* row
    cdef bint is_ahead = out.shape[1] > row_length, is_known
    with nogil:
        for i in range(rows.shape[0]):
            row = &out[i, 0]
            at = end = 0
            is_known = False
            for piece in range(row_offsets[rows[i]], row_offsets[rows[i] + 1]):
                length = lengths[piece]
                if flags[piece] & BOS:
                    row[at] = <id_t>bos_id
                    at += 1
                    length -= 1
                if length:
                    memcpy(row + at, &ids[starts[piece]], length * sizeof(id_t))
                at += length
                end = starts[piece] + length
                is_known = flags[piece] & CONTINUES
            is_known = at == row_length and (is_known or (is_stream and end < ids.shape[0]))
            for j in range(at, row_length):
                row[j] = <id_t>pad_id
            if is_ahead:
                row[row_length] = ids[end] if is_known else <id_t>pad_id


def write_positions(
    const int64_t[::1] lengths,
    const int64_t[::1] row_offsets,
    const int64_t[::1] rows,
    int64_t[:, ::1] out,
):
    """Write the position of each id in its piece to `out`, int64[k, width]; padding is counted from 0 as well."""
    cdef Py_ssize_t i, j, at, end, width = out.shape[1]
    cdef int64_t piece
    with nogil:
        for i in range(rows.shape[0]):
            at = 0
            for piece in range(row_offsets[rows[i]], row_offsets[rows[i] + 1]):
                end = min(at + lengths[piece], width)
                for j in range(at, end):
                    out[i, j] = j - at
                at = end
            for j in range(at, width):
                out[i, j] = j - at


def write_borders(
    const int64_t[::1] lengths,
    const int64_t[::1] row_offsets,
    const int64_t[::1] rows,
    Py_ssize_t width,
    int64_t[::1] out,
):
    """Write where each piece ends in the concatenated rows, cut to `width` ids, and return the number of ends.

    The padding of a row is a piece. `out` needs an item for each piece of the rows and one for each row.
    """
    cdef Py_ssize_t i, n = 0
    cdef int64_t piece, at, row_end
    with nogil:
        for i in range(rows.shape[0]):
            at, row_end = i * width, (i + 1) * width
            for piece in range(row_offsets[rows[i]], row_offsets[rows[i] + 1]):
                if at < row_end:
                    at = min(at + lengths[piece], row_end)
                    out[n] = at
                    n += 1
            if at < row_end:
                out[n] = row_end
                n += 1
    return n


def write_loss_mask(
    Py_ssize_t n_ids,
    const int64_t[::1] starts,
    const int64_t[::1] lengths,
    const uint8_t[::1] flags,
    const int64_t[::1] row_offsets,
    const int64_t[::1] rows,
    Py_ssize_t row_length,
    bint is_stream,
    bint across_documents,
    uint8_t[:, ::1] out,
):
    """Write 1 to `out`, uint8[k, width], where the next id is one to predict, otherwise 0.

    It is one to predict if it is an id of the same document or, if `across_documents`, any id that is no padding.
    `width` is `row_length`, whose last id is followed by that of the additional column of `fill_rows`, or one less.
    """
    cdef Py_ssize_t i, j, at, end, width = out.shape[1], begin, stop
    cdef int64_t piece
    with nogil:
        for i in range(rows.shape[0]):
            at = 0
            begin, stop = row_offsets[rows[i]], row_offsets[rows[i] + 1]
            for piece in range(begin, stop):
                end = at + lengths[piece]
                for j in range(at, min(end - 1, width)):
                    out[i, j] = 1
                if end - 1 < width:
                    if end < row_length:
                        out[i, end - 1] = across_documents and piece + 1 < stop
                    elif flags[piece] & CONTINUES:
                        out[i, end - 1] = 1
                    else:
                        out[i, end - 1] = (
                            across_documents and is_stream and starts[piece] + lengths[piece] < n_ids
                        )
                at = end
            for j in range(at, width):
                out[i, j] = 0
