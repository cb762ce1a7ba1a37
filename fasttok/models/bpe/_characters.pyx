"""Kernel of BPE encoding over characters: look up the initial ids of a pretoken."""

import numpy as np

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from fasttok.core._interrupt cimport Interrupt
from fasttok.models._encoder cimport OUT_OF_MEMORY, UNKNOWN, known_length
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
        Ids of bytes, for byte fallback; NOTHING for a byte without an id. A character is unknown if one of its
        bytes has no id.
    marked_bytes : bool
        Whether byte fallback also applies to characters that `marks_rest` or `marks_last` marks.
    unk_id : int
        Id of unknown characters; -1 if there is none.
    fuse_unk : bool
        Whether consecutive unknown characters of a pretoken become one id.
    drops_unk : bool
        Whether unknown characters are dropped if there is no `unk_id`; otherwise they are an error.
    remerges : bool
        Whether the spans of ids are found by merging again. Otherwise, ids have the lengths that `set_lengths`
        sets, and an id without a length has all consecutive unknown characters, or one if they are not fused.
    whole : PieceTable or None
        Pieces that are encoded as their own id if they are a pretoken.
    merge_ranks : uint32[m], optional
        Rank of each merge; default: its row.
    """

    cdef uint64_t* table  # hash table of characters: the key in the upper 32 bits, the id in the lower
    cdef int shift_characters  # a hash shifted right by this number is an index into `table`
    cdef bint marks_rest
    cdef bint marks_last
    cdef bint has_bytes
    cdef bint marked_bytes
    cdef uint32_t byte_ids[256]
    cdef uint32_t unk_id
    cdef bint fuse_unk
    cdef bint drops_unk
    cdef bint remerges

    def __cinit__(
        self,
        const uint32_t[::1] characters,
        const uint32_t[::1] ids,
        bint marks_rest,
        bint marks_last,
        const uint32_t[:, ::1] merges,
        const uint32_t[::1] merge_ids,
        const uint32_t[::1] byte_ids,
        bint marked_bytes,
        Py_ssize_t unk_id,
        bint fuse_unk,
        bint drops_unk,
        bint remerges,
        PieceTable whole,
        merge_ranks=None,
    ):
        cdef Py_ssize_t i
        cdef int bits = 4
        cdef uint64_t place
        self.marks_rest = marks_rest
        self.marks_last = marks_last
        self.has_bytes = byte_ids is not None
        self.marked_bytes = marked_bytes
        self.unk_id = NOTHING if unk_id < 0 else unk_id
        self.fuse_unk = fuse_unk
        self.drops_unk = drops_unk
        self.remerges = remerges
        self.locates_single = drops_unk
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
            known = np.asarray(byte_ids)
            largest = max(largest, np.max(known[known != <uint32_t>NOTHING], initial=0))
        self.set_merges(merges, merge_ids, largest, merge_ranks)

    def __dealloc__(self):
        free(self.table)

    cdef uint32_t _find_character(self, uint32_t character) noexcept nogil:
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
        return self._find_character(character)

    cdef inline bint _has_bytes(
        self, const uint8_t* pretoken, Py_ssize_t i, Py_ssize_t size, Py_ssize_t length
    ) noexcept nogil:
        """Return whether byte fallback applies to the character of `size` bytes at byte i."""
        cdef Py_ssize_t j
        if not self.has_bytes:
            return False
        if not self.marked_bytes and (self.marks_rest and i or self.marks_last and i + size == length):
            return False
        for j in range(i, i + size):
            if self.byte_ids[pretoken[j]] == NOTHING:
                return False
        return True

    cdef Py_ssize_t _write_symbols(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* ids, uint32_t* lengths
    ) noexcept nogil:
        """Write the ids of the symbols, and their lengths in bytes unless `lengths` is NULL; return their number.

        Return UNKNOWN - i if the character at byte i has no id and is not dropped. An unknown token is written when
        the next known character or the end is reached. As in Hugging Face tokenizers, it therefore comes after the
        bytes of characters that follow it directly.
        """
        cdef Py_ssize_t i = 0, j, n = 0, size, n_unknown = 0  # n_unknown: bytes of the unknown token to write
        while i < length:
            ids[n] = self._find_at(pretoken, i, length, &size)
            if ids[n] != NOTHING:
                if n_unknown:
                    ids[n + 1] = ids[n]
                    n = self._write_unknown(ids, lengths, n, &n_unknown)
                if lengths != NULL:
                    lengths[n] = size
                n += 1
            elif self._has_bytes(pretoken, i, size, length):
                for j in range(size):
                    ids[n + j] = self.byte_ids[pretoken[i + j]]
                    if lengths != NULL:
                        lengths[n + j] = 1
                n += size
            elif self.unk_id == NOTHING:
                if not self.drops_unk:
                    return UNKNOWN - i
            else:
                if n_unknown and not self.fuse_unk:
                    n = self._write_unknown(ids, lengths, n, &n_unknown)
                n_unknown += size
            i += size
        return self._write_unknown(ids, lengths, n, &n_unknown) if n_unknown else n

    cdef inline Py_ssize_t _write_unknown(
        self, uint32_t* ids, uint32_t* lengths, Py_ssize_t n, Py_ssize_t* n_unknown
    ) noexcept nogil:
        """Append the unknown token to `n` ids, and set `n_unknown` to 0; return the new number of ids."""
        ids[n] = self.unk_id
        if lengths != NULL:
            lengths[n] = n_unknown[0]
        n_unknown[0] = 0
        return n + 1

    cdef Py_ssize_t begin(self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* ids) noexcept nogil:
        return self._write_symbols(pretoken, length, ids, NULL)

    cdef Py_ssize_t encode_pretoken(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        cdef Py_ssize_t n
        n = self._write_symbols(pretoken, length, out, NULL)
        return self.merge(out, n, NULL, interrupt) if n > 0 else n

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
        if self.remerges:
            return self._remerge(pretoken, length, ids, n, lengths, interrupt)
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

    cdef Py_ssize_t _remerge(
        self,
        const uint8_t* pretoken,
        Py_ssize_t length,
        const uint32_t* ids,
        Py_ssize_t n,
        int64_t* lengths,
        Interrupt interrupt,
    ) noexcept nogil:
        """Write the lengths of the n ids of a pretoken: merge it again, and add the lengths of the symbols."""
        cdef uint32_t* buffer
        cdef Py_ssize_t i, j, k = 0, n_symbols, result
        if n == 1 and self.whole is not None and self.whole.find(pretoken, length) == ids[0]:
            lengths[0] = length
            return 0
        buffer = <uint32_t*>malloc(3 * (length + 1) * sizeof(uint32_t))
        if buffer == NULL:
            return OUT_OF_MEMORY
        n_symbols = self._write_symbols(pretoken, length, buffer, buffer + length + 1)
        result = 0
        if n_symbols > 0:
            result = min(self.merge(buffer, n_symbols, buffer + 2 * (length + 1), interrupt), <Py_ssize_t>0)
        if result >= 0:
            for i in range(n):
                lengths[i] = 0
                for j in range(buffer[2 * (length + 1) + i]):
                    lengths[i] += buffer[length + 1 + k]
                    k += 1
        free(buffer)
        return result


cdef inline uint64_t hash_character(uint64_t character) noexcept nogil:
    return character * 0x9E3779B97F4A7C15ULL
