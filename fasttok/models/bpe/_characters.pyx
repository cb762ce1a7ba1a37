"""Kernel of BPE encoding over characters: look up the initial ids of a pretoken."""

import numpy as np

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from fasttok.core._interrupt cimport Interrupt
from fasttok.models._encoder cimport UNKNOWN, known_length
from fasttok.models._pieces cimport NOTHING, PieceTable
from fasttok.models.bpe._encode cimport MergeEncoder
from fasttok.text.unicode._utf8 cimport read_code_point

cdef uint64_t EMPTY = 0xFFFFFFFFFFFFFFFFULL  # an unused entry of the table of characters


@cython.final
cdef class CharacterEncoder(MergeEncoder):
    """Encoder of BPE over characters; the first and last characters of a pretoken may have separate ids.

    Parameters
    ----------
    characters : uint32[k]
        Keys of the characters: the code point times four, plus two for a character that is not the first of a
        pretoken (with `marks_rest`), plus one for a character that is the last (with `marks_last`).
    ids : uint32[k]
        Id of each key.
    marks_rest : bool
        Whether characters after the first have separate keys.
    marks_last : bool
        Whether the last character has a separate key.
    merges : uint32[m, 2], merge_ids : uint32[m]
        Distinct pairs in order of rank, and their merged ids; see `BPEEncoder` for the limits.
    byte_ids : uint32[256] or None
        Ids of bytes, for byte fallback.
    unk_id : int
        Id of unknown characters if there are no `byte_ids`; -1 if an unknown character is an error.
    fuse_unk : bool
        Whether consecutive unknown characters of a pretoken become one id.
    whole : PieceTable or None
        Table in which a pretoken is looked up before it is merged.
    """

    cdef uint64_t* table  # hash table of characters: the key in the upper 32 bits, the id in the lower
    cdef int shift_characters  # a hash shifted right by this number is an index into `table`
    cdef bint marks_rest
    cdef bint marks_last
    cdef bint has_bytes
    cdef uint32_t byte_ids[256]
    cdef uint32_t unk_id
    cdef bint fuse_unk

    def __cinit__(
        self,
        const uint32_t[::1] characters,
        const uint32_t[::1] ids,
        bint marks_rest,
        bint marks_last,
        const uint32_t[:, ::1] merges,
        const uint32_t[::1] merge_ids,
        const uint32_t[::1] byte_ids,
        Py_ssize_t unk_id,
        bint fuse_unk,
        PieceTable whole,
    ):
        cdef Py_ssize_t i
        cdef int bits = 4
        cdef uint64_t place
        self.marks_rest = marks_rest
        self.marks_last = marks_last
        self.has_bytes = byte_ids is not None
        self.unk_id = NOTHING if unk_id < 0 else unk_id
        self.fuse_unk = fuse_unk
        self.whole = whole
        while (<Py_ssize_t>1) << bits < 2 * characters.shape[0]:
            bits += 1
        self.shift_characters = 64 - bits
        self.table = <uint64_t*>malloc(8 << bits)
        if self.table == NULL:
            raise MemoryError("not enough memory for the table of characters")
        memset(self.table, 0xFF, 8 << bits)
        for i in range(characters.shape[0]):
            place = hash_character(characters[i]) >> self.shift_characters
            while self.table[place] != EMPTY:
                place = (place + 1) & (((<uint64_t>1) << bits) - 1)
            self.table[place] = <uint64_t>characters[i] << 32 | ids[i]
        largest = max(np.max(ids, initial=0), np.max(merge_ids, initial=0), np.max(merges, initial=0), unk_id, 0)
        if self.has_bytes:
            memcpy(self.byte_ids, &byte_ids[0], sizeof(self.byte_ids))
            largest = max(largest, np.max(byte_ids))
        self.set_merges(merges, merge_ids, largest)

    def __dealloc__(self):
        free(self.table)

    cdef uint32_t _find(self, uint32_t character) noexcept nogil:
        """Return the id of a character key, or NOTHING."""
        cdef uint64_t place = hash_character(character) >> self.shift_characters
        while True:
            if self.table[place] >> 32 == character:
                return self.table[place] & 0xFFFFFFFFU
            if self.table[place] == EMPTY:
                return NOTHING
            place = (place + 1) & (((<uint64_t>1) << (64 - self.shift_characters)) - 1)

    cdef inline Py_ssize_t _find_at(
        self, const uint8_t* pretoken, Py_ssize_t i, Py_ssize_t length, Py_ssize_t* size
    ) noexcept nogil:
        """Return the id of the character at byte i, or NOTHING; write its length in bytes to `size`."""
        cdef uint32_t character = read_code_point(pretoken, i, length, size) << 2
        if self.marks_rest and i:
            character |= 2
        if self.marks_last and i + size[0] == length:
            character |= 1
        return self._find(character)

    cdef Py_ssize_t begin(self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* ids) noexcept nogil:
        cdef Py_ssize_t i = 0, j, n = 0, size
        cdef bint was_unknown = False
        while i < length:
            ids[n] = self._find_at(pretoken, i, length, &size)
            if ids[n] != NOTHING:
                n += 1
                was_unknown = False
            elif self.has_bytes:
                for j in range(i, i + size):
                    ids[n] = self.byte_ids[pretoken[j]]
                    n += 1
            elif self.unk_id == NOTHING:
                return UNKNOWN - i
            else:
                if not (self.fuse_unk and was_unknown):
                    ids[n] = self.unk_id
                    n += 1
                was_unknown = True
            i += size
        return n

    cdef Py_ssize_t encode_pretoken(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        cdef Py_ssize_t n
        if self.whole is not None:
            out[0] = self.whole.find(pretoken, length)
            if out[0] != NOTHING:
                return 1
        n = self.begin(pretoken, length, out)
        return self.merge(out, n, interrupt) if n >= 0 else n

    cdef Py_ssize_t measure_pretoken(
        self,
        const uint8_t* pretoken,
        Py_ssize_t length,
        const uint32_t* ids,
        Py_ssize_t n,
        int64_t* lengths,
        Interrupt interrupt,
    ) noexcept nogil:
        cdef Py_ssize_t i, at = 0, end, size
        for i in range(n):
            end = at + known_length(self, ids[i])
            if end == at:  # the unknown token, of one or several characters
                read_code_point(pretoken, at, length, &size)
                end += size
                while self.fuse_unk and end < length and self._find_at(pretoken, end, length, &size) == NOTHING:
                    end += size
            lengths[i] = end - at
            at = end
        return 0


cdef inline uint64_t hash_character(uint64_t character) noexcept nogil:
    return character * 0x9E3779B97F4A7C15ULL
