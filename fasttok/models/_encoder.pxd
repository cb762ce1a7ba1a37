"""Declarations of _encoder.pyx: the loop over pretokens that all models share."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._keys cimport Key
from fasttok.models._cache cimport BeginBlock, PretokenCache
from fasttok.models._pieces cimport PieceTable
from fasttok.text._spans cimport Spans

# Negative results of `encode_pretoken`: reasons why there are no ids.
cdef enum:
    OUT_OF_MEMORY = -1
    INTERRUPTED = -2
    UNKNOWN = -3  # UNKNOWN - i: the model has no id for the character at byte i

# Added to the number of ids if they must not be cached, because the same pretoken may get other ids elsewhere.
cdef extern from *:
    """
    #define FT_DO_NOT_CACHE ((Py_ssize_t)1 << 48)
    """
    const Py_ssize_t DO_NOT_CACHE "FT_DO_NOT_CACHE"

cdef int raise_failure(
    Py_ssize_t reason, Interrupt interrupt, const uint8_t* text, const int64_t* offsets
) except -1


cdef Py_ssize_t encode_blocks(
    PretokenEncoder encoder,
    BeginBlock begin,
    const uint8_t* text,
    Py_ssize_t n_text,
    const uint32_t* starts,
    const uint32_t* ends,
    Py_ssize_t n,
    PretokenCache cache,
    uint32_t* out,
) noexcept nogil


cdef class PretokenEncoder:
    cdef const uint32_t[::1] id_lengths  # see `set_lengths`
    cdef bint locates_single  # whether `locate_pretoken` is called for pretokens with a single id as well
    cdef PieceTable whole  # pieces that are encoded as their own id if they are a pretoken; may be None

    cdef Py_ssize_t encode_pretoken(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil
    cdef Py_ssize_t encode_rows(
        self,
        const uint8_t* text,
        Py_ssize_t n_text,
        const int64_t* offsets,
        Py_ssize_t n_rows,
        Spans spans,
        PretokenCache cache,
        uint32_t* out,
        int64_t* out_offsets,
    ) noexcept nogil
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
    ) noexcept nogil
    cdef Py_ssize_t encode_all(
        self,
        const uint8_t* text,
        Py_ssize_t n_text,
        Py_ssize_t begin,
        Py_ssize_t end,
        Spans spans,
        PretokenCache cache,
        uint32_t* out,
    ) noexcept nogil
    cdef Py_ssize_t _encode_spans(
        self,
        const uint8_t* text,
        Py_ssize_t n_text,
        const int64_t* starts,
        const int64_t* ends,
        Py_ssize_t n,
        PretokenCache cache,
        uint32_t* out,
    ) noexcept nogil
    cdef Py_ssize_t _encode_miss(
        self,
        Key key,
        uint64_t hashed,
        const uint8_t* pretoken,
        Py_ssize_t length,
        PretokenCache cache,
        uint32_t* out,
    ) noexcept nogil
    cdef Py_ssize_t _encode_new(
        self,
        Key key,
        uint64_t hashed,
        const uint8_t* pretoken,
        Py_ssize_t length,
        PretokenCache cache,
        uint32_t* out,
    ) noexcept nogil
    cdef Py_ssize_t locate_spans(
        self,
        const uint8_t* text,
        Py_ssize_t n_text,
        const int64_t* starts,
        const int64_t* ends,
        Py_ssize_t n,
        PretokenCache cache,
        uint32_t* out,
        int64_t* places,
    ) noexcept nogil
    cdef Py_ssize_t locate_pretoken(
        self,
        const uint8_t* pretoken,
        Py_ssize_t length,
        const uint32_t* ids,
        Py_ssize_t n,
        int64_t start,
        int64_t* places,
        Interrupt interrupt,
    ) noexcept nogil
    cdef Py_ssize_t measure_pretoken(
        self,
        const uint8_t* pretoken,
        Py_ssize_t length,
        const uint32_t* ids,
        Py_ssize_t n,
        int64_t* lengths,
        Interrupt interrupt,
    ) noexcept nogil


cdef inline Py_ssize_t known_length(PretokenEncoder encoder, uint32_t i) noexcept nogil:
    """Return the number of bytes that an id stands for; 0 if it is not known."""
    return encoder.id_lengths[i] if i < <size_t>encoder.id_lengths.shape[0] else 0


cdef inline void write_places(
    int64_t* places, const int64_t* lengths, Py_ssize_t n, Py_ssize_t start
) noexcept nogil:
    """Write the first byte and one more than the last byte of each of n ids, which begin at `start`.

    `lengths` may be the second half of `places`: a length is read before it is overwritten.
    """
    cdef Py_ssize_t i
    for i in range(n):
        places[2 * i] = start
        start += lengths[i]
        places[2 * i + 1] = start
