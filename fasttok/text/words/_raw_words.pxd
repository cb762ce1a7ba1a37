"""Declarations of _raw_words.pyx: the search for raw words."""

cimport cython
from libc.stdint cimport uint8_t, uint32_t

from fasttok.text._spans cimport Spans

cdef extern from "_raw_words.h" nogil:
    enum:
        RAW_SPARE "FT_RAW_SPARE"
    enum:
        IN_WORD "FT_IN_WORD"
        SPACES "FT_SPACE"
        ALONE "FT_ALONE"
    ctypedef struct RawTables "ft_raw_tables":
        pass
    void prepare_tables "ft_raw_prepare"(RawTables* tables, const uint8_t* kinds)
    int best_path "ft_raw_best_path"()
    Py_ssize_t find_raw_words "ft_raw_words"(
        const RawTables* tables,
        int path,
        const uint8_t* text,
        Py_ssize_t end,
        Py_ssize_t* position,
        uint32_t* starts,
        uint32_t* ends,
        Py_ssize_t capacity,
    )


@cython.final
cdef class RawWordScanner(Spans):
    cdef RawTables tables
    cdef readonly int path
    cdef object kinds
