"""Encoder of raw words whose spaces become marks: words are looked up in the cache before they are rewritten.

The cache has the ids of raw words. Most raw words are short, and are merged at once when they are not in it. A long one
is encoded as a row of text, which is cut into parts that repeat; these are in the inner cache. The longest raw words
seldom come again, so they are cached only at their second occurrence.
"""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._keys cimport LONG, Key, load4
from fasttok.models._cache cimport PretokenCache
from fasttok.models._encoder cimport OUT_OF_MEMORY, PretokenEncoder
from fasttok.models._pieces cimport NOTHING
from fasttok.models.unigram._viterbi cimport fuse_unknown
from fasttok.text._spans cimport Spans
from fasttok.text.unicode._utf8 cimport read_code_point

cdef enum:
    WIDTH = 3  # bytes of U+2581 and of U+FFFD
    CACHED_LATER = 32  # a raw word of this many bytes or more is cached only at its second occurrence
    ON_STACK = 32  # bytes of the longest raw word that is rewritten on the stack
    LONGEST = 1 << 13  # bytes of the longest raw word that is cached

cdef const uint8_t* MARK = b"\xe2\x96\x81"  # U+2581
cdef const uint8_t* REPLACEMENT = b"\xef\xbf\xbd"  # U+FFFD


@cython.final
cdef class MarkedWordEncoder(PretokenEncoder):
    """Encoder that rewrites raw words and gives them to another encoder.

    Parameters
    ----------
    inner : PretokenEncoder
        Encoder of rewritten text, for which no character is an error.
    words : Spans
        Scanner of the words in a rewritten raw word.
    repairs : bool
        Whether bytes that are not UTF-8 become U+FFFD.
    fused_id : int
        Runs of this id become one, even across raw words; -1 for none.
    """

    cdef PretokenEncoder inner
    cdef Spans words
    cdef bint repairs
    cdef int64_t fused_id

    def __cinit__(self, PretokenEncoder inner not None, Spans words not None, bint repairs, int64_t fused_id):
        self.inner = inner
        self.words = words
        self.repairs = repairs
        self.fused_id = fused_id

    @property
    def ids_per_byte(self):
        """Largest number of ids per byte: a space, or a byte that is not UTF-8, becomes three bytes."""
        return WIDTH

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
        cdef Py_ssize_t n = self.encode_all(text, n_text, begin, end, spans, cache, out)
        if n > 0 and self.fused_id >= 0:
            n = fuse_unknown(out, n, self.fused_id, NULL)
        return n

    cdef Py_ssize_t _encode_new(
        self,
        Key key,
        uint64_t hashed,
        const uint8_t* pretoken,
        Py_ssize_t length,
        PretokenCache cache,
        uint32_t* out,
    ) noexcept nogil:
        cdef Py_ssize_t n
        if length < LONG:
            n = self._encode_short(pretoken, length, out, cache.interrupt)
        else:
            n = self._encode_long(pretoken, length, cache, out)
        if n > 0 and (length < CACHED_LATER or length <= LONGEST and cache.has_come(hashed)):
            cache.put(key, hashed, pretoken, length, out, n)
        return n

    cdef Py_ssize_t _encode_short(
        self, const uint8_t* raw, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        """Encode a raw word of less than LONG bytes, which usually has one word."""
        cdef uint8_t marked[WIDTH * LONG]
        cdef int64_t starts[WIDTH * LONG]
        cdef int64_t ends[WIDTH * LONG]
        cdef Py_ssize_t size = self._write_marked(raw, length, marked)
        cdef Py_ssize_t position = 0, i, n, written = 0
        cdef Py_ssize_t n_words = self.words.next(marked, 0, size, &position, starts, ends, WIDTH * LONG)
        for i in range(n_words):
            n = self._encode_word(marked + starts[i], ends[i] - starts[i], out + written, interrupt)
            if n < 0:
                return n
            written += n
        return written

    cdef Py_ssize_t _encode_word(
        self, const uint8_t* word, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        if self.inner.whole is not None:
            out[0] = self.inner.whole.find(word, length)
            if out[0] != <uint32_t>NOTHING:
                return 1
        return self.inner.encode_pretoken(word, length, out, interrupt)

    cdef Py_ssize_t _encode_long(
        self, const uint8_t* raw, Py_ssize_t length, PretokenCache cache, uint32_t* out
    ) noexcept nogil:
        """Encode a longer raw word, with the cache of its parts."""
        cdef uint8_t few[WIDTH * ON_STACK]
        cdef uint8_t* marked = few
        cdef Py_ssize_t n, size
        if cache.inner is None and not cache.add_inner():
            return OUT_OF_MEMORY
        if length > ON_STACK:
            marked = <uint8_t*>malloc(WIDTH * length)
            if marked == NULL:
                return OUT_OF_MEMORY
        size = self._write_marked(raw, length, marked)
        n = self.inner.encode_row(marked, size, 0, size, self.words, cache.inner, out, NULL)
        if marked != few:
            free(marked)
        return n

    cdef Py_ssize_t _write_marked(self, const uint8_t* raw, Py_ssize_t length, uint8_t* out) noexcept nogil:
        """Write a raw word with marks instead of spaces; return the number of bytes, up to three times as many."""
        cdef Py_ssize_t i = 0, n = 0, size = 1
        cdef uint32_t four
        while i < length:
            if raw[i] == 32:
                memcpy(out + n, MARK, WIDTH)
                n += WIDTH
                i += 1
                continue
            if raw[i] < 0x80 or not self.repairs:
                out[n] = raw[i]
                n += 1
                i += 1
                continue
            if i + 4 <= length:
                four = load4(raw + i)
                # Three bytes of a code point from U+1000 to U+CFFF, of which most are: they are UTF-8 whatever follows.
                if four & 0xC0C0F0 == 0x8080E0 and 0xE1 <= raw[i] <= 0xEC:
                    memcpy(out + n, raw + i, 4)
                    n += WIDTH
                    i += WIDTH
                    continue
            read_code_point(raw, i, length, &size)
            if size == 1:
                memcpy(out + n, REPLACEMENT, WIDTH)
                n += WIDTH
            else:
                memcpy(out + n, raw + i, size)
                n += size
            i += size
        return n
