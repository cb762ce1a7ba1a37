"""Rewriting by rules: at every place the longest rule that matches, or the code point as it is.

Most text is left as it is, so what counts is how quickly that is seen. Printable ASCII is looked at sixteen bytes
at a time; of other ASCII a table knows what a byte becomes. Of each code point below U+10000 another one knows
whether it is itself what a rule rewrites, whether longer rules begin with it, and whether it stands second in
one: a letter takes a look at the trie only in front of something like a mark. So runs of text are copied, byte
for byte, between the places at which the trie is walked.
"""

import numpy as np

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset, strlen

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._keys cimport load8
from fasttok.core._trie cimport Trie, TrieNode, trie_has_value, trie_root, trie_step, trie_value
from fasttok.text.normalizers._output cimport Output
from fasttok.text.unicode._utf8 cimport read_code_point

cdef enum:
    CHUNK = 1 << 16  # bytes for which there is room in any case
    SLACK = 32  # and by how many a chunk may be exceeded
    ASK_EVERY = 1 << 22  # bytes, copied or walked, before a look whether to go on
    # What the tables know of a byte or a code point.
    WALK = 0x100  # it takes a look at the trie
    BEGINS = 0x200  # the same, if a code point that is not ASCII and may be second in a rule follows
    SECOND = 0x400  # it may be second in a rule

cdef const uint8_t* REPLACEMENT = b"\xef\xbf\xbd"  # U+FFFD, which a byte that is not UTF-8 becomes
cdef uint64_t HIGH = 0x8080808080808080ULL


cdef inline void came_from(Output out, Py_ssize_t n, Py_ssize_t i, bint copied) noexcept nogil:
    """The text from byte `n` on was made from what stands at `i`, byte by byte or all of it."""
    cdef Py_ssize_t k
    if out.places != NULL:
        for k in range(out.n - n):
            out.places[n + k] = i + k * copied


