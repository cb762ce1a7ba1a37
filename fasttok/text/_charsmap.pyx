"""Rewriting by rules: at every place the longest rule that matches, or the code point as it is.

Most text is left as it is, so what counts is how quickly that is seen. Printable ASCII is looked at sixteen bytes
at a time; of other ASCII a table knows what a byte becomes. A rule that begins with an ASCII character and goes on
with a mark can only match in front of a byte that is not ASCII, so it is looked for there. Of the code points
below U+10000 a bit says whether any rule begins with them. What is left walks the trie.
"""

import numpy as np

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, strlen

from fasttok._interrupt cimport Interrupt
from fasttok._keys cimport load8
from fasttok._trie cimport Trie, TrieNode, trie_has_value, trie_root, trie_step, trie_value
from fasttok.text._utf8 cimport read_code_point

cdef enum:
    CHUNK = 1 << 16  # bytes for which there is room in any case
    SLACK = 32  # and by how many a chunk may be exceeded
    ASK_EVERY = 1 << 22  # bytes, copied or walked, before a look whether to go on
    BEGINS = 0x100  # of an ASCII byte: a rule may begin with it, and go on with a byte that is not ASCII
    WALK = 0x200  # of a byte: it takes a look at the trie

cdef const uint8_t* REPLACEMENT = b"\xef\xbf\xbd"  # U+FFFD, which a byte that is not UTF-8 becomes
cdef uint64_t HIGH = 0x8080808080808080ULL


@cython.final
cdef class Output:
    """Text that grows, and where it came from; for one thread."""

    cdef object values  # uint8[capacity]
    cdef object origins  # int64[capacity] or None
    cdef uint8_t* text
    cdef int64_t* places  # NULL without origins
    cdef Py_ssize_t n
    cdef Py_ssize_t capacity

    def __cinit__(self, Py_ssize_t capacity, bint aligned):
        self.values = np.empty(0, np.uint8)
        self.origins = np.empty(0, np.int64) if aligned else None
        self._grow(capacity)

    cdef int _grow(self, Py_ssize_t capacity) except -1:
        cdef uint8_t[::1] values = np.empty(capacity, np.uint8)
        cdef int64_t[::1] origins
        if self.n:
            memcpy(&values[0], self.text, self.n)
        self.values = values.base
        self.text = &values[0]
        if self.origins is not None:
            origins = np.empty(capacity, np.int64)
            if self.n:
                memcpy(&origins[0], self.places, self.n * sizeof(int64_t))
            self.origins = origins.base
            self.places = &origins[0]
        self.capacity = capacity
        return 0

    cdef inline int reserve(self, Py_ssize_t more) except -1 nogil:
        if self.n + more > self.capacity:
            with gil:
                self._grow(self.n + more + (self.capacity >> 1))
        return 0

    cdef inline void came_from(self, Py_ssize_t n, Py_ssize_t i, bint copied) noexcept nogil:
        """The text from byte `n` on was made from what stands at `i`, byte by byte or all of it."""
        cdef Py_ssize_t k
        if self.places != NULL:
            for k in range(self.n - n):
                self.places[n + k] = i + k * copied


