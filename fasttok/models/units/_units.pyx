"""Kernel of models whose pieces are whole units of text: pretokens, characters or bytes."""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._trie cimport Trie, TrieNode, trie_has_value, trie_root, trie_step, trie_value
from fasttok.models._cache cimport PretokenCache
from fasttok.models._encoder cimport INTERRUPTED, UNKNOWN, PretokenEncoder
from fasttok.models._pieces cimport NOTHING, PieceTable
from fasttok.models.unigram._viterbi cimport fuse_unknown
from fasttok.text._spans cimport Spans
from fasttok.text.unicode._utf8 cimport read_code_point

cdef enum:
    CHECK_INTERVAL = 1 << 16  # bytes between two checks of the interrupt


@cython.final
cdef class UnitEncoder(PretokenEncoder):
    """Encoder of units by their ids, and of unknown units by their bytes or the unknown token.

    Parameters
    ----------
    table : PieceTable
        Units that have an id.
    takes_whole : bool
        Whether a unit is a whole pretoken; otherwise it is a character.
    byte_ids : uint32[256] or None
        Ids of the bytes of unknown units.
    unk_id : int
        Id of unknown units if there are no `byte_ids`; -1 if unknown units are an error.
    user_defined : Trie or None
        Texts that are found before characters, the longest one at each position, with their ids as values.
    fuse_unk : bool
        Whether a run of unknown units in a row becomes one id.
    """

    cdef PieceTable table
    cdef uint32_t[128] ascii_ids  # avoids a lookup in the table for ASCII characters
    cdef bint takes_whole
    cdef bint has_bytes
    cdef uint32_t[256] byte_ids
    cdef uint32_t unk_id
    cdef Trie user_defined
    cdef bint fuse_unk

    def __cinit__(
        self,
        PieceTable table not None,
        bint takes_whole,
        const uint32_t[::1] byte_ids,
        Py_ssize_t unk_id,
        Trie user_defined=None,
        bint fuse_unk=False,
    ):
        cdef Py_ssize_t byte
        cdef uint8_t character
        self.table = table
        for byte in range(128):
            character = byte
            self.ascii_ids[byte] = table.find(&character, 1)
        self.takes_whole = takes_whole
        self.has_bytes = byte_ids is not None
        if self.has_bytes:
            for byte in range(256):
                self.byte_ids[byte] = byte_ids[byte]
        self.unk_id = NOTHING if unk_id < 0 else unk_id
        self.user_defined = user_defined
        self.fuse_unk = fuse_unk and unk_id >= 0 and not self.has_bytes

    cdef inline Py_ssize_t _match(self, const uint8_t* text, Py_ssize_t length, uint32_t* found) noexcept nogil:
        """Return the number of bytes of the longest user-defined piece at the start of a text, and write its id."""
        cdef const uint32_t* units = self.user_defined.start
        cdef TrieNode node = trie_root(units)
        cdef Py_ssize_t i, size = 0
        for i in range(length):
            if text[i] == 0 or not trie_step(units, &node, text[i]):
                break
            if trie_has_value(node):
                size = i + 1
                found[0] = trie_value(units, node)
        return size

    cdef Py_ssize_t encode_row(
        self,
        const uint8_t* text,
        Py_ssize_t n_text,
        Py_ssize_t begin,
        Py_ssize_t end,
        Spans spans,
        PretokenCache cache,
        uint32_t* out,
        int64_t* places,
    ) noexcept nogil:
        cdef Py_ssize_t n
        n = PretokenEncoder.encode_row(self, text, n_text, begin, end, spans, cache, out, places)
        return fuse_unknown(out, n, self.unk_id, places) if n > 0 and self.fuse_unk else n

    cdef Py_ssize_t encode_pretoken(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        cdef Py_ssize_t i = 0, n = 0, size, next_check = CHECK_INTERVAL, j
        cdef uint32_t unit = NOTHING
        while i < length:
            size = 0
            if self.user_defined is not None:
                size = self._match(pretoken + i, length - i, &unit)
            if size:
                pass
            elif self.takes_whole:
                size = length
                unit = self.table.find(pretoken, length)
            elif pretoken[i] < 128:
                size = 1
                unit = self.ascii_ids[pretoken[i]]
            else:
                read_code_point(pretoken, i, length, &size)
                unit = self.table.find(pretoken + i, size)
            if unit == NOTHING and self.has_bytes:
                for j in range(i, i + size):
                    out[n] = self.byte_ids[pretoken[j]]
                    n += 1
            else:
                if unit == NOTHING:
                    unit = self.unk_id
                if unit == NOTHING:
                    return UNKNOWN - i
                out[n] = unit
                n += 1
            i += size
            if i >= next_check:
                next_check += CHECK_INTERVAL
                if interrupt.check():
                    return INTERRUPTED
        return n
