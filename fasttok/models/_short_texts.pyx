"""`ShortTexts`: the fastest path from a short text to its ids, for pipelines that do not rewrite text.

A call costs as much as encoding some words. Therefore, a call makes one Python object, the result; everything else that
it needs is in an object that is made once.
"""

import numpy as np

cimport cython
from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy

from fasttok.core._lists cimport Integers, list_of_ids
from fasttok.models._cache cimport INLINE_IDS, PretokenCache
from fasttok.models._encoder cimport PretokenEncoder, raise_failure
from fasttok.text._added cimport Match, TokenSearch
from fasttok.text._spans cimport Spans
from fasttok.text.unicode._conversion cimport (
    PyUnicode_DATA,
    PyUnicode_KIND,
    to_utf8,
    utf8_space,
    utf8_way,
)

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)

cdef extern from *:
    """
    #define FT_FOUND_INDIRECT PY_SSIZE_T_MIN
    """
    const Py_ssize_t FOUND_INDIRECT "FT_FOUND_INDIRECT"  # negative reason of `encode_between`

cdef enum:
    FEW = 1024  # maximum length in bytes of a text that is encoded without allocating memory
    INDIRECT = -1  # result of `encode_raw` for a text that must be prepared first

cdef object empty = np.empty
cdef object uint32_type = np.dtype(np.uint32)


@cython.final
cdef class ShortTexts:
    """Encoder of short texts for one value of `special`. Safe to share between threads.

    All methods return None for a text that is not a ``str`` or ``bytes`` shorter than `most`, that contains a lone
    surrogate, or an added token that is not direct (see `TokenSearch`): the text must be prepared first. They raise
    `UnknownCharacterError` as `PretokenEncoder.encode` does.

    Parameters
    ----------
    encoder : PretokenEncoder
        Encoder of pretokens.
    spans : Spans
        Object that finds the pretokens from the text alone.
    search : TokenSearch or None
        Search for added tokens; None if there are none.
    integers : Integers
        The Python integers of all ids.
    caches : list of PretokenCache
        Idle caches of the model. Each call uses one of them.
    limit : int
        Size of a new cache, in bytes, if no cache is idle.
    most : int
        Length from which a text is not short.
    """

    cdef PretokenEncoder encoder
    cdef Spans spans
    cdef TokenSearch search
    cdef Integers integers
    cdef list caches
    cdef Py_ssize_t limit
    cdef Py_ssize_t most

    def __init__(
        self,
        PretokenEncoder encoder not None,
        Spans spans not None,
        TokenSearch search,
        Integers integers not None,
        list caches not None,
        Py_ssize_t limit,
        Py_ssize_t most,
    ):
        self.encoder = encoder
        self.spans = spans
        self.search = search
        self.integers = integers
        self.caches = caches
        self.limit = limit
        self.most = most

    def to_list(self, text):
        """Return the ids of a text as a list."""
        cdef uint32_t few[FEW + INLINE_IDS]
        cdef uint32_t* ids = few
        cdef Py_ssize_t n
        try:
            n = encode_short(self, text, &ids)
            return None if n == INDIRECT else list_of_ids(self.integers, ids, n)
        finally:
            if ids != few:
                free(ids)

    def to_array(self, text):
        """Return the ids of a text as uint32[n]."""
        cdef uint32_t few[FEW + INLINE_IDS]
        cdef uint32_t* ids = few
        cdef Py_ssize_t n
        try:
            n = encode_short(self, text, &ids)
            return None if n == INDIRECT else copied(ids, n)
        finally:
            if ids != few:
                free(ids)

    def count(self, text):
        """Return the number of ids of a text."""
        cdef uint32_t few[FEW + INLINE_IDS]
        cdef uint32_t* ids = few
        cdef Py_ssize_t n
        try:
            n = encode_short(self, text, &ids)
            return None if n == INDIRECT else n
        finally:
            if ids != few:
                free(ids)

    def to_rows(self, tuple texts not None):
        """Return the ids of texts, uint32[n], and their offsets, int64[k + 1]."""
        cdef uint32_t few[FEW + INLINE_IDS]
        cdef uint32_t* ids
        cdef uint32_t* values = NULL
        cdef uint32_t* larger
        cdef Py_ssize_t n, k = 0, written = 0, size = 0
        cdef PretokenCache cache = take_cache(self.caches, self.limit)
        offsets = np.zeros(len(texts) + 1, np.int64)
        cdef int64_t[::1] ends = offsets
        try:
            for text in texts:
                ids = few
                try:
                    n = encode_raw(self, text, cache, &ids)
                    if n == INDIRECT:
                        return None
                    if written + n > size:
                        size = 2 * (written + n) + FEW
                        larger = <uint32_t*>realloc(values, size * sizeof(uint32_t))
                        if larger == NULL:
                            raise MemoryError("not enough memory for the ids of texts")
                        values = larger
                    memcpy(values + written, ids, n * sizeof(uint32_t))
                finally:
                    if ids != few:
                        free(ids)
                written += n
                k += 1
                ends[k] = written
            return copied(values, written), offsets
        finally:
            self.caches.append(cache)
            free(values)


