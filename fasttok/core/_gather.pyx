"""Kernels of `Ragged.take` and of decoding: concatenate rows of bytes in any order."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memcpy

from fasttok.core._keys cimport use_large_pages

ctypedef fused row_t:
    uint32_t
    int64_t


def are_offsets(const int64_t[:] offsets, Py_ssize_t n_values):
    """Return whether offsets, int64[k + 1] with k >= 0, do not decrease and are from 0 to `n_values`."""
    cdef Py_ssize_t i
    if offsets[0] < 0 or offsets[offsets.shape[0] - 1] > n_values:
        return False
    for i in range(offsets.shape[0] - 1):
        if offsets[i + 1] < offsets[i]:
            return False
    return True


def measure_rows(const int64_t[::1] offsets, const row_t[::1] rows, bint allow_empty):
    """Return the total length of the rows, and the index in `rows` of the first invalid row, or -1.

    `offsets` is int64[k + 1]; `rows`, uint32[m] or int64[m], contains indices of rows. A row is invalid if it does
    not exist, or if it is empty and `allow_empty` is false. If a row is invalid, the length is that of the rows
    before it.
    """
    cdef Py_ssize_t i, bad = -1, n_rows = offsets.shape[0] - 1
    cdef int64_t length, total = 0
    with nogil:
        for i in range(rows.shape[0]):
            if row_t is int64_t:
                if rows[i] < 0:
                    bad = i
                    break
            if rows[i] >= n_rows:
                bad = i
                break
            length = offsets[rows[i] + 1] - offsets[rows[i]]
            if length == 0 and not allow_empty:
                bad = i
                break
            total += length
    return total, bad


def gather_rows(
    const uint8_t[::1] values, const int64_t[::1] offsets, const row_t[::1] rows, uint8_t[::1] out
):
    """Write ``values[offsets[r]:offsets[r + 1]]`` to `out` for each r in `rows`.

    `values` is uint8[n], `offsets` int64[k + 1], `rows` uint32[m] or int64[m]. The rows must exist, and the length
    of `out` must be their total length.
    """
    if out.shape[0]:
        with nogil:
            gather(&values[0], values.shape[0], offsets, rows, &out[0], out.shape[0])


def gather_bytes(
    const uint8_t[::1] values, const int64_t[::1] offsets, const row_t[::1] rows, Py_ssize_t n_bytes
):
    """Return the concatenated rows as ``bytes``; `n_bytes` must be their total length.

    The other parameters are those of `gather_rows`, and the rows must exist.
    """
    cdef bytes out = PyBytes_FromStringAndSize(NULL, n_bytes)
    cdef uint8_t* start = <uint8_t*>PyBytes_AS_STRING(out)
    if n_bytes:
        with nogil:
            use_large_pages(start, n_bytes)
            gather(&values[0], values.shape[0], offsets, rows, start, n_bytes)
    return out


cdef inline void gather(
    const uint8_t* values,
    Py_ssize_t n_values,
    const int64_t[::1] offsets,
    const row_t[::1] rows,
    uint8_t* out,
    Py_ssize_t n_out,
) noexcept nogil:
    # A short row is copied as 16 bytes if `values` and `out` have that many left; the next row overwrites the excess.
    cdef Py_ssize_t i, start, length, written = 0
    for i in range(rows.shape[0]):
        start = offsets[rows[i]]
        length = offsets[rows[i] + 1] - start
        if length <= 16 and start + 16 <= n_values and written + 16 <= n_out:
            memcpy(out + written, values + start, 16)
        elif length:
            memcpy(out + written, values + start, length)
        written += length
