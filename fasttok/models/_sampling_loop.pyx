"""The loop over pretokens whose ids are drawn by chance: spans, no cache, and a generator for each pretoken.

What is drawn comes from SplitMix64 (Steele et al. 2014), begun anew for each pretoken with a hash of where it
stands.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fasttok.core._interrupt cimport Interrupt
from fasttok.models._cache cimport PretokenCache
from fasttok.models._encoder cimport OUT_OF_MEMORY, UNKNOWN, PretokenEncoder
from fasttok.text._spans cimport Spans

cdef enum:
    CHUNK = 512  # spans that are asked for at once


cdef class SamplingLoop(PretokenEncoder):
    """Encodes rows of text once; asks the cache for nothing but whether to go on.

    What derives from it must have an `sample_pretoken` of its own.

    Parameters
    ----------
    seed, epoch : int
        What the draws depend on besides,
    documents, starts : int64[k]
        of every row, the number of its document, and where in the document it begins, in bytes.
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
        """As `encode_pretoken`; the generator begins with `state`."""
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
