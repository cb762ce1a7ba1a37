"""Search for spaces and marks (U+2581) in blocks of bytes; see _metaspace.h."""

from libc.stdint cimport uint8_t, uint64_t


cdef extern from "_metaspace.h" nogil:
    Py_ssize_t copy_word "ft_copy_word"(
        const uint8_t* start, const uint8_t* end, const uint8_t* readable, uint8_t* out
    )
    const uint8_t* write_marked "ft_write_marked"(
        const uint8_t* start, const uint8_t* end, const uint8_t* readable, bint merge, uint8_t** out
    )
    uint64_t spaces "ft_spaces"(const uint8_t* p)
    uint64_t marks "ft_marks"(const uint8_t* p)
