"""The loop over pretokens that the encoders of all models share; see _encoder.pyx."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._keys cimport Key
from fasttok.models._cache cimport PretokenCache
from fasttok.text._spans cimport Spans

# What `encode_pretoken` returns where it has no ids to give.
cdef enum:
    OUT_OF_MEMORY = -1
    INTERRUPTED = -2
    UNKNOWN = -3  # less i, for a character at byte i that the model has no id for

# Added to the number of ids of a pretoken that it might not have elsewhere, so that the cache must not keep them.
cdef extern from *:
    """
    #define FT_NOT_TO_KEEP ((Py_ssize_t)1 << 48)
    """
    const Py_ssize_t NOT_TO_KEEP "FT_NOT_TO_KEEP"

cdef int raise_reason(
    Py_ssize_t reason, Interrupt interrupt, const uint8_t* text, const int64_t* offsets
) except -1


cdef class PretokenEncoder:
    cdef const uint32_t[::1] id_lengths  # see `set_lengths`

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
    cdef Py_ssize_t _encode_other(
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
    """For how many bytes an id is; 0 if it does not say."""
    return encoder.id_lengths[i] if i < <size_t>encoder.id_lengths.shape[0] else 0


cdef inline void write_places(
    int64_t* places, const int64_t* lengths, Py_ssize_t n, Py_ssize_t start
) noexcept nogil:
    """Write where n ids begin and end, the first at `start`; `lengths` may be in `places` from the nth number on."""
    cdef Py_ssize_t i
    for i in range(n):
        places[2 * i] = start
        start += lengths[i]
        places[2 * i + 1] = start
