"""Search for a position at which a text may be cut; cuts.py defines these positions."""

from libc.stdint cimport uint8_t

from fasttok.text.pretokenizers._scan cimport CLASS, LETTER, NUMBER, PUNCTUATION, SPACE, classify, classify_before

# The kinds of code points, in the order of cuts.py.
cdef enum:
    A_LETTER
    A_NUMBER
    A_PUNCTUATION
    AN_OTHER
    A_BLANK
    A_SPACE


cdef inline int kind_of(uint8_t byte, uint8_t bits) noexcept nogil:
    """Return the kind of a code point, given its first or last byte and the bits of its class."""
    if bits & LETTER:
        return A_LETTER
    if bits & NUMBER:
        return A_NUMBER
    if bits & PUNCTUATION:
        return A_PUNCTUATION
    if bits & SPACE:
        return A_BLANK if byte == 32 else A_SPACE
    return AN_OTHER


cdef uint8_t ascii_kinds[128]


cdef void fill_ascii_kinds() noexcept nogil:
    cdef uint8_t c
    cdef Py_ssize_t length
    for c in range(128):
        ascii_kinds[c] = kind_of(c, classify(CLASS, &c, 0, 1, &length))


fill_ascii_kinds()


def find_cut(const uint8_t[::1] text, const uint8_t[:, ::1] safe):
    """Return the last position between two code points with `safe[kind before, kind after]`; 0 if there is none.

    `text` is uint8[n], `safe` uint8[6, 6]. The text may begin and end inside a character. A position is skipped if it
    is next to U+2581, or next to bytes that may belong to a character that begins before the text or ends after it.
    """
    cdef Py_ssize_t i, before, length, cut = 0, end = text.shape[0]
    cdef const uint8_t* start
    cdef int kind, kind_before
    if end < 2:
        return 0
    start = &text[0]
    with nogil:
        for i in range(end - 1, 0, -1):
            if (start[i] | start[i - 1]) < 0x80:
                if safe[ascii_kinds[start[i - 1]], ascii_kinds[start[i]]]:
                    cut = i
                    break
                continue
            if start[i] & 0xC0 == 0x80:
                continue
            kind = kind_of(start[i], classify(CLASS, start, i, end, &length))
            if start[i] >= 0x80 and length == 1:
                continue  # perhaps a character that continues after this text
            kind_before = kind_of(start[i - 1], classify_before(CLASS, start, 0, i, &before))
            if start[before] & 0xC0 == 0x80 and i < 4:
                continue  # perhaps a character that began before this text
            if safe[kind_before, kind] and not is_mark(start, i, end) and not is_mark(start, before, end):
                cut = i
                break
    return cut


cdef inline bint is_mark(const uint8_t* text, Py_ssize_t i, Py_ssize_t end) noexcept nogil:
    """Return whether the code point at `i` is U+2581, which metaspace writes for a space."""
    return i + 3 <= end and text[i] == 0xE2 and text[i + 1] == 0x96 and text[i + 2] == 0x81
