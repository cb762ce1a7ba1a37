"""`Slots`: the bytes of all tokens, laid out so that joining tokens needs one cache line per token.

A slot has 16 bytes: up to 15 bytes of a token and, in the last one, their number, or LONG for a longer token. Joining
copies whole slots; the next token overwrites the excess. The table is in large pages.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, _PyBytes_Resize
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy

from fasttok.core._keys cimport calloc_table, use_large_pages

cdef enum:
    SIZE = 16  # bytes of a slot
    LONG = 255
    SAMPLE = 4096  # number of ids from which the size of the result is estimated
    SPARE = 4 * SIZE  # bytes that must be free to copy four slots

ctypedef fused row_t:
    uint32_t
    int64_t


@cython.final
cdef class Slots:
    """The rows of a Ragged of bytes: `values` is uint8[n], `offsets` int64[k + 1]."""

    cdef const uint8_t[::1] values
    cdef const int64_t[::1] offsets
    cdef uint8_t* slots
    cdef void* block

    def __cinit__(self, const uint8_t[::1] values, const int64_t[::1] offsets):
        cdef Py_ssize_t i, length
        self.values = values
        self.offsets = offsets
        self.slots = <uint8_t*>calloc_table(SIZE * (offsets.shape[0] - 1) + 1, &self.block)
        if self.slots == NULL:
            raise MemoryError("not enough memory for a table of tokens")
        for i in range(offsets.shape[0] - 1):
            length = offsets[i + 1] - offsets[i]
            self.slots[SIZE * i + SIZE - 1] = length if length < SIZE else LONG
            if 0 < length < SIZE:
                memcpy(self.slots + SIZE * i, &values[offsets[i]], length)

    def __dealloc__(self):
        free(self.block)

    def join(self, const row_t[::1] rows, bytes before not None, bytes after not None):
        """Return `before`, the bytes of all rows and `after`, joined; None if a row does not exist or is empty."""
        cdef Py_ssize_t n = rows.shape[0], i, n_sample = min(n, <Py_ssize_t>SAMPLE), capacity, written = 0
        cdef Py_ssize_t missing = 0  # bytes of the row for which there was no space
        cdef bytes out
        cdef PyObject* resized
        cdef uint64_t row
        cdef uint8_t* start
        capacity = 0
        for i in range(n_sample):
            row = <uint64_t>rows[i * n // n_sample]
            if row >= <uint64_t>(self.offsets.shape[0] - 1):
                return None
            capacity += self.offsets[row + 1] - self.offsets[row]
        # Memory that is not written to is not used, so the estimate may be generous.
        capacity = len(before) + len(after) + <Py_ssize_t>(1.05 * n / max(n_sample, 1) * capacity) + 2 * SPARE
        out = PyBytes_FromStringAndSize(NULL, capacity)
        memcpy(PyBytes_AS_STRING(out), PyBytes_AS_STRING(before), len(before))
        written = len(before)
        i = 0
        use_large_pages(PyBytes_AS_STRING(out), capacity)
        while True:
            start = <uint8_t*>PyBytes_AS_STRING(out)
            with nogil:
                i = fill(self, rows, i, start, &written, capacity, &missing)
            if i < 0:
                return None
            if i < n:  # more space is needed
                capacity += capacity // 4 + missing + SPARE
            else:
                if written + len(after) <= capacity:
                    memcpy(PyBytes_AS_STRING(out) + written, PyBytes_AS_STRING(after), len(after))
                    written += len(after)
                    capacity = -1
                else:
                    capacity = written + len(after)
            # `_PyBytes_Resize` takes over the only reference to the bytes, and returns one in its place.
            resized = <PyObject*>out
            Py_INCREF(out)
            out = None
            _PyBytes_Resize(&resized, written if capacity < 0 else capacity)
            out = <bytes>resized
            Py_DECREF(out)
            if capacity < 0:
                return out


cdef Py_ssize_t fill(
    Slots table,
    const row_t[::1] rows,
    Py_ssize_t i,
    uint8_t* out,
    Py_ssize_t* written,
    Py_ssize_t capacity,
    Py_ssize_t* missing,
) noexcept nogil:
    """Write rows from row `i` on; return the index of the next row, which needs `missing` bytes, or -1."""
    cdef Py_ssize_t n = rows.shape[0], n_rows = table.offsets.shape[0] - 1, stop
    cdef const uint8_t* slots = table.slots
    cdef uint8_t* at = out + written[0]
    cdef uint8_t* last = out + capacity - SPARE
    cdef uint64_t a, b, c, d
    cdef uint32_t u, v, w, x
    cdef Py_ssize_t length
    while i < n:
        if i + 4 <= n and at <= last:
            a = <uint64_t>rows[i]
            b = <uint64_t>rows[i + 1]
            c = <uint64_t>rows[i + 2]
            d = <uint64_t>rows[i + 3]
            if (a >= <uint64_t>n_rows) | (b >= <uint64_t>n_rows) | (c >= <uint64_t>n_rows) | (d >= <uint64_t>n_rows):
                return -1
            u = slots[SIZE * a + SIZE - 1]
            v = slots[SIZE * b + SIZE - 1]
            w = slots[SIZE * c + SIZE - 1]
            x = slots[SIZE * d + SIZE - 1]
            if ((u - 1) | (v - 1) | (w - 1) | (x - 1)) < SIZE:  # neither empty nor long
                memcpy(at, slots + SIZE * a, SIZE)
                memcpy(at + u, slots + SIZE * b, SIZE)
                memcpy(at + u + v, slots + SIZE * c, SIZE)
                memcpy(at + u + v + w, slots + SIZE * d, SIZE)
                at += u + v + w + x
                i += 4
                continue
        stop = min(i + 4, n)
        while i < stop:
            a = <uint64_t>rows[i]
            if a >= <uint64_t>n_rows or table.offsets[a + 1] == table.offsets[a]:
                return -1
            length = table.offsets[a + 1] - table.offsets[a]
            if out + capacity - at < length:
                written[0] = at - out
                missing[0] = length
                return i
            memcpy(at, &table.values[table.offsets[a]], length)
            at += length
            i += 1
    written[0] = at - out
    return i
