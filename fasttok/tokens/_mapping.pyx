"""Read-only memory map of several files as one range of bytes."""

import os

from cpython.buffer cimport PyBuffer_FillInfo
from libc.errno cimport errno

cdef extern from "_mapping.h":
    void* fasttok_reserve(size_t n_bytes) noexcept nogil
    int fasttok_map(void* address, size_t n_bytes, int descriptor) noexcept nogil
    void fasttok_unmap(void* address, size_t n_bytes) noexcept nogil


cdef class Mapping:
    """Bytes of several files, one after the other; the object has the buffer protocol.

    `paths` are the files and `sizes` the number of bytes to map of each, all above 0. The size of every file but the
    last must be a multiple of the size of a memory page. The files may be deleted, but not truncated, while the object
    or a view of it exists. `end` is the number of bytes.
    """

    cdef void* _start
    cdef readonly Py_ssize_t end

    def __cinit__(self, list paths, list sizes):
        cdef Py_ssize_t position = 0, size
        cdef int descriptor, failed
        self.end = sum(sizes)
        self._start = fasttok_reserve(self.end)
        if self._start == NULL:
            raise OSError(errno, os.strerror(errno), paths[0])
        for path, n_bytes in zip(paths, sizes):
            size = n_bytes
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                failed = fasttok_map(<char*>self._start + position, size, descriptor)
                if failed:
                    raise OSError(errno, os.strerror(errno), path)
            finally:
                os.close(descriptor)
            position += size

    def __dealloc__(self):
        if self._start != NULL:
            fasttok_unmap(self._start, self.end)

    def __getbuffer__(self, Py_buffer* view, int flags):
        PyBuffer_FillInfo(view, self, self._start, self.end, 1, flags)
