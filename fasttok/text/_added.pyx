"""Leftmost-longest search for added tokens in text, by walks through a trie."""

import numpy as np

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, realloc

from fasttok.core._trie cimport Trie, TrieNode, trie_has_value, trie_root, trie_step, trie_value

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* length) except NULL

# The match mode of a token. A special token that is not allowed is skipped: its text is ordinary text.
cdef enum:
    SKIPPED = 0
    MATCHED = 1  # found, except inside a skipped token
    MATCHED_INSIDE = 2  # found, also inside a skipped token

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
    """Finder of added tokens in text. Immutable; all threads share it.

    Parameters
    ----------
    trie : Trie
        Texts of the tokens, with the index of each as its value. Byte 0x00, which a trie cannot contain, is
        replaced by 0xFF, which is not in UTF-8.
    first_bytes : bytes
        First bytes of the texts.
    """

    cdef Trie trie
    cdef uint8_t begins[256]  # whether a token begins with each byte
    # The byte of the trie for each byte of text: 0xFF for 0x00 and, so that it matches nothing, 0xFE for 0xFF.
    cdef uint8_t in_trie[256]

    def __cinit__(self, Trie trie not None, bytes first_bytes not None):
        cdef Py_ssize_t i
        self.trie = trie
        for i in range(256):
            self.begins[i] = i in first_bytes
            self.in_trie[i] = i
        self.in_trie[0], self.in_trie[0xFF] = 0xFF, 0xFE

    def find(self, const uint8_t[::1] text, const int64_t[::1] offsets, const uint8_t[::1] modes):
        """Find tokens in every row. Return the row, begin and end in `text`, and token index of each: int64[m, 4].

        `text` is uint8[n], `offsets` int64[k + 1]. `modes`, uint8[number of tokens], has the match mode of every token
        by its index. O(n · length of the longest token) in the worst case, O(n) if few tokens begin in the text.
        """
        cdef Matches matches = Matches(NULL, 0, 0)
        cdef Py_ssize_t row, n_rows = offsets.shape[0] - 1
        cdef bint is_done = True
        cdef int64_t[:, ::1] found
        with nogil:
            for row in range(n_rows):
                if offsets[row] < offsets[row + 1]:
                    is_done = self._find(&text[0], offsets[row], offsets[row + 1], row, &modes[0], -1, &matches)
                    if not is_done:
                        break
        try:
            if not is_done:
                raise MemoryError("not enough memory for the list of added tokens found in a text")
            if matches.n == 0:
                return np.empty((0, 4), np.int64)
            found = <int64_t[:matches.n, :4]>(<int64_t*>matches.items)
            return np.array(found)
        finally:
            free(matches.items)

    def occurs_in(self, text, const uint8_t[::1] modes):
        """Return whether any token is found in a text, a ``str`` or ``bytes``. `modes` is that of `find`.

        Raises
        ------
        UnicodeEncodeError
            If the text contains a lone surrogate.
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
            is_done = self._find(<const uint8_t*>start, 0, length, 0, &modes[0], 1, &matches)
        free(matches.items)
        if not is_done:
            raise MemoryError("not enough memory for the list of added tokens found in a text")
        return matches.n > 0

    cdef bint _find(
        self,
        const uint8_t* text,
        Py_ssize_t begin,
        Py_ssize_t end,
        Py_ssize_t row,
        const uint8_t* modes,
        Py_ssize_t limit,
        Matches* matches,
    ) noexcept nogil:
        """Add the matches in a row to `matches`. Return False if memory is exhausted.

        Stop when there are `limit` matches; a negative `limit` means all.
        """
        cdef const uint32_t* units = self.trie.start
        cdef TrieNode root = trie_root(units), node
        # `stop` and `token` describe the longest match, `inside` and `inner` the longest that is MATCHED_INSIDE.
        # `hidden_to` is the end of the last skipped token.
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
                    if modes[token] == MATCHED_INSIDE:
                        inside = j
                        inner = token
            if stop >= 0 and modes[token] == SKIPPED and inside < 0 and i >= hidden_to:
                hidden_to = stop
            if stop < 0 or modes[token] == SKIPPED or (modes[token] == MATCHED and i < hidden_to):
                stop = inside
                token = inner
            if stop < 0:
                i += 1
                continue
            if not add_match(matches, Match(row, i, stop, token)):
                return False
            if matches.n == limit:
                return True
            i = stop
        return True
