"""Leftmost-longest search for added tokens in text, by walks through a trie."""

import numpy as np

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, realloc
from libc.string cimport memchr

from fasttok.core._trie cimport Trie, TrieNode, trie_has_value, trie_root, trie_step, trie_value

# The match mode of a token. A special token that is not allowed is skipped: its text is ordinary text.
cdef enum:
    SKIPPED = 0
    MATCHED = 1  # found, except inside a skipped token
    MATCHED_INSIDE = 2  # found, also inside a skipped token

cdef struct Found:
    int64_t row
    int64_t start
    int64_t stop
    int64_t token


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

    def __cinit__(self, Trie trie not None, bytes first_bytes not None):
        cdef Py_ssize_t i
        self.trie = trie
        for i in range(256):
            self.begins[i] = i in first_bytes
            self.in_trie[i] = i
        self.in_trie[0], self.in_trie[0xFF] = 0xFF, 0xFE
        self.single = first_bytes[0] if len(first_bytes) == 1 else -1

    def find(self, const uint8_t[::1] text, const int64_t[::1] offsets, const uint8_t[::1] modes):
        """Find tokens in every row. Return the row, begin and end in `text`, and token index of each: int64[m, 4].

        `text` is uint8[n], `offsets` int64[k + 1]. `modes`, uint8[number of tokens], has the match mode of every token
        by its index. O(n · length of the longest token) in the worst case, O(n) if few tokens begin in the text.
        """
        cdef Found* items = NULL
        cdef Found* larger
        cdef Py_ssize_t n = 0, size = 0, row, n_rows = offsets.shape[0] - 1
        cdef bint is_done = True
        cdef Match match
        cdef int64_t[:, ::1] found
        with nogil:
            for row in range(n_rows):
                if offsets[row] == offsets[row + 1]:
                    continue
                match.stop = match.hidden_to = offsets[row]
                while self.find_next(&text[0], offsets[row + 1], &modes[0], &match):
                    if n == size:
                        size = 2 * n + 16
                        larger = <Found*>realloc(items, size * sizeof(Found))
                        if larger == NULL:
                            is_done = False
                            break
                        items = larger
                    items[n] = Found(row, match.start, match.stop, match.token)
                    n += 1
                if not is_done:
                    break
        try:
            if not is_done:
                raise MemoryError("not enough memory for the list of added tokens found in a text")
            if n == 0:
                return _NONE_FOUND
            found = <int64_t[:n, :4]>(<int64_t*>items)
            return np.array(found)
        finally:
            free(items)

    cdef bint find_next(
        self, const uint8_t* text, Py_ssize_t end, const uint8_t* modes, Match* match
    ) noexcept nogil:
        """Find the next token at or after ``match.stop`` and before `end`; return whether there is one.

        Before the first call for a row, ``match.stop`` and ``match.hidden_to`` are the begin of the row.
        """
        cdef const uint32_t* units = self.trie.start
        cdef TrieNode root = trie_root(units), node
        # `stop` and `token` describe the longest match, `inside` and `inner` the longest that is MATCHED_INSIDE.
        cdef Py_ssize_t i = match.stop, j, stop, inside
        cdef uint32_t token = 0, inner = 0
        cdef const void* place
        while i < end:
            if self.single >= 0:
                place = memchr(text + i, self.single, end - i)
                if place == NULL:
                    return False
                i = <const uint8_t*>place - text
            elif not self.begins[text[i]]:
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
            if stop >= 0 and modes[token] == SKIPPED and inside < 0 and i >= match.hidden_to:
                match.hidden_to = stop
            if stop < 0 or modes[token] == SKIPPED or (modes[token] == MATCHED and i < match.hidden_to):
                stop = inside
                token = inner
            if stop < 0:
                i += 1
                continue
            match.start = i
            match.stop = stop
            match.token = token
            return True
        return False


_NONE_FOUND = np.empty((0, 4), np.int64)
_NONE_FOUND.flags.writeable = False


@cython.final
cdef class TokenSearch:
    """Search for added tokens in raw text, with the ids of the tokens. Immutable; all threads share it.

    Parameters
    ----------
    first : TokenFinder
        Finder of tokens in the whole text.
    second : TokenFinder or None
        Finder of more tokens between those that `first` finds.
    modes : ndarray of uint8, shape (number of tokens,)
        Match mode of each token.
    ids : ndarray of uint32, shape (number of tokens,)
        Id of each token.
    is_direct : ndarray of uint8, shape (number of tokens,)
        Whether a token that was found becomes its id without regard to the text around it.
    """

    def __cinit__(
        self,
        TokenFinder first not None,
        TokenFinder second,
        const uint8_t[::1] modes not None,
        const uint32_t[::1] ids not None,
        const uint8_t[::1] is_direct not None,
    ):
        self.first, self.second = first, second
        self.modes, self.ids, self.is_direct = modes, ids, is_direct
