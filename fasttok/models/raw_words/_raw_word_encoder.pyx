"""Encoder of raw words: words are looked up in the cache before they are rewritten.

The cache has the ids of raw words, so only a raw word that is not in the cache is rewritten, split into words and
segmented. Where the normalizer lower-cases ASCII letters, the keys of the cache are in lower case: "The" and "the"
share an entry.
"""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t

from fasttok.core._interrupt cimport Interrupt
from fasttok.models._cache cimport BeginBlock, PretokenCache
from fasttok.models._encoder cimport INTERRUPTED, OUT_OF_MEMORY, PretokenEncoder, encode_blocks
from fasttok.text._spans cimport Spans
from fasttok.text.normalizers._code_points cimport CodePoints
from fasttok.text.words._raw_words cimport RAW_SPARE, RawWordScanner, find_raw_words

import numpy as np

cdef extern from "_raw_lookup.h" nogil:
    const BeginBlock begin_raw_block "ft_begin_raw_block"
    const BeginBlock begin_folded_block "ft_begin_folded_block"

cdef enum:
    CHUNK = 512  # raw words that are searched for at once
    SHORT = 1024  # bytes of a rewritten raw word that fit on the stack
    WORDS = 64  # words that are searched for at once


@cython.final
cdef class RawWordEncoder(PretokenEncoder):
    """Encoder that rewrites raw words and splits them, and gives the words to another encoder.

    Parameters
    ----------
    inner : PretokenEncoder
        Encoder of words, for which no word is an error.
    scanner : RawWordScanner
        Search for raw words.
    code_points : CodePoints
        Table that rewrites them. No code point has more ids than bytes.
    words : Spans
        Scanner of the words in a rewritten raw word.
    """

    cdef PretokenEncoder inner
    cdef RawWordScanner scanner
    cdef CodePoints code_points
    cdef Spans words

    def __cinit__(
        self,
        PretokenEncoder inner not None,
        RawWordScanner scanner not None,
        CodePoints code_points not None,
        Spans words not None,
    ):
        self.inner = inner
        self.scanner = scanner
        self.code_points = code_points
        self.words = words

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
        cdef uint32_t starts[CHUNK + RAW_SPARE]
        cdef uint32_t ends[CHUNK + RAW_SPARE]
        cdef bint folds = self.code_points.is_lower and self.code_points.is_fast
        cdef BeginBlock begin_block = begin_folded_block if folds else begin_raw_block
        cdef Py_ssize_t position = begin, base, n, n_ids, written = 0
        while position < end:
            base = position
            n = find_raw_words(
                &self.scanner.tables, self.scanner.path, text, end, &position, starts, ends, CHUNK
            )
            if n == 0 and position == base:
                return OUT_OF_MEMORY  # more than 4 GiB
            n_ids = encode_blocks(
                self, begin_block, text + base, n_text - base, starts, ends, n, cache, out + written
            )
            if n_ids < 0:
                return n_ids
            written += n_ids
        return written

    cdef Py_ssize_t encode_pretoken(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        cdef uint8_t rewritten[SHORT]
        cdef Py_ssize_t n = self.code_points.rewrite_word(pretoken, length, rewritten, SHORT)
        if n >= 0:
            return self._encode_words(rewritten, n, out, interrupt)
        with gil:
            return self._encode_long(pretoken, length, out, interrupt)

    cdef Py_ssize_t _encode_words(
        self, const uint8_t* text, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        """Encode the words of a rewritten raw word."""
        cdef int64_t starts[WORDS]
        cdef int64_t ends[WORDS]
        cdef Py_ssize_t position = 0, found, i, n, written = 0
        while position < length:
            found = self.words.next(text, 0, length, &position, starts, ends, WORDS)
            for i in range(found):
                n = self.inner.encode_pretoken(
                    text + starts[i], ends[i] - starts[i], out + written, interrupt
                )
                if n < 0:
                    return n
                written += n
        return written

    cdef Py_ssize_t _encode_long(
        self, const uint8_t* raw, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept:
        """Encode a raw word that is long, or whose marks are not in order."""
        cdef const uint8_t[::1] text
        cdef Py_ssize_t n = 0
        try:
            text, _, _ = self.code_points.rewrite(
                <const uint8_t[:length]>raw, np.array([0, length], np.int64), False
            )
            if text.shape[0]:
                with nogil:
                    n = self._encode_words(&text[0], text.shape[0], out, interrupt)
            return n
        except MemoryError:
            return OUT_OF_MEMORY
        except BaseException as error:
            interrupt.error = error
            return INTERRUPTED
