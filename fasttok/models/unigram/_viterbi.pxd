"""Declarations of the Unigram encoder for its lattice and sampling kernels; see _viterbi.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._trie cimport Trie
from fasttok.models._cache cimport PretokenCache
from fasttok.models._encoder cimport PretokenEncoder
from fasttok.models.unigram._paths cimport ScoredPieces
from fasttok.text._spans cimport Spans


cdef class UnigramEncoder(PretokenEncoder):
    cdef Trie trie
    cdef object tables  # owns the arrays that `pieces` and `abs_scores` point to
    cdef ScoredPieces pieces
    cdef const double* abs_scores  # absolute score of each id
    cdef double max_per_byte  # largest absolute score of any id or unknown character
    cdef bint resolves_ties
    cdef bint fuse_unk
    cdef Py_ssize_t max_short  # maximum length of a row in which near ties are resolved, in bytes; -1 for no rows
    cdef Py_ssize_t unk_id
    cdef bint has_bytes
    cdef uint32_t byte_ids[256]

    cdef Py_ssize_t _encode_short(
        self,
        const uint8_t* text,
        Py_ssize_t n_text,
        Py_ssize_t begin,
        Py_ssize_t end,
        Spans spans,
        PretokenCache cache,
        uint32_t* out,
        int64_t* id_spans,
    ) noexcept nogil
    cdef bint _has_small_score(self, Py_ssize_t length, Py_ssize_t n, const uint32_t* ids) noexcept nogil
    cdef Py_ssize_t _encode_in_float32(
        self,
        const uint8_t* text,
        const int64_t* starts,
        const int64_t* ends,
        Py_ssize_t n,
        uint32_t* out,
        int64_t* id_spans,
        Interrupt interrupt,
    ) noexcept nogil
    cdef void measure_arcs(self, const uint32_t* arcs, Py_ssize_t n_arcs, int64_t* lengths) noexcept nogil
    cdef Py_ssize_t write_located(
        self,
        const uint8_t* text,
        Py_ssize_t begin,
        Py_ssize_t length,
        Py_ssize_t n_arcs,
        uint32_t* out,
        int64_t* id_spans,
    ) noexcept nogil
    cdef Py_ssize_t find_arcs(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil
    cdef Py_ssize_t write_ids(
        self, const uint8_t* pretoken, Py_ssize_t length, Py_ssize_t n_arcs, uint32_t* out
    ) noexcept nogil


cdef Py_ssize_t fuse_unknown(uint32_t* ids, Py_ssize_t n, uint32_t unk_id, int64_t* id_spans) noexcept nogil
