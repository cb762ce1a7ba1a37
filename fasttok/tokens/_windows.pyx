"""Kernels of windows: shuffle their order, copy them to batches, find the documents in them."""

from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

ctypedef fused source_t:
    uint16_t
    uint32_t
    int32_t
    int64_t

ctypedef fused target_t:
    uint16_t
    uint32_t
    int32_t
    int64_t

cdef enum:
    ROUNDS = 6


cdef inline uint64_t hash_number(uint64_t x) noexcept nogil:
    """Return the first number of SplitMix64 for an initial state."""
    x += 0x9E3779B97F4A7C15ULL
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ULL
    x = (x ^ x >> 27) * 0x94D049BB133111EBULL
    return x ^ x >> 31


def shuffle_positions(int64_t n, uint64_t seed, uint64_t epoch, int64_t[::1] positions):
    """Replace each position in the shuffled order of ``range(n)`` by the number at this position.

    The order is a permutation computed by a Feistel network over two halves of `width` bits, the smallest
    even number of bits that hold n, but at least eight. A result that is not below n is permuted again. All
    positions must be below n, and n at most 2^62.
    """
    cdef uint64_t keys[ROUNDS]
    cdef uint64_t key = hash_number(hash_number(seed) ^ epoch), x, left, right, mask
    cdef int width = 4, r
    cdef Py_ssize_t i
    for r in range(ROUNDS):
        keys[r] = hash_number(key + <uint64_t>r * 0x9E3779B97F4A7C15ULL)
    while (<uint64_t>1 << 2 * width) < <uint64_t>n:
        width += 1
    mask = (<uint64_t>1 << width) - 1
    with nogil:
        for i in range(positions.shape[0]):
            x = <uint64_t>positions[i]
            while True:
                left, right = x >> width, x & mask
                for r in range(ROUNDS):
                    left, right = right, left ^ (hash_number(right ^ keys[r]) & mask)
                x = left << width | right
                if x < <uint64_t>n:
                    break
            positions[i] = <int64_t>x


cdef inline void copy_row(const source_t* ids, target_t* row, Py_ssize_t n, Py_ssize_t width, target_t pad) noexcept nogil:
    """Write n ids to a row, and padding to the rest of it."""
    cdef Py_ssize_t j
    if source_t is target_t:
        if n:
            memcpy(row, ids, n * sizeof(target_t))
    else:
        for j in range(n):
            row[j] = <target_t>ids[j]
    for j in range(n, width):
        row[j] = pad


def gather_windows(
    const source_t[::1] ids,
    const int64_t[::1] starts,
    const int64_t[::1] lengths,
    int64_t pad_id,
    target_t[:, ::1] x,
    target_t[:, ::1] y,
):
    """Write ``ids[starts[i] : starts[i] + lengths[i]]`` to row i of `x`, and the ids one place later to `y`.

    `starts` and `lengths` are int64[k], `x` and `y` have the shape (k, width). The rest of a row is filled
    with `pad_id`. No length is larger than `width`, or 0, and no window ends after the last but one of `ids`.
    """
    cdef Py_ssize_t i, width = x.shape[1]
    cdef target_t pad = <target_t>pad_id
    with nogil:
        for i in range(starts.shape[0]):
            copy_row(&ids[starts[i]], &x[i, 0], lengths[i], width, pad)
            copy_row(&ids[starts[i] + 1], &y[i, 0], lengths[i], width, pad)


def number_positions(
    const int64_t[::1] offsets,
    const int64_t[::1] documents,
    const int64_t[::1] starts,
    const int64_t[::1] lengths,
    int64_t[:, ::1] out,
):
    """Write the place of each id in its document, counted from the start of the row if that is later.

    `offsets` are those of the documents, ``documents[i]`` is the document of the first id of row i. The
    padding at the end of a row is counted from 0, as a document of its own.
    """
    cdef Py_ssize_t i, j, d
    cdef int64_t next_start, position
    with nogil:
        for i in range(starts.shape[0]):
            d = documents[i]
            next_start = offsets[d + 1] - starts[i]
            position = 0
            for j in range(lengths[i]):
                if j == next_start:
                    position = 0
                    while next_start <= j:  # documents can be empty
                        d += 1
                        next_start = offsets[d + 1] - starts[i]
                out[i, j] = position
                position += 1
            for j in range(lengths[i], out.shape[1]):
                out[i, j] = j - lengths[i]
