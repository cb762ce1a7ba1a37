"""`RawWordScanner`: spans of the raw words of a text, which can be rewritten and split on their own; see _raw_words.h."""

import numpy as np

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t

from fasttok.text._spans cimport Spans
from fasttok.text.normalizers._code_points cimport SPACED, WORK, CodePoints, Sequence, class_of
from fasttok.text.pretokenizers._scan cimport PUNCTUATION, SPACE
from fasttok.text.unicode._utf8 cimport read_code_point

cdef enum:
    CHUNK = 512  # raw words that are searched for at once

N_PATHS = best_path() + 1  # paths that this processor has; the later, the faster


@cython.final
cdef class RawWordScanner(Spans):
    """Spans of the raw words of a text. All threads can share it.

    ``kinds`` (uint8[0x110000]) is the kind of each code point: IN_WORD, SPACES or ALONE. ``path`` chooses the
    instructions: 0 (any processor), 1 (AVX2) or 2 (AVX-512); by default, the best that the processor has.
    """

    def __cinit__(self, const uint8_t[::1] kinds not None, path=None):
        self.kinds = kinds
        self.path = best_path() if path is None else path
        prepare_tables(&self.tables, &kinds[0])

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
        cdef uint32_t first[CHUNK + RAW_SPARE]
        cdef uint32_t after[CHUNK + RAW_SPARE]
        cdef Py_ssize_t base, found, i, k = 0
        while k < n and position[0] < end:
            base = position[0]
            found = find_raw_words(&self.tables, self.path, text, end, position, first, after, CHUNK)
            if found == 0 and position[0] == base:  # more than 4 GiB, which no encoder accepts
                position[0] = end
                starts[k] = base
                ends[k] = end
                return k + 1
            if found > n - k:
                found = n - k
                position[0] = base + first[found]
            for i in range(found):
                starts[k + i] = base + first[i]
                ends[k + i] = base + after[i]
            k += found
        return k


def find_kinds(CodePoints table not None, const uint8_t[::1] classes not None, bint split_punctuation):
    """Return the kind of each code point, uint8[0x110000]: what the words of the rewritten text make of it.

    A code point is SPACES if it becomes white space only. It is ALONE if its replacement begins and ends with white
    space or with punctuation that is a word: then the text before and the text after it can be rewritten and split
    on their own. All others are IN_WORD. `classes` and `split_punctuation` are those of the scanner of words.

    Return None if the table composes, since then what is written for a code point may depend on the next one, or if a
    replacement has more code points in words than its code point has bytes, since there is space for one id per byte.
    """
    cdef uint32_t c, entry
    cdef Py_ssize_t i, n, length, n_bytes
    cdef Sequence sequence
    cdef uint8_t first, last, common, cuts = SPACE | PUNCTUATION if split_punctuation else SPACE
    cdef uint8_t[::1] kinds = np.zeros(0x110000, np.uint8)
    if table.composes:
        return None
    for c in range(0x110000):
        entry = table.table[c]
        if 0xD800 <= c <= 0xDFFF:
            continue  # a byte that is not UTF-8
        if entry & 0xFFFF == 0:
            kinds[c] = SPACES if classes[c] & SPACE else ALONE if classes[c] & cuts else IN_WORD
        elif entry & 0xFFFF == SPACED:
            kinds[c] = ALONE
        elif class_of(entry) == WORK:
            sequence = table._sequence(entry)
            if sequence.length == 0:
                continue  # dropped
            i = n = 0
            common = 0xFF
            while i < sequence.length:
                last = classes[read_code_point(sequence.text, i, sequence.length, &length)]
                first = last if i == 0 else first
                common &= last
                n += not last & SPACE
                i += length
            n_bytes = 1 if c < 0x80 else 2 if c < 0x800 else 3 if c < 0x10000 else 4
            if n > n_bytes:
                return None
            if sequence.first == 0:  # otherwise, marks before it may change places with it
                kinds[c] = SPACES if common & SPACE else ALONE if first & cuts and last & cuts else IN_WORD
    return kinds.base