cdef inline PretokenCache take_cache(list caches, Py_ssize_t limit):
    """Take an idle cache for exclusive use, or make one; the caller appends it to `caches` again."""
    try:
        return caches.pop()
    except IndexError:
        return PretokenCache(limit)


cdef inline Py_ssize_t encode_short(ShortTexts texts, text, uint32_t** out) except -2:
    """Write the ids of a text with an idle cache; see `encode_raw`."""
    cdef PretokenCache cache = take_cache(texts.caches, texts.limit)
    try:
        return encode_raw(texts, text, cache, out)
    finally:
        texts.caches.append(cache)


cdef Py_ssize_t encode_raw(ShortTexts texts, text, PretokenCache cache, uint32_t** out) except -2:
    """Write the ids of a raw text, and return their number.

    `out` points to space for FEW + INLINE_IDS ids. For a longer text, it is replaced by memory that the caller frees.
    """
    cdef uint8_t few[4 * FEW + 64]
    cdef uint8_t* converted = few
    cdef const uint8_t* start
    cdef Py_ssize_t length, n
    cdef int64_t offsets[2]
    cdef int kind
    if type(text) is str:
        length = PyUnicode_GET_LENGTH(text)
        if length >= texts.most:
            return INDIRECT
        start = <const uint8_t*>PyUnicode_DATA(text)
        if not PyUnicode_IS_ASCII(text):
            kind = PyUnicode_KIND(text)
            if length > FEW:
                converted = <uint8_t*>malloc(utf8_space(kind, length))
                if converted == NULL:
                    raise MemoryError("not enough memory for the UTF-8 of a text")
            length = to_utf8(kind, start, 0, length, converted, utf8_way)
            start = converted
    elif type(text) is bytes:
        start = <const uint8_t*><const char*>(<bytes>text)
        length = len(<bytes>text)
        if length >= texts.most:
            return INDIRECT
    else:
        return INDIRECT
    try:
        if length < 0:  # a lone surrogate
            return INDIRECT
        if length > FEW:
            out[0] = <uint32_t*>malloc((length + INLINE_IDS) * sizeof(uint32_t))
            if out[0] == NULL:
                raise MemoryError("not enough memory for the ids of a text")
        # Releasing and taking the GIL costs as much as encoding some words, so short texts keep it. Rarely, the cache
        # grows meanwhile, which takes some milliseconds.
        if length <= FEW:
            n = encode_found(texts, start, length, cache, out[0])
        else:
            with nogil:
                n = encode_found(texts, start, length, cache, out[0])
        if n == FOUND_INDIRECT:
            return INDIRECT
        if n < 0:
            offsets[0] = 0
            offsets[1] = length
            raise_failure(n, cache.interrupt, start, offsets)
        return n
    finally:
        if converted != few:
            free(converted)


cdef inline Py_ssize_t encode_found(
    ShortTexts texts, const uint8_t* text, Py_ssize_t length, PretokenCache cache, uint32_t* out
) noexcept nogil:
    """Write the ids of a text; return their number, or a negative reason."""
    if texts.search is None:
        return texts.encoder.encode_row(text, length, 0, length, texts.spans, cache, out, NULL)
    return encode_between(
        texts.encoder,
        text,
        length,
        0,
        length,
        texts.spans,
        texts.search,
        texts.search.second is None,
        cache,
        out,
    )


cdef Py_ssize_t encode_between(
    PretokenEncoder encoder,
    const uint8_t* text,
    Py_ssize_t n_text,
    Py_ssize_t begin,
    Py_ssize_t end,
    Spans spans,
    TokenSearch search,
    bint is_last,
    PretokenCache cache,
    uint32_t* out,
) noexcept nogil:
    """Write the ids of a part of a text with added tokens in it; return their number, or a negative reason.

    The text between the tokens that the first finder finds is searched with the second one, unless `is_last`.
    """
    cdef Match match
    cdef Py_ssize_t n, written = 0
    cdef bint is_found
    match.stop = match.hidden_to = begin
    while True:
        if is_last and search.second is not None:
            is_found = search.second.find_next(text, end, &search.modes[0], &match)
        else:
            is_found = search.first.find_next(text, end, &search.modes[0], &match)
        if not is_found:
            match.start = end
        if is_last:
            n = encoder.encode_row(text, n_text, begin, match.start, spans, cache, out + written, NULL)
        else:
            n = encode_between(
                encoder, text, n_text, begin, match.start, spans, search, True, cache, out + written
            )
        if n < 0:
            return n
        written += n
        if not is_found:
            return written
        if not search.is_direct[match.token]:
            return FOUND_INDIRECT
        out[written] = search.ids[match.token]
        written += 1
        begin = match.stop


cdef object copied(const uint32_t* ids, Py_ssize_t n):
    """Return the ids in a new array, uint32[n]."""
    cdef Py_buffer view
    array = empty(n, uint32_type)
    PyObject_GetBuffer(array, &view, PyBUF_WRITABLE)
    if n:
        memcpy(view.buf, ids, n * sizeof(uint32_t))
    PyBuffer_Release(&view)
    return array
