"""Kernel of WordPiece encoding: longest-match-first segmentation in one pass over the word.

All pieces are in one trie. Continuation pieces are in it a second time, without their prefix, after a byte that
UTF-8 never uses. The algorithm is that of Song et al. (2021), sections 3.2 and 3.3. When the walk through the trie
cannot continue, the current node has two values: its pops are the longest matches of the bytes since the last
piece, and its failure is the node that the remaining bytes lead to. Every byte is read once, for any vocabulary.

A node that is a piece has this piece as its only pop. Other nodes have the pops of their parents and possibly more.
Pops are therefore stored as linked lists that begin with the last pop and share their tails. The lists have in
total at most as many cells as the pieces have bytes.
"""

import numpy as np

cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.stdlib cimport free

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._trie cimport Trie, TrieNode, trie_has_value, trie_offset, trie_step, trie_value
from fasttok.models._encoder cimport INTERRUPTED, OUT_OF_MEMORY, UNKNOWN, PretokenEncoder, known_length
from fasttok.models._zeros cimport may_have_zeros, replace_zeros

cdef enum:
    CHECK_INTERVAL = 0x10000  # bytes between two checks for interrupts
    MARKED = 0xFF  # the byte before continuation pieces
    ZERO_LABEL = 0xFE  # in the keys: the byte for U+0000
    NO_NODE = -1  # end of a list of cells; failure of a node whose bytes cannot be segmented

MARK = bytes([MARKED])  # prefix of continuation pieces in the keys of the trie
ZERO = bytes([ZERO_LABEL])


cdef struct Cell:
    uint32_t id
    int32_t before  # cell of the previous pop


cdef struct Failure:
    int32_t place  # node to continue from; NO_NODE if the bytes so far cannot be segmented
    int32_t last  # cell of the last pop
    uint32_t n  # number of pops


cdef inline TrieNode node_at(const uint32_t* units, int32_t place) noexcept nogil:
    cdef TrieNode node
    node.unit = units[place]
    node.children = <uint32_t>place ^ trie_offset(node.unit)
    return node


