"""Hand-written scanners of well-known split patterns, over UTF-8.

A scanner finds the end of the pretoken that starts at a given position. Each function below follows the regular
expression that it replaces (`scanners.py`), alternative by alternative. The classes of code points come from one
table. Runs of ASCII letters are skipped eight bytes at a time. For blocks of 64 bytes, `_block_scan.h` finds all
pretokens at once, and the functions here handle the remaining text.
"""

import os

import numpy as np

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fasttok.core._keys cimport ctz, load8
from fasttok.text.unicode import _classes
from fasttok.text._spans cimport MOST_AHEAD, TOO_LONG, Spans

cdef extern from "_block_scan.h" nogil:
    enum:
        FT_BLOCK
    int fastest_way "ft_fastest_way"()
    long scan_blocks "ft_scan_blocks"(
        int way,
        int pattern,
        const uint8_t* text,
        const uint8_t* classes,
        size_t base,
        size_t* position,
        size_t end,
        uint32_t* out,
        long capacity,
    )

cdef enum:
    CHUNK = 512  # spans that are requested at once

cdef enum Pattern:  # _block_scan.h supports the patterns up to O200K
    GPT2
    CL100K
    LLAMA3
    QWEN2
    O200K
    WHITESPACE
    PUNCTUATION_ALONE
    DIGITS_SINGLE
    DIGITS_THREES_LEFT
    DIGITS_THREES_RIGHT
    NONE

PATTERNS = {
    "gpt2": GPT2,
    "cl100k": CL100K,
    "llama3": LLAMA3,
    "qwen2": QWEN2,
    "o200k": O200K,
    "whitespace": WHITESPACE,
    "punctuation": PUNCTUATION_ALONE,
    "digits_single": DIGITS_SINGLE,
    "digits_threes_left": DIGITS_THREES_LEFT,
    "digits_threes_right": DIGITS_THREES_RIGHT,
    "none": NONE,
}

# The class of every code point. An invalid byte 0xNN is read as U+DCNN, which has the class 0.
_class_of = np.repeat(
    np.array(_classes.CLASSES, np.uint8), np.diff(np.array([*_classes.STARTS, 0x110000], np.int64))
)
cdef const uint8_t[::1] _class_view = _class_of
CLASS = &_class_view[0]


cdef inline Py_ssize_t ascii_letters(const uint8_t* text, Py_ssize_t i, Py_ssize_t end) noexcept nogil:
    """Return the end of the run of ASCII letters at `i`."""
    cdef uint64_t word, folded, letters
    while i + 8 <= end:
        word = load8(text + i)
        # Set bit 7 of every byte that is an ASCII letter: 'a' <= byte | 0x20 <= 'z' and byte < 0x80.
        folded = (word | 0x2020202020202020ULL) & 0x7F7F7F7F7F7F7F7FULL
        letters = (
            (folded + 0x1F1F1F1F1F1F1F1FULL) & ~(folded + 0x0505050505050505ULL) & ~word & 0x8080808080808080ULL
        )
        if letters != 0x8080808080808080ULL:
            return i + (ctz(letters ^ 0x8080808080808080ULL) >> 3)
        i += 8
    while i < end and 97 <= (text[i] | 0x20) <= 122:
        i += 1
    return i


cdef inline Py_ssize_t skip_letters(const uint8_t* classes, const uint8_t* text, Py_ssize_t i, Py_ssize_t end) noexcept nogil:
    r"""Match \p{L}* at `i`; return its end."""
    cdef Py_ssize_t length
    while True:
        i = ascii_letters(text, i, end)
        if i >= end or text[i] < 0x80:
            return i
        if not classify(classes, text, i, end, &length) & LETTER:
            return i
        i += length


cdef inline Py_ssize_t skip_numbers(const uint8_t* classes, const uint8_t* text, Py_ssize_t i, Py_ssize_t end) noexcept nogil:
    r"""Match \p{N}* at `i`; return its end."""
    cdef Py_ssize_t length
    while i < end and classify(classes, text, i, end, &length) & NUMBER:
        i += length
    return i


