"""Apply rewrite rules to extended grapheme clusters (UAX #29), as Hugging Face `tokenizers` does.

The text is divided into clusters. If a cluster has fewer than six bytes and begins with the key of a rule, the
replacement of the shortest such key takes the place of the whole cluster. Otherwise the same is done with each code
point of the cluster.

So clusters matter only up to six bytes. Regional indicators have no class of their own here, because two of them have
eight bytes.
"""

import numpy as np

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset, strlen

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._keys cimport load8
from fasttok.core._trie cimport Trie, TrieNode, trie_has_value, trie_root, trie_step, trie_value
from fasttok.text.normalizers._buffers cimport Output
from fasttok.text.unicode._utf8 cimport read_code_point

cdef enum:
    CHUNK = 1 << 16  # bytes of text for which capacity is reserved at once
    SLACK = 32  # bytes that may be written beyond the length of a chunk
    CHECK_EVERY = 1 << 22  # bytes between two checks for an interrupt
    LONGEST = 5  # largest number of bytes of a cluster that is replaced as a whole
    # Classes of code points, in the order of _grapheme_breaks.py.
    OTHER = 0
    CONTROL = 1  # also CR and LF
    EXTEND = 2
    NON_JOINER = 3  # extends a cluster, but not an Indic conjunct
    JOINER = 4
    SPACING = 5
    PREPEND = 6
    LEADING = 7  # Hangul: L, V, T, LV and LVT
    VOWEL = 8
    TRAILING = 9
    SYLLABLE = 10
    CLOSED_SYLLABLE = 11
    PICTOGRAPH = 12
    CONSONANT = 13
    LINKER = 14  # extends a cluster, and links Indic consonants
    N_CLASSES = 15

cdef uint64_t HIGH = 0x8080808080808080ULL


cdef struct State:  # of the cluster up to some code point
    int class_  # class of the code point
    bint has_consonant  # an Indic consonant is followed only by code points that may be in a conjunct
    bint has_linker  # at least one of these is a linker
    int emoji  # 1 after a pictograph and code points that extend it, 2 if a joiner follows


cdef struct Writer:  # position in the output of a row
    Py_ssize_t begin  # begin of the row
    Py_ssize_t last  # begin of the last character
    bint is_extra  # the last character takes no old character's place
    Py_ssize_t n_lost  # number of characters that were removed before the first one was written


cdef inline State begin_cluster(int class_) noexcept nogil:
    cdef State state
    state.class_ = class_
    state.has_consonant = class_ == CONSONANT
    state.has_linker = False
    state.emoji = class_ == PICTOGRAPH
    return state


cdef inline bint extends(int class_) noexcept nogil:
    return EXTEND <= class_ <= SPACING or class_ == LINKER


cdef inline bint joins(int before, int after) noexcept nogil:
    """Return whether there is no boundary between two code points of these classes, whatever is before them."""
    if before == CONTROL or after == CONTROL:
        return False
    if extends(after) or before == PREPEND:
        return True
    if before == LEADING:
        return after == LEADING or after == VOWEL or after == SYLLABLE or after == CLOSED_SYLLABLE
    if before == SYLLABLE or before == VOWEL:
        return after == VOWEL or after == TRAILING
    return (before == CLOSED_SYLLABLE or before == TRAILING) and after == TRAILING


cdef inline bint continue_cluster(State* state, int class_) noexcept nogil:
    """Add a code point to a cluster and return True, unless there is a boundary before the code point."""
    if not (
        joins(state.class_, class_)
        or class_ == CONSONANT and state.has_consonant and state.has_linker
        or class_ == PICTOGRAPH and state.emoji == 2
    ):
        return False
    if class_ == CONSONANT:
        state.has_consonant = True
        state.has_linker = False
    elif class_ == LINKER:
        state.has_linker = True
    elif class_ != EXTEND and class_ != JOINER:
        state.has_consonant = False
    if class_ == PICTOGRAPH:
        state.emoji = 1
    elif class_ == JOINER:
        state.emoji = 2 * (state.emoji == 1)
    elif state.emoji != 1 or class_ != EXTEND and class_ != NON_JOINER and class_ != LINKER:
        state.emoji = 0
    state.class_ = class_
    return True


