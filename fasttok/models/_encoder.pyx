"""The loop over pretokens that the encoders of all models share: get spans, look up the cache, encode misses.

Spans are requested a few hundred at a time, so that text and spans stay in the L1 cache. Pretokens are looked up
in blocks of 64: first their keys are computed and the table entries prefetched, then the entries are read. The
memory latencies of a block therefore overlap.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._keys cimport Key, hash_key, make_key
from fasttok.models._cache cimport (
    BLOCK,
    BeginBlock,
    Block,
    CacheEntry,
    PretokenCache,
    begin_block,
    block_key,
    cache_first,
    cache_prefetch,
    has_key,
    look_up,
)
from fasttok.models._pieces cimport NOTHING, PieceTable
from fasttok.text._spans cimport TOO_LONG, Spans
from fasttok.text.unicode._utf8 cimport read_code_point

from fasttok.core.errors import UnknownCharacterError

cdef enum:
    CHUNK = 512  # spans per request


ctypedef char NoBounds  # type of `bounds` in `encode_spans` if no bounds are written


cdef int raise_failure(
    Py_ssize_t reason, Interrupt interrupt, const uint8_t* text, const int64_t* offsets
) except -1:
    """Raise the error for a negative result of `encode_rows`."""
    cdef Py_ssize_t i = UNKNOWN - reason, row = 0, length
    if reason == OUT_OF_MEMORY:
        raise MemoryError("cannot encode a pretoken: it is longer than 4 GiB or too long for the free memory")
    if reason == INTERRUPTED:
        return interrupt.raise_error()
    while offsets[row + 1] <= i:
        row += 1
    raise UnknownCharacterError(chr(read_code_point(text, i, offsets[row + 1], &length)), i - offsets[row], row)


cdef class PretokenEncoder:
    """Base class of the encoders of all models; derived classes define `encode_pretoken`."""

    cdef Py_ssize_t encode_pretoken(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        """Write the ids of a pretoken that is not a piece of `whole`; return their number, or a negative reason.

        Loops that may run for more than some milliseconds call ``interrupt.check()``.
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
        """Write the ids of all rows of text to `out` and their offsets to `out_offsets`; return the number of ids.

        Parameters
        ----------
        text : uint8[n], offsets : int64[r + 1]
            Rows of text.
        spans : Spans
            Object that finds the pretokens.
        cache : PretokenCache
            Cache of this model.
        out : uint32[n * ids_per_byte + SPARE_IDS]
            Array for the ids.
        out_offsets : int64[r + 1]
            Array for the offsets of the ids of each row.

        Raises
        ------
        UnknownCharacterError
            If the model has no id for a character. Its `document` is the number of the row.
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
            raise_failure(n, cache.interrupt, &text[0], &offsets[0])
        return n

    def set_lengths(self, const uint32_t[::1] lengths):
        """Set the number of bytes that each id stands for; called once, before the encoder is shared.

        ``lengths`` (uint32[k]) has the numbers of the ids 0 to k - 1; 0 means that the number is not known. Such an id,
        or an id from k on, stands for one unknown character.
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
        """Write the ids and their spans in `text`; return the number of ids.

        `out_spans` is int64[n + SPARE_IDS, 2]; a row has the first byte of an id and one more than its last byte.
        The other parameters are those of `encode`. `set_lengths` must have been called.

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
            raise_failure(n, cache.interrupt, &text[0], &offsets[0])
        return written

    @property
    def ids_per_byte(self):
        """Largest number of ids per byte of text."""
        return 1

    def new_cache(self, Py_ssize_t limit):
        """Return a cache that takes at most `limit` bytes, with the pieces of `whole` if they fit."""
        cdef PretokenCache cache = PretokenCache(limit)
        if self.whole is not None and cache.has_space(self.whole):
            with nogil:
                cache.seed(self.whole)
        return cache

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
        """Encode rows as `encode` does; return the number of ids, or a negative reason with a byte offset in `text`."""
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
        """Write the ids of one row, and their spans to `places` unless it is NULL.

        Return the number of ids, or a negative reason with a byte offset in `text`.
        """
        cdef int64_t starts[CHUNK]
        cdef int64_t ends[CHUNK]
        cdef Py_ssize_t position = begin, n, n_ids, written = 0
        if spans.has_ends and places == NULL:
            return self.encode_all(text, n_text, begin, end, spans, cache, out)
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

    cdef Py_ssize_t encode_all(
        self,
        const uint8_t* text,
        Py_ssize_t n_text,
        Py_ssize_t begin,
        Py_ssize_t end,
        Spans spans,
        PretokenCache cache,
        uint32_t* out,
    ) noexcept nogil:
        """Encode a row as `encode_row` does, for spans that have ends and are nowhere dropped."""
        cdef uint32_t bounds[CHUNK + 1]  # each pretoken ends at a bound and begins at the one before
        cdef Py_ssize_t position = begin, first, n, n_ids
        cdef uint32_t* at = out
        bounds[0] = 0
        while position < end:
            first = position
            n = spans.next_ends(text, begin, end, &position, bounds + 1, CHUNK)
            if n == TOO_LONG:
                return OUT_OF_MEMORY
            n_ids = encode_blocks(
                self, begin_block, text + first, n_text - first, bounds, bounds + 1, n, cache, at
            )
            if n_ids < 0:
                return n_ids - first if n_ids <= UNKNOWN else n_ids
            at += n_ids
        return at - out

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
        return encode_spans[NoBounds](self, text, n_text, starts, ends, n, cache, out, NULL)

    cdef Py_ssize_t _encode_miss(
        self,
        Key key,
        uint64_t hashed,
        const uint8_t* pretoken,
        Py_ssize_t length,
        PretokenCache cache,
        uint32_t* out,
    ) noexcept nogil:
        """Handle a pretoken that is not in its first cache entry: search the others, else encode and cache it."""
        cdef Py_ssize_t n = cache.get(key, hashed, pretoken, length, out)
        return n if n else self._encode_new(key, hashed, pretoken, length, cache, out)

    cdef Py_ssize_t _encode_new(
        self,
        Key key,
        uint64_t hashed,
        const uint8_t* pretoken,
        Py_ssize_t length,
        PretokenCache cache,
        uint32_t* out,
    ) noexcept nogil:
        """Encode a pretoken that is not in the cache, and cache it."""
        cdef Py_ssize_t n
        cdef bint may_be_whole = self.whole is not None and not cache.is_seeded
        out[0] = self.whole.find_hashed(hashed, pretoken, length) if may_be_whole else <uint32_t>NOTHING
        if out[0] != <uint32_t>NOTHING:
            n = 1
        else:
            n = self.encode_pretoken(pretoken, length, out, cache.interrupt)
        if n >= DO_NOT_CACHE:
            n -= DO_NOT_CACHE
            cache.n_not_cached += 1
        elif n > 0:
            cache.put(key, hashed, pretoken, length, out, n)
            if may_be_whole and cache.can_seed(self.whole):
                cache.seed(self.whole)
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
        """Encode spans as `_encode_spans` does, and write the spans of the ids to `places`."""
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
                if k == 1 and not self.locates_single:
                    places[0] = starts[first + i]
                    places[1] = ends[first + i]
                else:
                    n_ids = self.locate_pretoken(
                        text + starts[first + i],
                        ends[first + i] - starts[first + i],
                        out + written + at,
                        k,
                        starts[first + i],
                        places,
                        cache.interrupt,
                    )
                    if n_ids < 0:
                        return n_ids
                places += 2 * k
                at = bounds[i]
            written += at
            first += size
        return written

    cdef Py_ssize_t locate_pretoken(
        self,
        const uint8_t* pretoken,
        Py_ssize_t length,
        const uint32_t* ids,
        Py_ssize_t n,
        int64_t start,
        int64_t* places,
        Interrupt interrupt,
    ) noexcept nogil:
        """Write the spans of the n ids of a pretoken that begins at `start`; return 0 or a negative reason.

        A single id has the whole pretoken, and this method is not called for it, unless `locates_single` is set.
        """
        # The lengths go to the second half of the space: no span overwrites a length that is not read yet.
        cdef Py_ssize_t reason = self.measure_pretoken(pretoken, length, ids, n, places + n, interrupt)
        if reason >= 0:
            write_places(places, places + n, n, start)
        return reason

    cdef Py_ssize_t measure_pretoken(
        self,
        const uint8_t* pretoken,
        Py_ssize_t length,
        const uint32_t* ids,
        Py_ssize_t n,
        int64_t* lengths,
        Interrupt interrupt,
    ) noexcept nogil:
        """Write the number of bytes of each of the n ids of a pretoken; return 0 or a negative reason.

        The numbers add up to the length of the pretoken, unless a model drops unknown characters. If several ids
        stand for the same bytes, all but the last have 0.
        """
        cdef Py_ssize_t i, size, at = 0
        for i in range(n):
            size = known_length(self, ids[i])
            if size == 0:
                read_code_point(pretoken, at, length, &size)
            lengths[i] = size
            at += size
        return 0


cdef void fetch_pieces(PieceTable pieces, const Block* block, Py_ssize_t i, Py_ssize_t n) noexcept nogil:
    """Fetch what `find_hashed` will read for those of pretokens i to n - 1 whose first cache entry has another key."""
    cdef uint64_t missing[BLOCK]
    cdef Py_ssize_t n_missing = 0
    cdef int step
    for i in range(i, n):
        if not has_key(block.entries[i], block_key(block, i)):
            missing[n_missing] = hash_key(block_key(block, i))
            n_missing += 1
    for step in range(3):
        for i in range(n_missing):
            pieces.fetch(missing[i], step)


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
) noexcept nogil:
    """Write the ids of n pretokens between `starts` and `ends` in `text`; `begin` makes their keys."""
    cdef Block block
    cdef Key key
    cdef Py_ssize_t i, size, n_ids
    cdef bint is_fetched  # whether the pieces of this block are fetched
    cdef uint32_t* at = out
    cdef int shift
    while n:
        size = min(<Py_ssize_t>BLOCK, n)
        shift = cache.shift
        begin(&block, text, n_text, starts, ends, 0, size, cache.entries, shift)
        i = 0
        is_fetched = False
        while True:
            i = look_up(&block, text, starts, ends, i, size, cache.entries, shift, cache.arena, &at)
            if i == size:
                break
            if not is_fetched and encoder.whole is not None and not cache.is_seeded:
                fetch_pieces(encoder.whole, &block, i, size)
                is_fetched = True
            key = block_key(&block, i)
            n_ids = encoder._encode_new(key, hash_key(key), text + starts[i], ends[i] - starts[i], cache, at)
            if n_ids < 0:
                return n_ids - starts[i] if n_ids <= UNKNOWN else n_ids
            at += n_ids
            i += 1
            if cache.shift != shift:  # the table has grown
                shift = cache.shift
                begin(&block, text, n_text, starts, ends, i, size, cache.entries, shift)
        starts += size
        ends += size
        n -= size
    return at - out


ctypedef fused Bound:  # compiles the loop twice: with bounds and without
    int64_t
    NoBounds


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
    """Write the ids of pretokens, and the end of each pretoken's ids to `bounds` unless its type is NoBounds."""
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
            n_ids = cache_first(&entries[hashes[i] >> shift], keys[i], at)
            if n_ids == 0:
                n_ids = encoder._encode_miss(
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
