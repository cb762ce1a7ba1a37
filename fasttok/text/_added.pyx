"""The search for added tokens in text: from the left, the longest at each place, by a walk through a trie."""

import numpy as np

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, realloc

from fasttok.core._trie cimport Trie, TrieNode, trie_has_value, trie_root, trie_step, trie_value

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* length) except NULL

# What becomes of each token's text.
cdef enum:
    PASSED_OVER = 0  # it is ordinary text, in which no token is found but those below
    FOUND = 1
    FOUND_INSIDE = 2  # it is found, also inside of one that is passed over

cdef struct Match:
    int64_t row
    int64_t start
    int64_t stop
    int64_t token

cdef struct Matches:
    Match* items
    Py_ssize_t n
    Py_ssize_t size


cdef inline bint add_match(Matches* matches, Match match) noexcept nogil:
    cdef Match* items
    if matches.n == matches.size:
        items = <Match*>realloc(matches.items, (2 * matches.n + 16) * sizeof(Match))
        if items == NULL:
            return False
        matches.items = items
        matches.size = 2 * matches.n + 16
    matches.items[matches.n] = match
    matches.n += 1
    return True


@cython.final
cdef class TokenFinder:
    """Finds tokens in text. Never changed, shared by all threads.

    Parameters
    ----------
    trie : Trie
        The texts of the tokens, with 0xFF for 0x00, which no trie has, and their numbers.
    first_bytes : bytes
        The bytes that tokens begin with.
    """

    cdef Trie trie
    cdef uint8_t begins[256]  # whether a token begins with a byte
    cdef uint8_t in_trie[256]  # what stands for a byte of text; 0xFE, which is in no token, for 0xFF

    def __cinit__(self, Trie trie not None, bytes first_bytes not None):
        cdef Py_ssize_t i
        self.trie = trie
        for i in range(256):
            self.begins[i] = i in first_bytes
            self.in_trie[i] = i
        self.in_trie[0], self.in_trie[0xFF] = 0xFF, 0xFE

    def find(self, const uint8_t[::1] text, const int64_t[::1] offsets, const uint8_t[::1] rules):
        """Find tokens in every row: int64[m, 4], the row, begin and end in `text`, and number of each.

        `rules` says of every token what becomes of its text. O(n) for n bytes of text in which few tokens
        begin; O(n · the longest token) at worst.
        """
        cdef Matches matches = Matches(NULL, 0, 0)
        cdef Py_ssize_t row, n_rows = offsets.shape[0] - 1
        cdef bint is_done = True
        cdef int64_t[:, ::1] found
        with nogil:
            for row in range(n_rows):
                if offsets[row] < offsets[row + 1]:
                    is_done = self._find(&text[0], offsets[row], offsets[row + 1], row, &rules[0], -1, &matches)
                    if not is_done:
                        break
        try:
            if not is_done:
                raise MemoryError("no memory for the added tokens of a text")
            if matches.n == 0:
                return np.empty((0, 4), np.int64)
            found = <int64_t[:matches.n, :4]>(<int64_t*>matches.items)
            return np.array(found)
        finally:
            free(matches.items)

    def occurs_in(self, text, const uint8_t[::1] rules):
        """Whether any token is found in a text, a ``str`` or ``bytes``.

        Raises
        ------
        UnicodeEncodeError
            If there is a lone surrogate.
        """
        cdef Matches matches = Matches(NULL, 0, 0)
        cdef const char* start
        cdef Py_ssize_t length
        cdef bytes data
        if isinstance(text, str):
            start = PyUnicode_AsUTF8AndSize(text, &length)
        else:
            data = text
            start = data
            length = len(data)
        cdef bint is_done
        with nogil:
            is_done = self._find(<const uint8_t*>start, 0, length, 0, &rules[0], 1, &matches)
        free(matches.items)
        if not is_done:
            raise MemoryError("no memory for the added tokens of a text")
        return matches.n > 0

    cdef bint _find(
        self,
        const uint8_t* text,
        Py_ssize_t begin,
        Py_ssize_t end,
        Py_ssize_t row,
        const uint8_t* rules,
        Py_ssize_t most,
        Matches* matches,
    ) noexcept nogil:
        """Add the matches in a row, at most so many if `most` is not negative; False for want of memory."""
        cdef const uint32_t* units = self.trie.start
        cdef TrieNode root = trie_root(units), node
        cdef Py_ssize_t i = begin, j, stop, inside, hidden_to = begin
        cdef uint32_t token = 0, inner = 0
        while i < end:
            if not self.begins[text[i]]:
                i += 1
                continue
            node = root
            j = i
            stop = inside = -1
            while j < end and trie_step(units, &node, self.in_trie[text[j]]):
                j += 1
                if trie_has_value(node):
                    stop = j
                    token = trie_value(units, node)
                    if rules[token] == FOUND_INSIDE:
                        inside = j
                        inner = token
            if stop >= 0 and rules[token] == PASSED_OVER and inside < 0 and i >= hidden_to:
                hidden_to = stop
            if stop < 0 or rules[token] == PASSED_OVER or (rules[token] == FOUND and i < hidden_to):
                stop = inside
                token = inner
            if stop < 0:
                i += 1
                continue
            if not add_match(matches, Match(row, i, stop, token)):
                return False
            if matches.n == most:
                return True
            i = stop
        return True