@cython.final
cdef class GraphemeMap:
    """Rewrite rules in a trie, applied to grapheme clusters.

    Parameters
    ----------
    trie : Trie
        Keys of the rules. The value of a key is the position in `replacements` at which its replacement begins.
    replacements : bytes
        Replacements in UTF-8, each followed by a byte 0.
    classes : ndarray of uint8, shape (0x110000,)
        Class of each code point.
    data : bytes
        The charsmap as it was read.
    """

    cdef readonly Trie trie
    cdef readonly bytes replacements
    cdef readonly bytes data
    cdef const uint8_t* strings
    cdef const uint8_t[::1] classes
    cdef uint8_t[::1] is_ruled  # whether a key is the first bytes, or all bytes, of each code point
    cdef bint is_quiet  # whether no printable ASCII character is ruled
    cdef uint8_t may_join[N_CLASSES][N_CLASSES]  # False: there is certainly a boundary between the two classes

    def __cinit__(
        self,
        Trie trie not None,
        bytes replacements not None,
        const uint8_t[::1] classes not None,
        bytes data not None,
    ):
        cdef int a, b, c
        self.trie = trie
        self.replacements = replacements
        self.data = data
        self.strings = replacements
        self.classes = classes
        self.is_ruled = np.zeros(0x110000, np.uint8)
        for a in range(N_CLASSES):
            for b in range(N_CLASSES):
                # CR LF, conjuncts and sequences of emoji depend on more than the two classes.
                self.may_join[a][b] = (
                    joins(a, b)
                    or a == b == CONTROL
                    or extends(a) and (b == CONSONANT or b == PICTOGRAPH)
                )
        self._flag(trie_root(trie.start), 0, -1)
        self.is_ruled[0xD800:0xE000] = 0  # bytes that are not UTF-8
        self.is_quiet = True
        for c in range(0x20, 0x7F):
            self.is_quiet &= not self.is_ruled[c]

    cdef int _flag(self, TrieNode node, int prefix, int n_bytes) except -1:
        """Set `is_ruled` for the keys that go through a node.

        `prefix` has the upper bits of the code points that lead to the node, of which the last `n_bytes` bytes are
        missing. For the root, `n_bytes` is -1.
        """
        cdef TrieNode child
        cdef int byte, first, c, more
        for byte in range(1, 256):
            child = node
            if not trie_step(self.trie.start, &child, byte):
                continue
            if n_bytes >= 0:
                if byte & 0xC0 != 0x80:
                    continue
                first = prefix << 6 | byte & 0x3F
                more = n_bytes - 1
            elif byte < 0x80:
                first = byte
                more = 0
            elif 0xC2 <= byte <= 0xF4:
                more = 1 + (byte >= 0xE0) + (byte >= 0xF0)
                first = byte & 0x3F >> more
            else:
                continue
            if trie_has_value(child):  # a key that ends inside a character matches all of these code points
                for c in range(first << 6 * more, min(first + 1 << 6 * more, 0x110000)):
                    self.is_ruled[c] = True
            elif more:
                self._flag(child, first, more)
        return 0

    def rewrite(self, const uint8_t[::1] text, const int64_t[::1] offsets, bint aligned):
        """Rewrite every row of `text`, uint8[n], with `offsets`, int64[k + 1].

        Return the new text, uint8[m], its offsets, int64[k + 1], and, if `aligned`, the begin and end of the origin of
        each new byte, int64[m, 2]; otherwise None.
        """
        cdef Py_ssize_t row, n_rows = offsets.shape[0] - 1
        cdef Output out = Output(offsets[n_rows] - offsets[0] + SLACK, 2 * aligned)
        cdef int64_t[::1] out_offsets = np.empty(n_rows + 1, np.int64)
        cdef Interrupt interrupt = Interrupt()
        cdef Py_ssize_t work = 0
        out_offsets[0] = 0
        with nogil:
            for row in range(n_rows):
                if offsets[row] < offsets[row + 1]:
                    self._rewrite_row(&text[0], offsets[row], offsets[row + 1], out, &work, interrupt)
                out_offsets[row + 1] = out.n
        spans = out.alignment[: 2 * out.n].reshape(-1, 2) if aligned else None
        return out.values[: out.n], out_offsets.base, spans

    cdef int _rewrite_row(
        self, const uint8_t* text, Py_ssize_t i, Py_ssize_t end, Output out, Py_ssize_t* work, Interrupt interrupt
    ) except -1 nogil:
        cdef Py_ssize_t stop, begin = i, begin_out = out.n
        cdef Writer writer
        writer.begin = out.n
        writer.last = out.n
        writer.is_extra = False
        writer.n_lost = 0
        while i < end:
            stop = min(end, i + CHUNK)
            out.reserve(stop - i + SLACK)
            work[0] += stop - i
            if work[0] >= CHECK_EVERY:
                work[0] = 0
                if interrupt.check():
                    with gil:
                        interrupt.raise_error()
            while i < stop:
                i = self._copy(text, i, stop, end, out, &writer)
                if i < stop:
                    i = self._apply(text, i, end, out, &writer)
                    out.reserve(max(stop - i, 0) + SLACK)
        if writer.n_lost and out.origins != NULL:
            shift_origins(text, begin, end, out, begin_out, writer.n_lost)
        return 0

    cdef Py_ssize_t _copy(
        self, const uint8_t* text, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t end, Output out, Writer* writer
    ) noexcept nogil:
        """Copy clusters of one code point without a rule; return the end of the last of them, or `stop`."""
        cdef Py_ssize_t i = start, k, length = 0, next_length = 0
        cdef uint8_t* to = out.text + out.n - start
        cdef uint64_t low, high
        cdef uint32_t c, d = 0
        cdef const uint8_t* classes = &self.classes[0]
        cdef const uint8_t* is_ruled = &self.is_ruled[0]
        c = read_code_point(text, i, end, &length)
        while i < stop and not is_ruled[c]:
            if i + length < end:
                d = read_code_point(text, i + length, end, &next_length)
                if self.may_join[classes[c]][classes[d]]:
                    break
            to[i] = text[i]
            for k in range(1, length):
                to[i + k] = text[i + k]
            i += length
            if i >= end:
                break
            c = d
            length = next_length
            if self.is_quiet and 0x20 <= c < 0x7F:
                while i + 17 <= stop:
                    low = load8(text + i)
                    high = load8(text + i + 8)
                    # All bits 7 are clear only if 0x20 <= byte < 0x7F for every byte. The byte after them must be
                    # ASCII too, since other code points may extend the cluster of the last character.
                    if (
                        low | low + 0x0101010101010101ULL | low - 0x2020202020202020ULL
                        | high | high + 0x0101010101010101ULL | high - 0x2020202020202020ULL
                    ) & HIGH or text[i + 16] >= 0x80:
                        break
                    memcpy(to + i, text + i, 16)
                    i += 16
                    c = text[i]
        if i > start:
            writer.last = out.n + i - start - 1  # a later removal changes it only if it is extra
            writer.is_extra = False
            if out.origins != NULL:
                for k in range(i - start):
                    out.origins[2 * (out.n + k)] = start + k
                    out.origins[2 * (out.n + k) + 1] = start + k + 1
            out.n += i - start
        return i

    cdef Py_ssize_t _apply(
        self, const uint8_t* text, Py_ssize_t i, Py_ssize_t end, Output out, Writer* writer
    ) except -1 nogil:
        """Rewrite the cluster at `i`; return its end."""
        cdef Py_ssize_t length, size, k = i
        cdef uint32_t c = read_code_point(text, i, end, &length), d
        cdef State state = begin_cluster(self.classes[c])
        cdef const uint8_t* found = NULL
        k = i + length
        while k < end:
            d = read_code_point(text, k, end, &size)
            if not (continue_cluster(&state, self.classes[d]) or c == 13 and d == 10 and k == i + 1):
                break
            k += size
        if k > i + length and k - i <= LONGEST:
            found = self._find(text + i, k - i)
        if found != NULL:
            write(out, writer, found, text, i, k)
            return k
        while i < k:
            c = read_code_point(text, i, end, &length)
            found = self._find(text + i, length) if self.is_ruled[c] else NULL
            if found != NULL:
                write(out, writer, found, text, i, i + length)
            else:
                out.reserve(length)
                memcpy(out.text + out.n, text + i, length)
                align(out, length, i, i + length)
                writer.last = out.n
                writer.is_extra = False
                out.n += length
            i += length
        return k

    cdef const uint8_t* _find(self, const uint8_t* text, Py_ssize_t n) noexcept nogil:
        """Return the replacement of the shortest key that a text begins with, or NULL."""
        cdef const uint32_t* units = self.trie.start
        cdef TrieNode node = trie_root(units)
        cdef Py_ssize_t k = 0
        while k < n and text[k] and trie_step(units, &node, text[k]):
            k += 1
            if trie_has_value(node):
                return self.strings + trie_value(units, node)
        return NULL