cdef inline Py_ssize_t skip_other(const uint8_t* classes, const uint8_t* text, Py_ssize_t i, Py_ssize_t end) noexcept nogil:
    r"""Match [^\s\p{L}\p{N}]* at `i`; return its end."""
    cdef Py_ssize_t length
    while i < end and not classify(classes, text, i, end, &length) & (LETTER | NUMBER | SPACE):
        i += length
    return i


cdef struct Run:  # of white space
    Py_ssize_t end
    Py_ssize_t last  # start of its last code point
    Py_ssize_t newline  # position after its last \r or \n; 0 if there is none


cdef inline Run skip_spaces(const uint8_t* classes, const uint8_t* text, Py_ssize_t i, Py_ssize_t end) noexcept nogil:
    r"""Match \s* at `i`; return the properties that the alternatives for white space need."""
    cdef Run run
    cdef Py_ssize_t length
    run.last = i
    run.newline = 0
    while i < end and classify(classes, text, i, end, &length) & SPACE:
        run.last = i
        i += length
        if text[run.last] == 10 or text[run.last] == 13:
            run.newline = i
    run.end = i
    return run


cdef inline Py_ssize_t end_of_spaces(Run run, Py_ssize_t start, Py_ssize_t end) noexcept nogil:
    r"""Match \s+(?!\S)|\s+ in a run: all but its last code point, unless it ends the text or has only one."""
    if run.end == end or run.last == start:
        return run.end
    return run.last


