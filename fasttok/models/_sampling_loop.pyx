"""The loop over pretokens for sampling encoders, which do not use the cache.

Random numbers come from SplitMix64 (Steele et al. 2014). The generator is seeded again for each pretoken, with
a hash of the pretoken's position.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fasttok.core._interrupt cimport Interrupt
from fasttok.models._cache cimport PretokenCache
from fasttok.models._encoder cimport OUT_OF_MEMORY, UNKNOWN, PretokenEncoder
from fasttok.text._spans cimport Spans

cdef enum:
    CHUNK = 512  # spans per request


cdef class SamplingLoop(PretokenEncoder):
    """Base class of sampling encoders; derived classes define `sample_pretoken`.

    An encoder is made for one set of rows and encodes them once. Of the cache, it uses only the interrupt.

    Parameters
    ----------
    seed, epoch : int
        Seed of the random numbers and number of the epoch.
    documents, starts : int64[k]
        For each row, the number of its document and its byte offset in the document.
    """

    def __cinit__(
        self, uint64_t seed, uint64_t epoch, const int64_t[::1] documents, const int64_t[::1] starts, *_
    ):
        self.key = hash_number(hash_number(seed) ^ epoch)
        self.documents = documents
        self.starts = starts

    cdef Py_ssize_t sample_pretoken(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, uint64_t state, Interrupt interrupt
    ) noexcept nogil:
        """Encode a pretoken as `encode_pretoken` does, with random numbers from the given state."""
        return OUT_OF_MEMORY

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
    ) noexcept nogil:
        cdef int64_t begins[CHUNK]
        cdef int64_t ends[CHUNK]
        cdef Py_ssize_t row, position, n, i, n_ids, written = 0
        cdef int64_t start
        cdef uint64_t key
        for row in range(n_rows):
            key = hash_number(self.key ^ <uint64_t>self.documents[row])
            start = self.starts[row] - offsets[row]
            position = offsets[row]
            while position < offsets[row + 1]:
                n = spans.next(text, offsets[row], offsets[row + 1], &position, begins, ends, CHUNK)
                for i in range(n):
                    n_ids = self.sample_pretoken(
                        text + begins[i],
                        ends[i] - begins[i],
                        out + written,
                        hash_number(key ^ <uint64_t>(begins[i] + start)),
                        cache.interrupt,
                    )
                    if n_ids < 0:
                        return n_ids - begins[i] if n_ids <= UNKNOWN else n_ids
                    written += n_ids
            out_offsets[row + 1] = written
        return written