cdef inline void align(Output out, Py_ssize_t length, int64_t start, int64_t end) noexcept nogil:
    """Record that the next `length` bytes of the output originate from `start` to `end`."""
    cdef Py_ssize_t k
    if out.origins != NULL:
        for k in range(out.n, out.n + length):
            out.origins[2 * k] = start
            out.origins[2 * k + 1] = end


cdef int write(
    Output out, Writer* writer, const uint8_t* string, const uint8_t* text, Py_ssize_t i, Py_ssize_t end
) except -1 nogil:
    """Write a replacement of the text from `i` to `end`.

    Each new character takes the place of an old one. If there are more new ones, the others have the origin of the last
    old one. If there are fewer, the last new character also takes the place of the rest; if there are none, the last
    character before them does, and if that is extra, it gets the origin of the first of them.
    """
    cdef Py_ssize_t length = 0, size, n = strlen(<const char*>string), k = 0, first, j
    out.reserve(n)
    while k < n:
        if i < end:
            read_code_point(text, i, end, &length)
            i += length
            writer.is_extra = False
        else:
            writer.is_extra = True
        read_code_point(string, k, n, &size)
        memcpy(out.text + out.n, string + k, size)
        align(out, size, i - length, i)
        writer.last = out.n
        out.n += size
        k += size
    if n or i == end:
        return 0
    if out.n == writer.begin:
        while i < end:
            read_code_point(text, i, end, &length)
            i += length
            writer.n_lost += 1
    elif writer.is_extra:
        read_code_point(text, i, end, &length)
        first = out.n
        out.n = writer.last
        align(out, first - writer.last, i, i + length)
        out.n = first
        writer.is_extra = False
    return 0


cdef void shift_origins(
    const uint8_t* text, Py_ssize_t begin, Py_ssize_t end, Output out, Py_ssize_t first, Py_ssize_t n
) noexcept nogil:
    """Move the origins of a row back by n characters, since `tokenizers` forgets what was removed at its begin."""
    cdef Py_ssize_t k, length, old_length, at = begin, old = begin
    for k in range(n):
        read_code_point(text, at, end, &length)
        at += length
    read_code_point(text, old, end, &old_length)
    for k in range(first, out.n):
        while True:
            read_code_point(text, at, end, &length)
            if out.origins[2 * k] < at + length:
                break
            at += length
            old += old_length
            read_code_point(text, old, end, &old_length)
        out.origins[2 * k] = old
        out.origins[2 * k + 1] = old + old_length
