"""Apply rewrite rules: at every position, apply the longest rule that matches, or copy the code point.

Most text does not change, so the kernel must recognize such text fast:

- Printable ASCII is checked in blocks of 16 bytes.
- For ASCII bytes, a table contains the replacement of each byte.
- For code points below U+10000, a table tells whether a rule consists of the code point, whether a longer rule
  begins with it, and whether it is the second code point of a rule. So the trie is walked at a letter only if a
  code point that may be second, usually a mark, follows.

The text between these positions is copied. Code points that always become the same short text, as the zero-width space
of Khmer becomes a space, are replaced without walking the trie.

Some texts are kept as they are. At every position, they are searched for before the rules. The trie of these texts is
walked only if the first two bytes, or the first code point if it is not ASCII, begin one of them.
"""

import numpy as np

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset, strlen

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._keys cimport load4, load8
from fasttok.core._trie cimport Trie, TrieNode, trie_has_value, trie_root, trie_step, trie_value
from fasttok.text.normalizers._buffers cimport Output
from fasttok.text.unicode._utf8 cimport read_code_point

cdef enum:
    CHUNK = 1 << 16  # bytes of text for which capacity is reserved at once
    SLACK = 32  # bytes that may be written beyond the length of a chunk
    CHECK_EVERY = 1 << 22  # bytes, copied or walked, between two checks for an interrupt
    # Flags of bytes and code points in the tables.
    WALK = 0x100  # the trie must be walked here
    BEGINS = 0x200  # the trie must be walked here if a code point above ASCII with the flag SECOND follows
    SECOND = 0x400  # may be the second code point of a rule
    KEEP = 0x800  # ASCII byte that begins a text that is kept, if the byte after it is in `pairs`

cdef const uint8_t* REPLACEMENT = b"\xef\xbf\xbd"  # U+FFFD, the replacement of a byte that is not UTF-8
cdef uint64_t HIGH = 0x8080808080808080ULL


cdef struct Unit:  # text that is kept or rewritten as a whole
    Py_ssize_t end  # end of the text
    const uint8_t* source  # what is written for it
    Py_ssize_t size  # number of bytes that are written
    bint is_copy  # whether it is a code point that is copied


cdef inline void align(Output out, Py_ssize_t n, Py_ssize_t i, bint is_copy) noexcept nogil:
    """Record the begins of the origins of all bytes from `n` on: i, i + 1, ... if `is_copy`, otherwise i for each."""
    cdef Py_ssize_t k
    if out.origins != NULL:
        for k in range(out.n - n):
            out.origins[n + k] = i + k * is_copy


