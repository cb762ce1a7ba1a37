"""Declarations of _added.pyx: the search for added tokens, as encoders use it."""

cimport cython
from libc.stdint cimport uint8_t, uint32_t

from fasttok.core._trie cimport Trie

cdef struct Match:
    Py_ssize_t start
    Py_ssize_t stop
    uint32_t token
    Py_ssize_t hidden_to  # end of the last skipped token


@cython.final
cdef class TokenFinder:
    cdef Trie trie
    cdef uint8_t begins[256]  # whether a token begins with each byte
    cdef int single  # the byte with which all tokens begin; -1 if there are several
    # The byte of the trie for each byte of text: 0xFF for 0x00 and, so that it matches nothing, 0xFE for 0xFF.
    cdef uint8_t in_trie[256]

    cdef bint find_next(
        self, const uint8_t* text, Py_ssize_t end, const uint8_t* modes, Match* match
    ) noexcept nogil


@cython.final
cdef class TokenSearch:
    cdef TokenFinder first
    cdef TokenFinder second  # finder for the text between the tokens that `first` finds, or None
    cdef const uint8_t[::1] modes
    cdef const uint32_t[::1] ids
    cdef const uint8_t[::1] is_direct