@cython.final
cdef class CharsMap:
    """Rules in a trie, and what they rewrite to.

    Parameters
    ----------
    trie : Trie
        The keys; the value of each is where its replacement begins.
    replacements : bytes
        Strings of UTF-8, each with a byte 0 behind it.
    keeps_broken : bool
        Whether a byte that is not UTF-8 stays as it is, and does not become U+FFFD.
    """

    cdef readonly Trie trie
    cdef readonly bytes replacements
    cdef bint keeps_broken
    cdef const uint8_t* strings
    cdef uint16_t bytes[256]  # what an ASCII byte becomes, and what is known of it; of other bytes, WALK
    cdef bint is_quiet  # printable ASCII stays as it is, but for marks behind it
    cdef uint16_t known[0x10000]  # of each code point; of ASCII, only whether it is SECOND

    def __cinit__(self, Trie trie not None, bytes replacements not None, bint keeps_broken=False):
        cdef int c
        cdef TrieNode node
        cdef bytearray seen = bytearray(len(trie.units))  # which nodes' children have been looked at
        self.trie = trie
        self.replacements = replacements
        self.keeps_broken = keeps_broken
        self.strings = replacements
        memset(self.known, 0, sizeof(self.known))
        for c in range(0xDC80, 0xDD00):
            self.known[c] = WALK | SECOND  # bytes that are not UTF-8
        self.is_quiet = True
        for c in range(256):
            self.bytes[c] = c | WALK
            if c < 0x80:
                self.bytes[c] = c
                node = trie_root(trie.start)
                if trie_step(trie.start, &node, c):
                    self._look_at_ascii(c, node, seen)
            if 0x20 <= c < 0x7F:
                self.is_quiet &= self.bytes[c] & ~BEGINS == c
        self._look_at_characters(trie_root(trie.start), True, seen)

    cdef int _look_at_ascii(self, int byte, TrieNode node, uint8_t[::1] seen) except -1:
        cdef TrieNode child
        cdef const uint8_t* string
        cdef int label
        if trie_has_value(node):
            string = self.strings + trie_value(self.trie.start, node)
            self.bytes[byte] = WALK
            if strlen(<const char*>string) == 1:
                self.bytes[byte] = string[0]
        for label in range(256):
            child = node
            if trie_step(self.trie.start, &child, label):
                self.bytes[byte] |= WALK if label < 0x80 else BEGINS
        self._look_behind(node, seen)
        return 0

    cdef int _look_behind(self, TrieNode node, uint8_t[::1] seen) except -1:
        """Mark the code points that lead on from a node."""
        cdef TrieNode child
        cdef int byte
        if not seen[node.children]:
            seen[node.children] = 1
            for byte in range(0x80):
                child = node
                if trie_step(self.trie.start, &child, byte):
                    self.known[byte] |= SECOND
            self._look_at_characters(node, False, seen)
        return 0

    cdef int _look_at_characters(self, TrieNode node, bint is_first, uint8_t[::1] seen) except -1:
        """Mark the code points above ASCII that lead on from a node, as the first or the second of a rule."""
        cdef TrieNode child
        cdef int lead
        for lead in range(0xC2, 0xF0):
            child = node
            if trie_step(self.trie.start, &child, lead):
                if lead < 0xE0:
                    self._mark(child, lead & 0x1F, 1, is_first, seen)
                else:
                    self._mark(child, lead & 0xF, 2, is_first, seen)
        return 0

    cdef int _mark(self, TrieNode node, int prefix, int n_bytes, bint is_first, uint8_t[::1] seen) except -1:
        """Mark those that have the upper bits `prefix`, and then `n_bytes` that lead on from a node."""
        cdef TrieNode child
        cdef int c
        if trie_has_value(node):  # where a key ends inside a character, it is for all of these
            for c in range(prefix << 6 * n_bytes, (prefix + 1) << 6 * n_bytes):
                self.known[c] |= WALK if is_first else SECOND
        if n_bytes:
            for c in range(64):
                child = node
                if trie_step(self.trie.start, &child, 0x80 | c):
                    self._mark(child, prefix << 6 | c, n_bytes - 1, is_first, seen)
        elif is_first:
            self.known[prefix] |= BEGINS
            self._look_behind(node, seen)
        else:
            self.known[prefix] |= SECOND
        return 0

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
        return out.values[: out.n], out_offsets.base, out.alignment[: out.n + 1]

    cdef int _rewrite_row(
        self, const uint8_t* text, Py_ssize_t i, Py_ssize_t end, Output out, Py_ssize_t* work, Interrupt interrupt
    ) except -1 nogil:
        cdef Py_ssize_t stop
        while i < end:
            stop = min(end, i + CHUNK)
            out.reserve(stop - i + SLACK)
            work[0] += stop - i
            if work[0] >= ASK_EVERY:
                work[0] = 0
                if interrupt.check():
                    with gil:
                        interrupt.raise_error()
            while True:
                i = self._copy(text, i, stop, end, out)
                if i >= stop:
                    break
                i = self._apply(text, i, end, out, work)
                out.reserve(max(stop - i, 0) + SLACK)
        return 0

    cdef Py_ssize_t _copy(
        self, const uint8_t* text, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t end, Output out
    ) noexcept nogil:
        """Write a byte for a byte as long as no look at the trie is needed; return where it is, or `stop`."""
        cdef Py_ssize_t i = start, near, behind, length = 0, next_length = 0
        cdef uint8_t* to = out.text + out.n - start
        cdef const uint16_t* becomes = self.bytes
        cdef const uint16_t* known = self.known
        cdef bint is_quiet = self.is_quiet
        cdef uint64_t low, high
        cdef uint32_t c
        cdef int entry = 0, bits
        while i < stop:
            if is_quiet:
                while i + 16 <= stop:
                    low = load8(text + i)
                    high = load8(text + i + 8)
                    # Bit 7 of a byte, or of one below it, is set unless 0x20 <= byte < 0x7F.
                    if (
                        low | low + 0x0101010101010101ULL | low - 0x2020202020202020ULL
                        | high | high + 0x0101010101010101ULL | high - 0x2020202020202020ULL
                    ) & HIGH:
                        break
                    memcpy(to + i, text + i, 16)
                    i += 16
            near = min(i + 16, stop)
            while i < near:
                entry = becomes[text[i]]
                if entry & WALK:
                    break
                to[i] = entry & 0xFF
                i += 1
            if i == end or text[i] < 0x80:
                if i < near:
                    break
                continue
            c = read_code_point(text, i, end, &length)
            if i > start and becomes[text[i - 1]] & BEGINS and (length == 4 or known[c] & SECOND):
                i -= 1
                break
            while i < stop and length < 4 and not known[c] & WALK:
                behind = i + length
                bits = known[c]
                if behind < end:
                    c = read_code_point(text, behind, end, &next_length)
                    if bits & BEGINS and (next_length == 4 or known[c] & SECOND):
                        break
                to[i] = text[i]
                to[i + 1] = text[i + 1]
                if length == 3:
                    to[i + 2] = text[i + 2]
                i = behind
                length = next_length
                if i == end or c < 0x80:
                    break
            if i < stop and text[i] >= 0x80:
                break
        out.n += i - start
        came_from(out, out.n - (i - start), start, True)
        return i

    cdef Py_ssize_t _apply(
        self, const uint8_t* text, Py_ssize_t i, Py_ssize_t end, Output out, Py_ssize_t* work
    ) except -1 nogil:
        """Write what the longest rule at `i` says, or the code point as it is; return where it ends."""
        cdef const uint32_t* units = self.trie.start
        cdef TrieNode node = trie_root(units)
        cdef const uint8_t* source = text + i
        cdef Py_ssize_t k = i, length, matched = 0, n = out.n
        while k < end and trie_step(units, &node, text[k]):
            k += 1
            if trie_has_value(node):
                matched = k - i
                source = self.strings + trie_value(units, node)
        work[0] += k - i
        if matched:
            length = strlen(<const char*>source)
        else:
            read_code_point(text, i, end, &length)
            if length == 1 and text[i] >= 0x80 and not self.keeps_broken:
                source = REPLACEMENT
                matched = 1
                length = 3
        out.reserve(length)
        memcpy(out.text + n, source, length)
        out.n += length
        came_from(out, n, i, matched == 0)
        return i + (matched or length)