@cython.final
cdef class LongestMatchEncoder(PretokenEncoder):
    """Encoder that takes the longest piece at each position; a word with an unknown part is unknown as a whole.

    Parameters
    ----------
    trie : Trie
        Ids by the names of the pieces, and for continuation pieces also by MARK and the text after the prefix.
        The key MARK + MARK must exist; its value is not used.
    keys : uint8[n], offsets : int64[k + 1]
        Keys of the trie.
    unk_id : int
        Id of unknown words; -1 if an unknown word is an error.
    most_characters, most_bytes : int
        Maximum lengths of a word; longer words are unknown.
    has_zeros : bool
        Whether the keys have ZERO instead of U+0000.
    """

    cdef Trie trie
    cdef const uint32_t* units
    cdef object tables  # owner of the memory of `failures` and `cells`
    cdef Failure* failures  # failure of each node
    cdef Cell* cells
    cdef int32_t begin  # root node of the continuation pieces
    cdef Py_ssize_t unk_id
    cdef Py_ssize_t most_characters
    cdef Py_ssize_t most_bytes
    cdef bint has_zeros

    def __cinit__(
        self,
        Trie trie not None,
        const uint8_t[::1] keys,
        const int64_t[::1] offsets,
        Py_ssize_t unk_id,
        Py_ssize_t most_characters,
        Py_ssize_t most_bytes,
        bint has_zeros,
    ):
        cdef uint8_t[::1] failures, cells
        self.trie = trie
        self.units = trie.start
        self.unk_id = unk_id
        self.most_characters = most_characters
        self.most_bytes = most_bytes
        self.has_zeros = has_zeros
        failures = np.empty(len(trie.units) * sizeof(Failure), np.uint8)
        cells = np.empty((keys.shape[0] + 1) * sizeof(Cell), np.uint8)
        self.tables = failures, cells
        self.failures = <Failure*>&failures[0]
        self.cells = <Cell*>&cells[0]
        self.begin = node_at(self.units, 0).children ^ MARKED
        self._find_failures(keys, offsets)

    cdef int _find_failures(self, const uint8_t[::1] keys, const int64_t[::1] offsets) except -1:
        """Compute failures and pops of all nodes, level by level: a failure is always on an earlier level."""
        cdef Py_ssize_t n_keys = offsets.shape[0] - 1, depth = 0, i, k, n
        cdef int32_t[::1] alive = np.arange(n_keys, dtype=np.int32)  # keys that are longer than the current depth
        cdef int32_t[::1] places = np.zeros(n_keys, np.int32)  # node of each such key
        cdef uint8_t[::1] is_done = np.zeros(len(self.trie.units), np.uint8)
        cdef int32_t parent, place, n_cells = 0
        cdef uint8_t byte
        self.failures[0] = Failure(NO_NODE, 0, 0)
        n = n_keys
        while n:
            k = 0
            for i in range(n):
                byte = keys[offsets[alive[i]] + depth]
                parent = places[i]
                place = node_at(self.units, parent).children ^ byte
                if not is_done[place]:
                    is_done[place] = True
                    if place == self.begin:
                        self.failures[place] = Failure(NO_NODE, 0, 0)
                    else:
                        self._find_failure(parent, place, byte, &n_cells)
                if offsets[alive[i]] + depth + 1 < offsets[alive[i] + 1]:
                    alive[k] = alive[i]
                    places[k] = place
                    k += 1
            n = k
            depth += 1
        return 0

    cdef void _find_failure(self, int32_t parent, int32_t place, uint8_t byte, int32_t* n_cells) noexcept:
        """Compute the failure and pops of a node from those of its parent."""
        cdef TrieNode node = node_at(self.units, place)
        cdef Failure failure = self.failures[parent]
        cdef int32_t end
        if trie_has_value(node):
            self.cells[n_cells[0]] = Cell(trie_value(self.units, node), NO_NODE)
            self.failures[place] = Failure(self.begin, n_cells[0], 1)
            n_cells[0] += 1
            return
        while failure.place != NO_NODE:
            node = node_at(self.units, failure.place)
            end = node.children ^ byte
            if trie_step(self.units, &node, byte):
                failure.place = end
                break
            self._append(&failure, self.failures[failure.place], n_cells)
        self.failures[place] = failure

    cdef void _append(self, Failure* failure, Failure more, int32_t* n_cells) noexcept:
        """Append the pops of another node, and take over its failure."""
        cdef int32_t cell = more.last
        cdef uint32_t k
        failure.place = more.place
        if more.place == NO_NODE:
            return  # its bytes cannot be segmented, so its pops are not used
        for k in range(more.n - 1, -1, -1):
            self.cells[n_cells[0] + <int32_t>k] = Cell(self.cells[cell].id, n_cells[0] + <int32_t>k - 1)
            cell = self.cells[cell].before
        self.cells[n_cells[0]].before = failure.last
        n_cells[0] += more.n
        failure.last = n_cells[0] - 1
        failure.n += more.n

    cdef Py_ssize_t encode_pretoken(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        cdef Py_ssize_t n
        cdef uint8_t* copied
        if not self.has_zeros or not may_have_zeros(pretoken, length, ZERO_LABEL):
            return self._segment(pretoken, length, out, interrupt)
        copied = replace_zeros(pretoken, length, ZERO_LABEL)
        if copied == NULL:
            return OUT_OF_MEMORY
        n = self._segment(copied, length, out, interrupt)
        free(copied)
        return n

    cdef Py_ssize_t _segment(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        """Encode a pretoken as `encode_pretoken` does, with ZERO instead of U+0000."""
        cdef const uint32_t* units = self.units
        cdef TrieNode node = node_at(units, 0), child
        cdef int32_t place = 0
        cdef Py_ssize_t i = 0, n = 0
        if self._is_too_long(pretoken, length):
            if self.unk_id < 0:
                return UNKNOWN
            out[0] = self.unk_id
            return 1
        while i < length or place != self.begin:
            child = node
            if i < length and pretoken[i] != MARKED and trie_step(units, &child, pretoken[i]):
                place = node.children ^ pretoken[i]
                node = child
                i += 1
                if i & (CHECK_INTERVAL - 1) == 0 and interrupt.check():
                    return INTERRUPTED
                continue
            if self.failures[place].place == NO_NODE:
                if self.unk_id < 0:
                    return UNKNOWN - self._find_unmatched(pretoken, length)
                out[0] = self.unk_id
                return 1
            n = self._pop(place, out, n)
            place = self.failures[place].place
            node = node_at(units, place)
        return n

    cdef Py_ssize_t measure_pretoken(
        self,
        const uint8_t* pretoken,
        Py_ssize_t length,
        const uint32_t* ids,
        Py_ssize_t n,
        int64_t* lengths,
        Interrupt interrupt,
    ) noexcept nogil:
        """Write the lengths of continuation pieces from the table; the first id has the remaining bytes."""
        cdef Py_ssize_t i
        lengths[0] = length
        for i in range(1, n):
            lengths[i] = known_length(self, ids[i])
            lengths[0] -= lengths[i]
        return 0

    cdef inline Py_ssize_t _pop(self, int32_t place, uint32_t* out, Py_ssize_t n) noexcept nogil:
        """Append the pops of a node to the first `n` ids of `out`; return the new number of ids."""
        cdef int32_t cell = self.failures[place].last
        cdef Py_ssize_t k, end = n + self.failures[place].n
        for k in range(end - 1, n - 1, -1):
            out[k] = self.cells[cell].id
            cell = self.cells[cell].before
        return end

    cdef Py_ssize_t _find_unmatched(self, const uint8_t* pretoken, Py_ssize_t length) noexcept nogil:
        """Return the byte offset of the first part of an unknown word that no piece matches, for the error."""
        cdef TrieNode node = node_at(self.units, 0)
        cdef Py_ssize_t i, start = 0, end = 0
        while True:
            i = start
            while i < length and pretoken[i] != MARKED and trie_step(self.units, &node, pretoken[i]):
                i += 1
                if trie_has_value(node):
                    end = i
            if end == start:
                return start
            start = end
            node = node_at(self.units, self.begin)

    cdef bint _is_too_long(self, const uint8_t* pretoken, Py_ssize_t length) noexcept nogil:
        """Return whether a word has more bytes or characters than allowed."""
        cdef Py_ssize_t i, n_characters = 0
        if length > self.most_bytes:
            return True
        if length <= self.most_characters:
            return False
        for i in range(length):
            n_characters += pretoken[i] & 0xC0 != 0x80
            if n_characters > self.most_characters:
                return True
        return False