cdef inline Py_ssize_t next_gpt2(const uint8_t* classes, const uint8_t* text, Py_ssize_t i, Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t j = i, length
    cdef uint8_t kind, a, b
    if text[i] == 39 and i + 1 < end:  # '(?:[sdmt]|ll|ve|re)
        a = text[i + 1]
        if a == 115 or a == 100 or a == 109 or a == 116:
            return i + 2
        if i + 2 < end:
            b = text[i + 2]
            if (a == 108 and b == 108) or (a == 118 and b == 101) or (a == 114 and b == 101):
                return i + 3
    if text[i] == 32 and i + 1 < end:
        j = i + 1
    kind = classify(classes, text, j, end, &length)
    if kind & LETTER:  # ' ?\p{L}+'
        return skip_letters(classes, text, j + length, end)
    if kind & NUMBER:  # ' ?\p{N}+'
        return skip_numbers(classes, text, j + length, end)
    if not kind & SPACE:  # ' ?[^\s\p{L}\p{N}]+'
        return skip_other(classes, text, j + length, end)
    return end_of_spaces(skip_spaces(classes, text, i, end), i, end)


cdef inline Py_ssize_t contraction_any_case(
    const uint8_t* text, Py_ssize_t i, Py_ssize_t end
) noexcept nogil:
    r"""Match '(?i:[sdmt]|ll|ve|re) at `i`; return its end, or 0. U+017F, the long s, case-folds to s."""
    cdef uint8_t a, b
    if text[i] != 39 or i + 1 >= end:
        return 0
    a = text[i + 1] | 0x20
    if a == 115 or a == 100 or a == 109 or a == 116:
        return i + 2
    if i + 2 >= end:
        return 0
    if text[i + 1] == 0xC5 and text[i + 2] == 0xBF:
        return i + 3
    b = text[i + 2] | 0x20
    if (a == 108 and b == 108) or (a == 118 and b == 101) or (a == 114 and b == 101):
        return i + 3
    return 0


cdef inline Py_ssize_t next_cl100k(
    const uint8_t* classes, const uint8_t* text, Py_ssize_t i, Py_ssize_t end, Pattern pattern
) noexcept nogil:
    """Match cl100k, Llama 3 or Qwen 2 at `i`. Only Qwen 2 splits digits one by one, only cl100k has \\s+$."""
    cdef Py_ssize_t j, length, next_length
    cdef uint8_t kind, next_kind
    cdef Run run
    j = contraction_any_case(text, i, end)
    if j:
        return j
    kind = classify(classes, text, i, end, &length)
    if kind & LETTER:  # \p{L}+
        return skip_letters(classes, text, i + length, end)
    if kind & NUMBER:  # \p{N}{1,3}, for Qwen 2 \p{N}
        return some_numbers(classes, text, i, end, 1 if pattern == QWEN2 else 3)
    j = i + length
    if j < end:
        next_kind = classify(classes, text, j, end, &next_length)
        if next_kind & LETTER and text[i] != 10 and text[i] != 13:  # [^\r\n\p{L}\p{N}]\p{L}+
            return skip_letters(classes, text, j + next_length, end)
        if text[i] == 32 and not next_kind & (LETTER | NUMBER | SPACE):
            kind = 0  # ' [^\s\p{L}\p{N}]+[\r\n]*' continues like the same without the space
    if not kind & SPACE:  # [^\s\p{L}\p{N}]+[\r\n]*
        j = skip_other(classes, text, j, end)
        while j < end and (text[j] == 10 or text[j] == 13):
            j += 1
        return j
    run = skip_spaces(classes, text, i, end)
    if run.newline and (pattern != CL100K or run.end != end):  # \s+$ has priority over \s*[\r\n]
        return run.newline
    return end_of_spaces(run, i, end)


cdef inline Py_ssize_t some_numbers(
    const uint8_t* classes, const uint8_t* text, Py_ssize_t i, Py_ssize_t end, Py_ssize_t limit
) noexcept nogil:
    r"""Match \p{N}{0,limit} at `i`; return its end."""
    cdef Py_ssize_t length
    while limit and i < end and classify(classes, text, i, end, &length) & NUMBER:
        i += length
        limit -= 1
    return i


cdef inline bint may_lead(uint8_t kind) noexcept nogil:
    r"""Return whether a class is in [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]."""
    return kind & MARK or kind & (LETTER | LOWER) == LETTER


cdef inline bint may_follow(uint8_t kind) noexcept nogil:
    r"""Return whether a class is in [\p{Ll}\p{Lm}\p{Lo}\p{M}]."""
    return kind & MARK or kind & (LETTER | UPPER) == LETTER


cdef inline Py_ssize_t cased_word(
    const uint8_t* classes, const uint8_t* text, Py_ssize_t i, Py_ssize_t end, Py_ssize_t* leading_end
) noexcept nogil:
    """Match [lead]*[follow]+ at `i`; return its end, or 0. Store the end of the run of [lead] in `leading_end`.

    [lead]* is greedy. If no [follow] comes after it, it backtracks to its last code point that is also in [follow].
    This code point alone then matches [follow]+.
    """
    cdef Py_ssize_t length, last = 0
    cdef uint8_t kind
    while i < end:
        kind = classify(classes, text, i, end, &length)
        if not may_lead(kind):
            break
        i += length
        if may_follow(kind):
            last = i
    leading_end[0] = i
    if i < end and may_follow(classify(classes, text, i, end, &length)):
        last = i
        while last < end and may_follow(classify(classes, text, last, end, &length)):
            last += length
    return last


cdef inline Py_ssize_t next_o200k(const uint8_t* classes, const uint8_t* text, Py_ssize_t i, Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t j, length, lead_end, word_end, prefixed_lead_end = 0
    cdef uint8_t kind = classify(classes, text, i, end, &length)
    cdef bint is_prefix = not kind & (LETTER | NUMBER) and text[i] != 10 and text[i] != 13
    cdef Run run
    # The two alternatives for words, each first with the optional prefix and then without it.
    word_end = 0
    if is_prefix:
        word_end = cased_word(classes, text, i + length, end, &prefixed_lead_end)
    if not word_end:
        word_end = cased_word(classes, text, i, end, &lead_end)
        if not word_end:
            word_end = prefixed_lead_end if is_prefix and prefixed_lead_end > i + length else lead_end
    if word_end > i:
        j = contraction_any_case(text, word_end, end) if word_end < end else 0
        return j if j else word_end
    if kind & NUMBER:
        return some_numbers(classes, text, i, end, 3)
    j = i
    if text[i] == 32 and i + 1 < end:
        kind = classify(classes, text, i + 1, end, &length)
        j = i + 1
    if not kind & (LETTER | NUMBER | SPACE):  # ' ?[^\s\p{L}\p{N}]+[\r\n/]*'
        j = skip_other(classes, text, j, end)
        while j < end and (text[j] == 10 or text[j] == 13 or text[j] == 47):
            j += 1
        return j
    run = skip_spaces(classes, text, i, end)
    if run.newline:
        return run.newline
    return end_of_spaces(run, i, end)


cdef inline Py_ssize_t next_whitespace(const uint8_t* classes, const uint8_t* text, Py_ssize_t i, Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t j = i, length
    if text[i] == 32 and i + 1 < end:
        j = i + 1
    if not classify(classes, text, j, end, &length) & SPACE:  # ' ?\S+'
        j += length
        while j < end and not classify(classes, text, j, end, &length) & SPACE:
            j += length
        return j
    return end_of_spaces(skip_spaces(classes, text, i, end), i, end)


cdef inline Py_ssize_t next_punctuation(const uint8_t* classes, const uint8_t* text, Py_ssize_t i, Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t length
    cdef uint8_t kind = classify(classes, text, i, end, &length) & (SPACE | PUNCTUATION)
    i += length
    if kind & PUNCTUATION:
        return i
    while i < end and classify(classes, text, i, end, &length) & (SPACE | PUNCTUATION) == kind:
        i += length
    return i


cdef inline Py_ssize_t next_digits(
    const uint8_t* classes, const uint8_t* text, Py_ssize_t begin, Py_ssize_t i, Py_ssize_t end, Pattern pattern
) noexcept nogil:
    cdef Py_ssize_t j = i, length, n = 0
    cdef Py_ssize_t limit = 1 if pattern == DIGITS_SINGLE else 3
    if not classify(classes, text, i, end, &length) & NUMBER:  # \P{N}+
        while i < end and not classify(classes, text, i, end, &length) & NUMBER:
            i += length
        return i
    if pattern == DIGITS_THREES_RIGHT and not (i > begin and classify_before(classes, text, begin, i, &j) & NUMBER):
        # (?=(?:\p{N}{3})*(?!\p{N})): the number of digits after the first group is a multiple of 3.
        j = i
        while j < end and classify(classes, text, j, end, &length) & NUMBER:
            j += length
            n += 1
        limit = (n - 1) % 3 + 1
    return some_numbers(classes, text, i, end, limit)  # \p{N}{1,3}


cdef inline Py_ssize_t next_pretoken(
    Pattern pattern, const uint8_t* classes, const uint8_t* text, Py_ssize_t begin, Py_ssize_t i, Py_ssize_t end
) noexcept nogil:
    """Return the end of the pretoken that starts at `i`, in the document from `begin` to `end`."""
    if pattern == GPT2:
        return next_gpt2(classes, text, i, end)
    if pattern == O200K:
        return next_o200k(classes, text, i, end)
    if pattern == WHITESPACE:
        return next_whitespace(classes, text, i, end)
    if pattern == PUNCTUATION_ALONE:
        return next_punctuation(classes, text, i, end)
    if pattern == DIGITS_SINGLE or pattern == DIGITS_THREES_LEFT or pattern == DIGITS_THREES_RIGHT:
        return next_digits(classes, text, begin, i, end, pattern)
    if pattern == NONE:
        return end
    return next_cl100k(classes, text, i, end, pattern)


# The sets of instructions with which blocks can be scanned, from the slowest to the fastest, that this processor supports.
_KNOWN = ("plain", "avx2", "avx512")
INSTRUCTION_SETS = _KNOWN[: fastest_way() + 1]
_forced = os.environ.get("FASTTOK_SIMD", "") or INSTRUCTION_SETS[fastest_way()]
if _forced not in _KNOWN:
    raise ImportError(f"the environment variable FASTTOK_SIMD must be {', '.join(_KNOWN)} or empty, not {_forced!r}")
if _forced not in INSTRUCTION_SETS:
    raise ImportError(
        f"the environment variable FASTTOK_SIMD is {_forced!r}, which this processor does not have; "
        f"it supports {', '.join(INSTRUCTION_SETS)}"
    )


@cython.final
cdef class Scanner(Spans):
    """Spans of a named pattern. Has no other state, so all threads can share it.

    `table`, uint8[0x110000], has the class of every code point; by default, that of Unicode 17. The classes of ASCII
    must be those of Unicode. `instruction_set` is one of `INSTRUCTION_SETS`; by default, the last one, or that of the
    environment variable FASTTOK_SIMD.
    """

    cdef Pattern pattern
    cdef int way
    cdef const uint8_t[::1] table
    cdef const uint8_t* classes

    def __cinit__(self, str name, const uint8_t[::1] table = None, str instruction_set = _forced):
        self.pattern = PATTERNS[name]
        self.way = INSTRUCTION_SETS.index(instruction_set)
        self.table = _class_view if table is None else table
        self.classes = &self.table[0]
        self.has_ends = True

    @property
    def instruction_set(self):
        """Name of the instruction set with which blocks are scanned."""
        return INSTRUCTION_SETS[self.way]

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
        cdef Pattern pattern = self.pattern
        cdef uint32_t ahead[CHUNK]
        cdef Py_ssize_t i = position[0], start, k = 0, found, t
        while i < end and k < n:
            if pattern <= O200K and n - k >= FT_BLOCK:
                start = i
                found = scan_blocks(
                    self.way, pattern, text, self.classes, start, <size_t*>&i, end, ahead, min(n - k, <Py_ssize_t>CHUNK)
                )
                starts[k] = start
                for t in range(found - 1):
                    ends[k + t] = starts[k + t + 1] = start + ahead[t]
                k += found
                if found:
                    ends[k - 1] = i
                    if k > n - FT_BLOCK:
                        break
            starts[k] = i
            i = next_pretoken(pattern, self.classes, text, begin, i, end)
            ends[k] = i
            k += 1
        position[0] = i
        return k

    cdef Py_ssize_t next_ends(
        self,
        const uint8_t* text,
        Py_ssize_t begin,
        Py_ssize_t end,
        Py_ssize_t* position,
        uint32_t* ends,
        Py_ssize_t n,
    ) noexcept nogil:
        cdef Pattern pattern = self.pattern
        cdef Py_ssize_t base = position[0], i = base, next_end, k = 0
        while i < end and k < n:
            if pattern <= O200K:
                k += scan_blocks(self.way, pattern, text, self.classes, base, <size_t*>&i, end, ends + k, n - k)
                if k > n - FT_BLOCK:
                    break
            next_end = next_pretoken(pattern, self.classes, text, begin, i, end)
            if next_end - base > MOST_AHEAD:
                if k == 0:
                    return TOO_LONG
                break
            ends[k] = next_end - base
            i = next_end
            k += 1
        position[0] = i
        return k


def scan(
    Spans spans, const uint8_t[::1] text, const int64_t[::1] documents, int64_t[::1] state, int64_t[::1] ends
):
    """Write the ends of the next pretokens to `ends`, as many as fit; return their number, 0 at the end of the text.

    The spans must cover the text, uint8[m]. `documents`, int64[k + 1], are the offsets of the documents in `text`.
    `state`, int64[2], contains the document and the position to continue from; it is updated. Its initial value is
    (0, documents[0]). `ends` is int64[n].
    """
    cdef Py_ssize_t document = state[0], i = state[1], k = 0, n = ends.shape[0]
    cdef int64_t starts[CHUNK]
    if text.shape[0] == 0 or n == 0:
        return 0
    with nogil:
        while k < n and document < documents.shape[0] - 1:
            if i == documents[document + 1]:
                document += 1
            else:
                k += spans.next(
                    &text[0],
                    documents[document],
                    documents[document + 1],
                    &i,
                    starts,
                    &ends[k],
                    min(<Py_ssize_t>CHUNK, n - k),
                )
    state[0] = document
    state[1] = i
    return k
