"""The loop over pretokens that the encoders of all models share: spans, the cache in front, misses.

A few hundred spans at a time are asked for, and their pretokens looked up while text and spans are in the
nearest cache. In blocks of 32, first all keys are made and the entries they need asked for, then all are
looked at: so the waits for memory overlap.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._keys cimport Key, hash_key, make_key
from fasttok.core._lists cimport list_of_ids
from fasttok.models._cache cimport INLINE_IDS, CacheEntry, PretokenCache, cache_first, cache_prefetch
from fasttok.text._spans cimport Spans
from fasttok.text.unicode._utf8 cimport read_code_point

from fasttok.core.errors import UnknownCharacterError

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* length) except NULL

cdef enum:
    CHUNK = 512  # spans that are asked for at once
    BLOCK = 32
    FEW = 1024  # a text of so many bytes is encoded without asking for memory


ctypedef char Nowhere


cdef int raise_reason(
    Py_ssize_t reason, Interrupt interrupt, const uint8_t* text, const int64_t* offsets
) except -1:
    """Raise the error for what `encode_rows` returned."""
    cdef Py_ssize_t i = UNKNOWN - reason, row = 0, length
    if reason == OUT_OF_MEMORY:
        raise MemoryError("a pretoken is too long for the memory there is, or longer than 4 GiB")
    if reason == INTERRUPTED:
        return interrupt.raise_error()
    while offsets[row + 1] <= i:
        row += 1
    raise UnknownCharacterError(chr(read_code_point(text, i, offsets[row + 1], &length)), i - offsets[row], row)


cdef class PretokenEncoder:
    """What the encoder of a model derives from; it must have an `encode_pretoken` of its own."""

    cdef Py_ssize_t encode_pretoken(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        """Write the ids of a pretoken that the cache does not know; return how many, or why there are none.

        What takes longer than some milliseconds asks `interrupt` whether to go on.
        """
        return OUT_OF_MEMORY

    def encode(
        self,
        const uint8_t[::1] text,
        const int64_t[::1] offsets,
        Spans spans,
        PretokenCache cache,
        uint32_t[::1] out,
        int64_t[::1] out_offsets,
    ):
        """Write the ids of every row of text to `out` and where its ids end to `out_offsets`; return how many.

        `out` must have room for an id a byte and SPARE_IDS more.

        Raises
        ------
        UnknownCharacterError
            At a character that the model has no id for; the document is the row.
        """
        cdef Py_ssize_t n = 0, n_rows = offsets.shape[0] - 1
        out_offsets[0] = 0
        if text.shape[0] == 0:
            out_offsets[:] = 0
            return 0
        with nogil:
            n = self.encode_rows(
                &text[0], text.shape[0], &offsets[0], n_rows, spans, cache, &out[0], &out_offsets[0]
            )
        if n < 0:
            raise_reason(n, cache.interrupt, &text[0], &offsets[0])
        return n

    def set_lengths(self, const uint32_t[::1] lengths):
        """Take how many bytes of a pretoken each id stands for; to be called once, before others have the encoder.

        0 is for an id of which that is not known: by itself it stands for one character that is no piece, as
        does an id beyond the table.
        """
        self.id_lengths = lengths

    def encode_located(
        self,
        const uint8_t[::1] text,
        const int64_t[::1] offsets,
        Spans spans,
        PretokenCache cache,
        uint32_t[::1] out,
        int64_t[:, ::1] out_spans,
        int64_t[::1] out_offsets,
    ):
        """Write the ids that `encode` does, and which bytes of `text` each stands for; return how many ids.

        A row of `out_spans` has the first byte of an id and the one after its last. Both `out` and `out_spans`
        must have room for an id a byte and SPARE_IDS more. `set_lengths` must have been called.

        Raises
        ------
        UnknownCharacterError
            As in `encode`.
        """
        cdef Py_ssize_t row, n = 0, written = 0
        out_offsets[0] = 0
        if text.shape[0] == 0:
            out_offsets[:] = 0
            return 0
        with nogil:
            for row in range(offsets.shape[0] - 1):
                n = self.encode_row(
                    &text[0],
                    text.shape[0],
                    offsets[row],
                    offsets[row + 1],
                    spans,
                    cache,
                    &out[written],
                    &out_spans[written, 0],
                )
                if n < 0:
                    break
                written += n
                out_offsets[row + 1] = written
        if n < 0:
            raise_reason(n, cache.interrupt, &text[0], &offsets[0])
        return written

    def encode_to_list(self, text, Spans spans, PretokenCache cache, list integers not None):
        """The ids of one short text, a ``str`` or ``bytes``, as a list of items of `integers`.

        For the text that costs less to encode than any array costs to make. `spans` must need nothing but
        the text itself. A ``str`` that is ASCII is read where it stands.

        Raises
        ------
        UnicodeEncodeError
            If there is a lone surrogate.
        UnknownCharacterError
            As in `encode`.
        """
        cdef bytes encoded
        cdef const char* start
        cdef Py_ssize_t length, n
        cdef int64_t offsets[2]
        cdef int64_t out_offsets[2]
        cdef uint32_t few[FEW + INLINE_IDS]
        cdef uint32_t* ids = few
        if isinstance(text, str) and PyUnicode_IS_ASCII(text):
            start = PyUnicode_AsUTF8AndSize(text, &length)
        else:
            encoded = text.encode() if isinstance(text, str) else text
            start = encoded
            length = len(encoded)
        if length > FEW:
            ids = <uint32_t*>malloc((length + INLINE_IDS) * sizeof(uint32_t))
            if ids == NULL:
                raise MemoryError("no memory for the ids of a text")
        offsets[0] = 0
        offsets[1] = length
        try:
            n = self.encode_rows(<const uint8_t*>start, length, offsets, 1, spans, cache, ids, out_offsets)
            if n < 0:
                raise_reason(n, cache.interrupt, <const uint8_t*>start, offsets)
            return list_of_ids(ids, n, integers)
        finally:
            if ids != few:
                free(ids)

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
        """As `encode`; what `encode_pretoken` returned if it had no ids, the byte counted in `text`."""
        cdef Py_ssize_t row, n, written = 0
        for row in range(n_rows):
            n = self.encode_row(
                text, n_text, offsets[row], offsets[row + 1], spans, cache, out + written, NULL
            )
            if n < 0:
                return n
            written += n
            out_offsets[row + 1] = written
        return written

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
        """Write the ids of one row, and to `places`, if it is not NULL, their spans; return as `encode_rows`."""
        cdef int64_t starts[CHUNK]
        cdef int64_t ends[CHUNK]
        cdef Py_ssize_t position = begin, n, n_ids, written = 0
        while position < end:
            n = spans.next(text, begin, end, &position, starts, ends, CHUNK)
            if places == NULL:
                n_ids = self._encode_spans(text, n_text, starts, ends, n, cache, out + written)
            else:
                n_ids = self.locate_spans(
                    text, n_text, starts, ends, n, cache, out + written, places + 2 * written
                )
            if n_ids < 0:
                return n_ids
            written += n_ids
        return written

    cdef Py_ssize_t _encode_spans(
        self,
        const uint8_t* text,
        Py_ssize_t n_text,
        const int64_t* starts,
        const int64_t* ends,
        Py_ssize_t n,
        PretokenCache cache,
        uint32_t* out,
    ) noexcept nogil:
        return encode_spans[Nowhere](self, text, n_text, starts, ends, n, cache, out, NULL)

    cdef Py_ssize_t _encode_other(
        self,
        Key key,
        uint64_t hashed,
        const uint8_t* pretoken,
        Py_ssize_t length,
        PretokenCache cache,
        uint32_t* out,
    ) noexcept nogil:
        """What is not where it would stand first: look on, and if it is nowhere, encode it and remember it."""
        cdef Py_ssize_t n = cache.get(key, hashed, pretoken, length, out)
        if n == 0:
            n = self.encode_pretoken(pretoken, length, out, cache.interrupt)
            if n >= NOT_TO_KEEP:
                n -= NOT_TO_KEEP
                cache.n_not_kept += 1
            elif n > 0:
                cache.put(key, hashed, pretoken, length, out, n)
        return n

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
    ) noexcept nogil:
        """As `_encode_spans`, with the spans of the ids."""
        cdef int64_t bounds[CHUNK]
        cdef Py_ssize_t first = 0, size, i, k, n_ids, at, written = 0
        while first < n:
            size = min(<Py_ssize_t>CHUNK, n - first)
            n_ids = encode_spans[int64_t](
                self, text, n_text, starts + first, ends + first, size, cache, out + written, bounds
            )
            if n_ids < 0:
                return n_ids
            at = 0
            for i in range(size):
                k = bounds[i] - at
                if k == 1:
                    places[0] = starts[first + i]
                    places[1] = ends[first + i]
                else:
                    # Lengths are written where they do not stand in the way of the spans that they become.
                    n_ids = self.measure_pretoken(
                        text + starts[first + i],
                        ends[first + i] - starts[first + i],
                        out + written + at,
                        k,
                        places + k,
                        cache.interrupt,
                    )
                    if n_ids < 0:
                        return n_ids
                    write_places(places, places + k, k, starts[first + i])
                places += 2 * k
                at = bounds[i]
            written += at
            first += size
        return written

    cdef Py_ssize_t measure_pretoken(
        self,
        const uint8_t* pretoken,
        Py_ssize_t length,
        const uint32_t* ids,
        Py_ssize_t n,
        int64_t* lengths,
        Interrupt interrupt,
    ) noexcept nogil:
        """Write for how many bytes each of the ids of a pretoken is, which are not one; 0, or why that is not known.

        They come to its length. Of several ids for the same bytes all but the last have 0.
        """
        cdef Py_ssize_t i, size, at = 0
        for i in range(n):
            size = known_length(self, ids[i])
            if size == 0:
                read_code_point(pretoken, at, length, &size)
            lengths[i] = size
            at += size
        return 0


ctypedef fused Bound:  # so that the loop is compiled once with the bounds and once without
    int64_t
    Nowhere


cdef inline Py_ssize_t encode_spans(
    PretokenEncoder encoder,
    const uint8_t* text,
    Py_ssize_t n_text,
    const int64_t* starts,
    const int64_t* ends,
    Py_ssize_t n,
    PretokenCache cache,
    uint32_t* out,
    Bound* bounds,
) noexcept nogil:
    """Write the ids of pretokens, and to `bounds`, unless that is Nowhere, where those of each end."""
    cdef Key keys[BLOCK]
    cdef uint64_t hashes[BLOCK]
    cdef CacheEntry* entries
    cdef int shift
    cdef Py_ssize_t first = 0, i, size, n_ids
    cdef uint32_t* at = out
    while first < n:
        size = min(<Py_ssize_t>BLOCK, n - first)
        for i in range(size):
            keys[i] = make_key(text, starts[first + i], ends[first + i] - starts[first + i], n_text)
            hashes[i] = hash_key(keys[i])
            cache_prefetch(cache, hashes[i])
        entries = cache.entries
        shift = cache.shift
        for i in range(size):
            n_ids = cache_first(&entries[hashes[i] >> shift], &keys[i], at)
            if n_ids == 0:
                n_ids = encoder._encode_other(
                    keys[i], hashes[i], text + starts[first + i], ends[first + i] - starts[first + i], cache, at
                )
                if n_ids < 0:
                    return n_ids - starts[first + i] if n_ids <= UNKNOWN else n_ids
                entries = cache.entries  # the table may have grown
                shift = cache.shift
            at += n_ids
            if Bound is int64_t:
                bounds[first + i] = at - out
        first += size
    return at - out