@cython.final
cdef class CharsMap:
    """Rewrite rules in a trie.

    Parameters
    ----------
    trie : Trie
        Keys of the rules. The value of a key is the position in `replacements` at which its replacement begins.
    replacements : bytes
        Replacements in UTF-8, each followed by a byte 0.
    kept : Trie, optional
        Texts that are kept.
    firsts : sequence of int
        First code points of the texts that are kept.
    protects : bool
        Whether a run of spaces in a text that is kept or in a replacement is written as U+2581, except for its last
        space and for spaces after a space or at the start of a row.
    """

    cdef readonly Trie trie
    cdef readonly bytes replacements
    cdef readonly Trie kept
    cdef readonly bint protects
    cdef const uint8_t* strings
    cdef uint16_t bytes[256]  # replacement and flags of an ASCII byte; WALK for other bytes
    cdef bint is_quiet  # printable ASCII changes only if a code point above ASCII follows
    cdef uint8_t pairs[0x2000]  # for all pairs of two bytes, one bit each: whether they begin a text that is kept
    cdef uint16_t flags[0x10000]  # flags of each code point; for ASCII, only SECOND
    # Replacement of each code point that is a rule with which no longer rule begins, if the replacement is not longer:
    # its bytes in the lower 24 bits, then their number, then a set bit. Otherwise 0.
    cdef uint32_t simple[0x10000]

    def __cinit__(
        self, Trie trie not None, bytes replacements not None, Trie kept=None, firsts=(), bint protects=False
    ):
        cdef int c
        cdef TrieNode node
        cdef bytearray seen = bytearray(len(trie.units))  # whether the children of a node have been visited
        self.trie = trie
        self.replacements = replacements
        self.strings = replacements
        self.kept = kept
        self.protects = protects
        memset(self.pairs, 0, sizeof(self.pairs))
        memset(self.flags, 0, sizeof(self.flags))
        memset(self.simple, 0, sizeof(self.simple))
        for c in range(0xD800, 0xE000):
            self.flags[c] = WALK | SECOND  # surrogates, and bytes that are not UTF-8
        self.is_quiet = True
        for c in range(256):
            self.bytes[c] = c | WALK
            if c < 0x80:
                self.bytes[c] = c
                node = trie_root(trie.start)
                if trie_step(trie.start, &node, c):
                    self._add_ascii(c, node, seen)
        for c in firsts:
            if c < 0x80:
                self._add_kept(c)
            elif c < 0x10000:  # the trie is walked at every other code point
                self.flags[c] |= WALK
        for c in range(0x20, 0x7F):
            self.is_quiet &= self.bytes[c] & ~BEGINS == c
        self._flag_characters(trie_root(trie.start), True, seen)
        if protects:
            memset(self.simple, 0, sizeof(self.simple))
        for c in firsts:
            if c < 0x10000:
                self.simple[c] = 0

    cdef int _add_kept(self, int byte) except -1:
        """Set the table entries of an ASCII byte that texts that are kept begin with."""
        cdef const uint32_t* units = self.kept.start
        cdef TrieNode node = trie_root(units), child
        cdef int label
        trie_step(units, &node, byte)
        self.bytes[byte] |= WALK if trie_has_value(node) else KEEP
        for label in range(1, 256):
            child = node
            if trie_step(units, &child, label):
                self.pairs[byte << 5 | label >> 3] |= 1 << (label & 7)
        return 0

    cdef int _add_ascii(self, int byte, TrieNode node, uint8_t[::1] seen) except -1:
        """Set the table entry of an ASCII byte that rules begin with."""
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
        self._flag_second(node, seen)
        return 0

    cdef int _flag_second(self, TrieNode node, uint8_t[::1] seen) except -1:
        """Flag the code points that continue a rule from a node as SECOND."""
        cdef TrieNode child
        cdef int byte
        if not seen[node.children]:
            seen[node.children] = 1
            for byte in range(0x80):
                child = node
                if trie_step(self.trie.start, &child, byte):
                    self.flags[byte] |= SECOND
            self._flag_characters(node, False, seen)
        return 0

    cdef int _flag_characters(self, TrieNode node, bint is_first, uint8_t[::1] seen) except -1:
        """Flag the code points above ASCII that continue a rule from a node, as its first or second one."""
        cdef TrieNode child
        cdef int lead
        for lead in range(0xC2, 0xF0):
            child = node
            if trie_step(self.trie.start, &child, lead):
                if lead < 0xE0:
                    self._flag_range(child, lead & 0x1F, 1, is_first, seen)
                else:
                    self._flag_range(child, lead & 0xF, 2, is_first, seen)
        return 0

    cdef int _flag_range(self, TrieNode node, int prefix, int n_bytes, bint is_first, uint8_t[::1] seen) except -1:
        """Flag the code points with the upper bits `prefix` whose last `n_bytes` bytes continue a rule from a node."""
        cdef TrieNode child
        cdef int c
        if trie_has_value(node):  # a key that ends inside a character matches all of these
            for c in range(prefix << 6 * n_bytes, (prefix + 1) << 6 * n_bytes):
                self.flags[c] |= WALK if is_first else SECOND
        if n_bytes:
            for c in range(64):
                child = node
                if trie_step(self.trie.start, &child, 0x80 | c):
                    self._flag_range(child, prefix << 6 | c, n_bytes - 1, is_first, seen)
        elif is_first:
            self.flags[prefix] |= BEGINS
            self._flag_second(node, seen)
            self._add_simple(prefix, node)
        else:
            self.flags[prefix] |= SECOND
        return 0

    cdef int _add_simple(self, int c, TrieNode node) except -1:
        """Set the entry of a code point in `simple`; `node` is the end of the code point in the trie."""
        cdef const uint8_t* string
        cdef Py_ssize_t size, i
        cdef TrieNode child
        cdef int label
        if not trie_has_value(node):
            return 0
        for label in range(256):
            child = node
            if trie_step(self.trie.start, &child, label):
                return 0
        string = self.strings + trie_value(self.trie.start, node)
        size = strlen(<const char*>string)
        if size <= (2 if c < 0x800 else 3):
            self.simple[c] = <uint32_t>1 << 31 | <uint32_t>size << 24
            for i in range(size):
                self.simple[c] |= <uint32_t>string[i] << 8 * i
        return 0

    def rewrite(self, const uint8_t[::1] text, const int64_t[::1] offsets, bint aligned):
        """Rewrite every row of `text`, uint8[n], with `offsets`, int64[k + 1].

        Return the new text, uint8[m], its offsets, int64[k + 1]; if `aligned`, the begin of the origin of each new
        byte followed by the end of the last row, int64[m + 1], and the begin of the first unit of each row that is not
        one space, int64[k], otherwise None twice; a list of the rows of which at most spaces are left, but in which
        not every unit is one space; and a list of the positions in the new text of the U+2581 written for spaces.
        """
        cdef Py_ssize_t row, n_rows = offsets.shape[0] - 1
        cdef list filled = [], protected = []
        cdef int64_t[::1] heads = np.empty(n_rows if aligned else 0, np.int64)
        cdef Output out = Output(offsets[n_rows] - offsets[0] + SLACK, aligned)
        cdef int64_t[::1] out_offsets = np.empty(n_rows + 1, np.int64)
        cdef Interrupt interrupt = Interrupt()
        cdef Py_ssize_t work = 0
        out_offsets[0] = 0
        with nogil:
            for row in range(n_rows):
                if offsets[row] < offsets[row + 1]:
                    self._rewrite_row(&text[0], offsets[row], offsets[row + 1], out, protected, &work, interrupt)
                    if self._is_filled(&text[0], offsets[row], offsets[row + 1], out, out_offsets[row], &work):
                        with gil:
                            filled.append(row)
                if aligned:
                    heads[row] = offsets[row]
                    if offsets[row] < offsets[row + 1]:
                        heads[row] = self._skip_spaces(&text[0], offsets[row], offsets[row + 1], &work)
                out_offsets[row + 1] = out.n
        if not aligned:
            return out.values[: out.n], out_offsets.base, None, None, filled, protected
        out.origins[out.n] = offsets[n_rows]
        return out.values[: out.n], out_offsets.base, out.alignment[: out.n + 1], heads.base, filled, protected

    cdef bint _is_filled(
        self, const uint8_t* text, Py_ssize_t i, Py_ssize_t end, Output out, Py_ssize_t begin, Py_ssize_t* work
    ) noexcept nogil:
        """Return whether only spaces are left of a row, but not each of its units is one space.

        The output of the row begins at `begin`.
        """
        cdef Py_ssize_t k
        for k in range(begin, out.n):
            if out.text[k] != 32:
                return False
        return self._skip_spaces(text, i, end, work) < end

    cdef Py_ssize_t _skip_spaces(
        self, const uint8_t* text, Py_ssize_t i, Py_ssize_t end, Py_ssize_t* work
    ) noexcept nogil:
        """Return the begin of the first unit from `i` on that is not one space."""
        cdef Unit unit
        while i < end:
            unit = self._find(text, i, end, work)
            if unit.size != 1 or unit.source[0] != 32:
                break
            i = unit.end
        return i

    cdef int _rewrite_row(
        self,
        const uint8_t* text,
        Py_ssize_t i,
        Py_ssize_t end,
        Output out,
        list protected,
        Py_ssize_t* work,
        Interrupt interrupt,
    ) except -1 nogil:
        cdef Py_ssize_t stop, begin = out.n
        while i < end:
            stop = min(end, i + CHUNK)
            out.reserve(stop - i + SLACK)
            work[0] += stop - i
            if work[0] >= CHECK_EVERY:
                work[0] = 0
                if interrupt.check():
                    with gil:
                        interrupt.raise_error()
            while True:
                i = self._copy(text, i, stop, end, out)
                if i >= stop:
                    break
                i = self._apply(text, i, end, out, begin, protected, work)
                out.reserve(max(stop - i, 0) + SLACK)
        return 0

    cdef Py_ssize_t _copy(
        self, const uint8_t* text, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t end, Output out
    ) noexcept nogil:
        """Write text up to the next position at which the trie must be walked; return that position, or `stop`."""
        cdef Py_ssize_t i = start, block_end, next_i, length = 0, next_length = 0, size, n = out.n, k
        cdef uint8_t* to = out.text + out.n - start
        cdef const uint16_t* table = self.bytes
        cdef const uint16_t* flags = self.flags
        cdef bint is_quiet = self.is_quiet
        cdef uint64_t low, high
        cdef uint32_t c, simple
        cdef int entry = 0
        while i < stop:
            if is_quiet:
                while i + 16 <= stop:
                    low = load8(text + i)
                    high = load8(text + i + 8)
                    # All bits 7 are clear only if 0x20 <= byte < 0x7F for every byte.
                    if (
                        low | low + 0x0101010101010101ULL | low - 0x2020202020202020ULL
                        | high | high + 0x0101010101010101ULL | high - 0x2020202020202020ULL
                    ) & HIGH:
                        break
                    memcpy(to + i, text + i, 16)
                    i += 16
            block_end = min(i + 16, stop)
            while i < block_end:
                entry = table[text[i]]
                if entry & WALK:
                    break
                if entry & KEEP and i + 1 < end and self.pairs[text[i] << 5 | text[i + 1] >> 3] >> (text[i + 1] & 7) & 1:
                    break
                to[i] = entry & 0xFF
                i += 1
            if i == end or text[i] < 0x80:
                if i < block_end:
                    break
                continue
            c = read_code_point(text, i, end, &length)
            if i > start and table[text[i - 1]] & BEGINS and (length == 4 or flags[c] & SECOND):
                i -= 1
                break
            next_i = self._copy_quiet(text, i, stop, to)
            if next_i > i:
                i = next_i
                continue
            if length == 4:
                break
            if flags[c] & WALK:
                simple = self.simple[c]
                if simple == 0 or out.origins != NULL:
                    break
                size = simple >> 24 & 0x7F
                for k in range(size):
                    to[i + k] = simple >> 8 * k & 0xFF
                i += length
                to += size - length
                continue
            next_i = i + length
            if flags[c] & BEGINS and next_i < end:
                c = read_code_point(text, next_i, end, &next_length)
                if next_length == 4 or flags[c] & SECOND:
                    break
            memcpy(to + i, text + i, length)
            i = next_i
        out.n = to + i - out.text
        align(out, n, start, True)
        return i

    cdef inline Py_ssize_t _copy_quiet(
        self, const uint8_t* text, Py_ssize_t i, Py_ssize_t stop, uint8_t* to
    ) noexcept nogil:
        """Copy characters that no rule changes, whatever follows them; return the end of the copy.

        Stop early, before a character that needs a closer look or before four ASCII characters.
        """
        cdef const uint16_t* flags = self.flags
        cdef Py_ssize_t last = i, size
        cdef uint32_t word, c
        cdef int entry = 0
        while i + 4 <= stop:
            word = load4(text + i)
            if word & 0xC0C0F0 == 0x8080E0:
                c = (word & 0x0F) << 12 | (word >> 2 & 0xFC0) | (word >> 16 & 0x3F)
                size = 3
                if c < 0x800 or flags[c] & (WALK | SECOND):
                    break
                entry = flags[c]
            elif word & 0xC0E0 == 0x80C0:
                c = (word & 0x1F) << 6 | (word >> 8 & 0x3F)
                size = 2
                if c < 0x80 or flags[c] & (WALK | SECOND):
                    break
                entry = flags[c]
            elif word & 0x80 == 0 and word & 0x80808080U:
                c = word & 0x7F
                size = 1
                if flags[c] & SECOND or self.bytes[c] != c and self.bytes[c] != (c | BEGINS):
                    break
                entry = self.bytes[c]
            else:
                break
            memcpy(to + i, text + i, 4)
            last = i
            i += size
        return last if entry & BEGINS else i

    cdef Py_ssize_t _apply(
        self,
        const uint8_t* text,
        Py_ssize_t i,
        Py_ssize_t end,
        Output out,
        Py_ssize_t begin,
        list protected,
        Py_ssize_t* work,
    ) except -1 nogil:
        """Write the unit at `i`; return its end. The output of the row begins at `begin`."""
        cdef Unit unit = self._find(text, i, end, work)
        cdef Py_ssize_t n = out.n
        if self.protects:
            out.reserve(3 * unit.size)
            protect(unit, out, n == begin or out.text[n - 1] == 32, protected)
        else:
            out.reserve(unit.size)
            memcpy(out.text + n, unit.source, unit.size)
            out.n += unit.size
        align(out, n, i, unit.is_copy)
        return unit.end

    cdef Unit _find(self, const uint8_t* text, Py_ssize_t i, Py_ssize_t end, Py_ssize_t* work) noexcept nogil:
        """Return the unit at `i`: the longest text that is kept, else the longest rule, else the code point."""
        cdef const uint32_t* units
        cdef TrieNode node
        cdef Py_ssize_t k = i
        cdef Unit unit
        unit.source = text + i
        unit.end = i
        unit.is_copy = False
        if self.kept is not None:
            units = self.kept.start
            node = trie_root(units)
            while k < end and trie_step(units, &node, text[k]):
                k += 1
                if trie_has_value(node):
                    unit.end = k
            work[0] += k - i
            if unit.end > i:
                unit.size = unit.end - i
                return unit
            k = i
        units = self.trie.start
        node = trie_root(units)
        while k < end and trie_step(units, &node, text[k]):
            k += 1
            if trie_has_value(node):
                unit.end = k
                unit.source = self.strings + trie_value(units, node)
        work[0] += k - i
        if unit.end > i:
            unit.size = strlen(<const char*>unit.source)
            return unit
        read_code_point(text, i, end, &unit.size)
        unit.end = i + unit.size
        unit.is_copy = True
        if unit.size == 1 and text[i] >= 0x80:
            unit.source = REPLACEMENT
            unit.size = 3
            unit.is_copy = False
        return unit


cdef int protect(Unit unit, Output out, bint is_after_space, list protected) except -1 nogil:
    """Write a unit with U+2581 for each space before a space, except at the start if `is_after_space`.

    Append the position of each U+2581 that is written for a space to `protected`.
    """
    cdef const uint8_t* text = unit.source
    cdef Py_ssize_t i = 0, n = unit.size
    while i < n:
        is_after_space &= text[i] == 32
        if text[i] == 32 and i + 1 < n and text[i + 1] == 32 and not is_after_space:
            with gil:
                protected.append(out.n)
            memcpy(out.text + out.n, b"\xe2\x96\x81", 3)
            out.n += 3
        else:
            out.text[out.n] = text[i]
            out.n += 1
        i += 1
    return 0