@cython.final
cdef class CharsMap:
    """Rules in a trie, and what they rewrite to.

    Parameters
    ----------
    trie : Trie
        The keys; the value of each is where its replacement begins.
    replacements : bytes
        Strings of UTF-8, each with a byte 0 behind it.
    """

    cdef readonly Trie trie
    cdef readonly bytes replacements
    cdef const uint8_t* strings
    cdef uint16_t table[256]  # what a byte becomes, and flags
    cdef bint is_quiet  # printable ASCII stays as it is, but for marks behind it
    cdef uint64_t begins[1024]  # a bit for each code point below U+10000

    def __cinit__(self, Trie trie not None, bytes replacements not None):
        cdef int c
        self.trie = trie
        self.replacements = replacements
        self.strings = replacements
        for c in range(256):
            self.table[c] = self._look_at(c) if c < 0x80 else c | WALK
        self.is_quiet = True
        for c in range(0x20, 0x7F):
            self.is_quiet &= self.table[c] & ~BEGINS == c
        for c in range(1024):
            self.begins[c] = 0
        for c in range(0x80, 0x10000):
            if not 0xD800 <= c < 0xE000 and self._begins_rule(chr(c).encode()):
                self.begins[c >> 6] |= <uint64_t>1 << (c & 63)

    cdef int _look_at(self, int byte):
        """The entry of an ASCII byte in the table."""
        cdef const uint32_t* units = self.trie.start
        cdef TrieNode node = trie_root(units), child
        cdef const uint8_t* string
        cdef int entry = byte, label
        if trie_step(units, &node, byte):
            if trie_has_value(node):
                string = self.strings + trie_value(units, node)
                entry = WALK
                if strlen(<const char*>string) == 1:
                    entry = string[0]
            for label in range(256):
                child = node
                if trie_step(units, &child, label):
                    entry |= WALK if label < 0x80 else BEGINS
        return entry

    cdef bint _begins_rule(self, bytes character):
        cdef const uint32_t* units = self.trie.start
        cdef TrieNode node = trie_root(units)
        cdef uint8_t byte
        for byte in character:
            if not trie_step(units, &node, byte):
                return False
            if trie_has_value(node):
                return True
        return True

    def rewrite(self, const uint8_t[::1] text, const int64_t[::1] offsets, bint aligned):
        """Rewrite every row on its own; return the new text, its offsets, and the origins if they are asked for."""
        cdef Py_ssize_t row, n_rows = offsets.shape[0] - 1
        cdef Output out = Output(offsets[n_rows] - offsets[0] + SLACK, aligned)
        cdef int64_t[::1] out_offsets = np.empty(n_rows + 1, np.int64)
        cdef Interrupt interrupt = Interrupt()
        cdef Py_ssize_t work = 0
        out_offsets[0] = 0
        with nogil:
            for row in range(n_rows):
                if offsets[row] < offsets[row + 1]:
                    self._rewrite_row(&text[0], offsets[row], offsets[row + 1], out, &work, interrupt)
                out_offsets[row + 1] = out.n
        if not aligned:
            return out.values[: out.n], out_offsets.base, None
        out.places[out.n] = offsets[n_rows]
        return out.values[: out.n], out_offsets.base, out.origins[: out.n + 1]

    cdef int _rewrite_row(
        self, const uint8_t* text, Py_ssize_t i, Py_ssize_t end, Output out, Py_ssize_t* work, Interrupt interrupt
    ) except -1 nogil:
        cdef Py_ssize_t stop, length
        cdef uint32_t c
        while i < end:
            stop = min(end, i + CHUNK)
            out.reserve(stop - i + SLACK)
            work[0] += stop - i
            if work[0] >= ASK_EVERY:
                work[0] = 0
                if interrupt.check():
                    with gil:
                        interrupt.raise_error()
            while i < stop:
                i = self._copy_ascii(text, i, stop, end, out)
                if i >= stop:
                    break
                c = read_code_point(text, i, end, &length)
                if 1 < length < 4 and not self.begins[c >> 6] >> (c & 63) & 1:
                    out.n += length
                    out.text[out.n - length] = text[i]
                    out.text[out.n - length + 1] = text[i + 1]
                    if length == 3:
                        out.text[out.n - 1] = text[i + 2]
                    out.came_from(out.n - length, i, True)
                    i += length
                else:
                    i = self._apply(text, i, end, length, out, work)
                    out.reserve(max(stop - i, 0) + SLACK)
        return 0

    cdef inline Py_ssize_t _copy_ascii(
        self, const uint8_t* text, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t end, Output out
    ) noexcept nogil:
        """Rewrite ASCII as long as the table is enough; return where it is not, at `stop` or before."""
        cdef Py_ssize_t i = start, n = out.n - start, near
        cdef uint64_t low, high
        cdef int entry = 0
        while i < stop:
            near = min(i + 16, stop)
            if self.is_quiet:
                while i + 16 <= stop:
                    low = load8(text + i)
                    high = load8(text + i + 8)
                    # Bit 7 of a byte, or of one below it, is set unless 0x20 <= byte < 0x7F.
                    if (
                        low | low + 0x0101010101010101ULL | low - 0x2020202020202020ULL
                        | high | high + 0x0101010101010101ULL | high - 0x2020202020202020ULL
                    ) & HIGH:
                        break
                    memcpy(out.text + n + i, text + i, 16)
                    i += 16
                near = min(i + 16, stop)
            while i < near:
                entry = self.table[text[i]]
                if entry & WALK:
                    break
                out.text[n + i] = entry & 0xFF
                i += 1
            if i < near:
                break
        if start < i < end and text[i] >= 0x80 and self.table[text[i - 1]] & BEGINS:
            i -= 1  # a rule may begin with this one
        out.n = n + i
        out.came_from(n + start, start, True)
        return i

    cdef Py_ssize_t _apply(
        self, const uint8_t* text, Py_ssize_t i, Py_ssize_t end, Py_ssize_t length, Output out, Py_ssize_t* work
    ) except -1 nogil:
        """Write what the longest rule at `i` says, or the code point as it is; return where it ends."""
        cdef const uint32_t* units = self.trie.start
        cdef TrieNode node = trie_root(units)
        cdef const uint8_t* source = text + i
        cdef Py_ssize_t k = i, matched = 0, n = out.n
        while k < end and trie_step(units, &node, text[k]):
            k += 1
            if trie_has_value(node):
                matched = k - i
                source = self.strings + trie_value(units, node)
        work[0] += k - i
        if matched:
            length = strlen(<const char*>source)
        elif length == 1 and text[i] >= 0x80:
            source = REPLACEMENT
            matched = 1
            length = 3
        out.reserve(length)
        memcpy(out.text + n, source, length)
        out.n += length
        out.came_from(n, i, matched == 0)
        return i + (matched or length)
