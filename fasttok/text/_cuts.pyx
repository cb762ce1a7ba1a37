"""The search for a place where a text may be cut; cuts.py says which places those are."""

from libc.stdint cimport uint8_t

from fasttok.text.pretokenizers._scan cimport LETTER, NUMBER, PUNCTUATION, SPACE, classify, classify_before

# The kinds of code points, in the order of cuts.py.
cdef enum:
    A_LETTER
    A_NUMBER
    A_PUNCTUATION
    AN_OTHER
    A_BLANK
    A_SPACE


cdef inline int kind_of(uint8_t byte, uint8_t bits) noexcept nogil:
    """The kind of a code point of the given class; `byte` is its first or last one."""
    if bits & LETTER:
        return A_LETTER
    if bits & NUMBER:
        return A_NUMBER
    if bits & PUNCTUATION:
        return A_PUNCTUATION
    if bits & SPACE:
        return A_BLANK if byte == 32 else A_SPACE
    return AN_OTHER


def find_cut(const uint8_t[::1] text, const uint8_t[:, ::1] safe):
    """The last place between two code points with `safe[kind before, kind behind]`; 0 if there is none.

    The text may begin and end anywhere, also inside a character; a code point that could be another one
    with what stands on either side counts for nothing, and so does U+2581.
    """
    cdef Py_ssize_t i, before, length, cut = 0, end = text.shape[0]
    cdef const uint8_t* start
    cdef int kind, kind_before
    if end < 2:
        return 0
    start = &text[0]
    with nogil:
        for i in range(end - 1, 0, -1):
            if start[i] & 0xC0 == 0x80:
                continue
            kind = kind_of(start[i], classify(start, i, end, &length))
            if start[i] >= 0x80 and length == 1:
                continue  # perhaps the beginning of a character that ends behind this text
            kind_before = kind_of(start[i - 1], classify_before(start, 0, i, &before))
            if start[before] & 0xC0 == 0x80 and i < 4:
                continue  # perhaps the end of a character that began before this text
            if safe[kind_before, kind] and not is_mark(start, i, end) and not is_mark(start, before, end):
                cut = i
                break
    return cut


cdef inline bint is_mark(const uint8_t* text, Py_ssize_t i, Py_ssize_t end) noexcept nogil:
    """Whether the code point at `i` is U+2581, which stands for a space in text that metaspace has written."""
    return i + 3 <= end and text[i] == 0xE2 and text[i + 1] == 0x96 and text[i + 2] == 0x81
