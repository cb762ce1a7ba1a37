"""Kernel of models whose pieces are whole units of text: pretokens, characters or bytes."""

cimport cython
from libc.stdint cimport uint8_t, uint32_t

from fasttok.core._interrupt cimport Interrupt
from fasttok.models._encoder cimport INTERRUPTED, UNKNOWN, PretokenEncoder
from fasttok.models._pieces cimport NOTHING, PieceTable
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
    """

    cdef PieceTable table
    cdef uint32_t[128] ascii_ids  # avoids a lookup in the table for ASCII characters
    cdef bint takes_whole
    cdef bint has_bytes
    cdef uint32_t[256] byte_ids
    cdef uint32_t unk_id

    def __cinit__(self, PieceTable table not None, bint takes_whole, const uint32_t[::1] byte_ids, Py_ssize_t unk_id):
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

    cdef Py_ssize_t encode_pretoken(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        cdef Py_ssize_t i = 0, n = 0, size = length, next_check = CHECK_INTERVAL, j
        cdef uint32_t unit
        while i < length:
            if self.takes_whole:
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
