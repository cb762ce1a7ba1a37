"""The kernel of BPE encoding over characters: the ids that a pretoken begins with."""

import numpy as np

cimport cython
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from fasttok.core._interrupt cimport Interrupt
from fasttok.models._encoder cimport UNKNOWN
from fasttok.models.bpe._encode cimport MergeEncoder
from fasttok.text.unicode._utf8 cimport read_code_point

cdef uint32_t NOTHING = 0xFFFFFFFFU
cdef uint64_t EMPTY = 0xFFFFFFFFFFFFFFFFULL


@cython.final
cdef class CharacterEncoder(MergeEncoder):
    """Merges from characters; the last one of a pretoken may have an id of its own.

    Parameters
    ----------
    characters : uint32[k]
        Code points, twice each; one more for the last of a pretoken.
    ids : uint32[k]
        Their ids.
    marks_last : bool
        Whether the last of a pretoken is looked up as such.
    merges : uint32[m, 2], merge_ids : uint32[m]
        As for `BPEEncoder`.
    unk_id : int
        The id of characters that are not there; -1 where that is an error.
    """

    cdef uint64_t* table  # of characters: the key, then the id
    cdef int shift_characters
    cdef bint marks_last
    cdef uint32_t unk_id

    def __cinit__(
        self,
        const uint32_t[::1] characters,
        const uint32_t[::1] ids,
        bint marks_last,
        const uint32_t[:, ::1] merges,
        const uint32_t[::1] merge_ids,
        Py_ssize_t unk_id,
    ):
        cdef Py_ssize_t i
        cdef int bits = 4
        cdef uint64_t place
        self.marks_last = marks_last
        self.unk_id = NOTHING if unk_id < 0 else unk_id
        while (<Py_ssize_t>1) << bits < 2 * characters.shape[0]:
            bits += 1
        self.shift_characters = 64 - bits
        self.table = <uint64_t*>malloc(8 << bits)
        if self.table == NULL:
            raise MemoryError("no memory for the table of characters")
        memset(self.table, 0xFF, 8 << bits)
        for i in range(characters.shape[0]):
            place = hash_character(characters[i]) >> self.shift_characters
            while self.table[place] != EMPTY:
                place = (place + 1) & (((<uint64_t>1) << bits) - 1)
            self.table[place] = <uint64_t>characters[i] << 32 | ids[i]
        self.set_merges(
            merges,
            merge_ids,
            max(np.max(ids, initial=0), np.max(merge_ids, initial=0), np.max(merges, initial=0), unk_id, 0),
        )

    def __dealloc__(self):
        free(self.table)

    cdef uint32_t _find(self, uint32_t character) noexcept nogil:
        """The id of a character, NOTHING if there is none."""
        cdef uint64_t place = hash_character(character) >> self.shift_characters
        while True:
            if self.table[place] >> 32 == character:
                return self.table[place] & 0xFFFFFFFFU
            if self.table[place] == EMPTY:
                return NOTHING
            place = (place + 1) & (((<uint64_t>1) << (64 - self.shift_characters)) - 1)

    cdef Py_ssize_t encode_pretoken(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        cdef Py_ssize_t i = 0, n = 0, size
        cdef uint32_t character
        while i < length:
            character = read_code_point(pretoken, i, length, &size) << 1
            if self.marks_last and i + size == length:
                character |= 1
            out[n] = self._find(character)
            if out[n] == NOTHING:
                if self.unk_id == NOTHING:
                    return UNKNOWN - i
                out[n] = self.unk_id
            i += size
            n += 1
        return self.merge(out, n, interrupt)


cdef inline uint64_t hash_character(uint64_t character) noexcept nogil:
    return character * 0x9E3779B97F4A7C15ULL
