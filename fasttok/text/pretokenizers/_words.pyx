"""Scanners of words separated by white space, which they drop; and the search for white space around a text.

The scanners follow the regular expressions in `scanners.py`. For blocks of 64 bytes, `_blocks.h` finds all ASCII words
at once.
"""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint64_t

from fasttok.core._keys cimport ctz
from fasttok.text.pretokenizers._scan cimport CLASS, PUNCTUATION, SPACE, classify, classify_before
from fasttok.text._spans cimport Spans

cdef extern from "_blocks.h" nogil:
    enum:
        FT_BLOCK
    uint64_t words "ft_words"(const uint8_t* p, bint split_punctuation, uint64_t* last)


cdef inline Py_ssize_t end_of_word(
    const uint8_t* classes, const uint8_t* text, Py_ssize_t i, Py_ssize_t end, uint8_t single
) noexcept nogil:
    """Return the end of the word that starts at `i`. A code point of a class in `single` is a word."""
    cdef Py_ssize_t length
    cdef bint is_alone = classify(classes, text, i, end, &length) & single
    i += length
    while not is_alone and i < end and not classify(classes, text, i, end, &length) & (SPACE | single):
        i += length
    return i


@cython.final
cdef class WordScanner(Spans):
    r"""Spans of matches of \S+ or, with `split_punctuation`, of words of BERT. All threads can share it.

    `table` is the one of `Scanner`.
    """

    cdef uint8_t single
    cdef const uint8_t[::1] table
    cdef const uint8_t* classes

    def __cinit__(self, bint split_punctuation, const uint8_t[::1] table = None):
        self.single = PUNCTUATION if split_punctuation else 0
        self.table = table
        self.classes = CLASS if table is None else &table[0]

    cdef Py_ssize_t next(
        self,
        const uint8_t* text,
        Py_ssize_t begin,
        Py_ssize_t end,
        Py_ssize_t* position,
        int64_t* starts,
        int64_t* ends,
        Py_ssize_t n,
    ) noexcept nogil:
        # A block without words usually contains text that is not ASCII, so half of it is read by code points.
        cdef Py_ssize_t i = position[0], scalar_to = 0, k = 0, length
        cdef uint64_t first, last
        cdef const uint8_t* classes = self.classes
        while k < n:
            if i >= scalar_to and i + FT_BLOCK <= end:
                first = words(text + i, self.single != 0, &last)
                if last:
                    while last and k < n:
                        starts[k] = i + ctz(first)
                        ends[k] = i + ctz(last) + 1
                        first &= first - 1
                        last &= last - 1
                        k += 1
                    i = ends[k - 1]
                    continue
                scalar_to = i + FT_BLOCK // 2
            while i < end and classify(classes, text, i, end, &length) & SPACE:
                i += length
            if i >= end:
                break
            starts[k] = i
            i = end_of_word(classes, text, i, end, self.single)
            ends[k] = i
            k += 1
        position[0] = i
        return k


def strip(
    const uint8_t[::1] text,
    const int64_t[::1] offsets,
    const uint8_t[::1] left,
    const uint8_t[::1] right,
    int64_t[:, ::1] kept,
):
    """Write the span of each row without its outer white space to `kept`.

    `text` is uint8[n], `offsets` int64[k + 1], `kept` int64[k, 2]. `left` and `right`, uint8[k], tell for each row
    whether to remove the white space at its beginning and at its end.
    """
    cdef Py_ssize_t row, start, end, length = 0, before = 0
    with nogil:
        for row in range(offsets.shape[0] - 1):
            start = offsets[row]
            end = offsets[row + 1]
            while left[row] and start < end and classify(CLASS, &text[0], start, end, &length) & SPACE:
                start += length
            while right[row] and start < end and classify_before(CLASS, &text[0], start, end, &before) & SPACE:
                end = before
            kept[row, 0] = start
            kept[row, 1] = end
