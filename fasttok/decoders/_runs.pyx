"""Kernels of the decoders with runs of byte pieces: `ByteFallback` and `SentencePiece`."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t
from libc.string cimport memcpy

from fasttok.text.unicode._utf8 cimport read_code_point

cdef enum:
    EMPTY = 0xFE
    ESCAPE = 0xFF
    # Marks of `SentencePiece`, and how often it still removes a space at the start of a piece.
    NOTHING = 0xFD
    SPACE = 0xFE
    NEVER = 0
    ONCE = 1
    ALWAYS = 2


def write_runs(bytes text not None):
    """Return a text without marks: each run of escaped bytes as it is if it is UTF-8, else as U+FFFD for each byte.

    An escaped byte is the byte 0xFF and the byte itself; a byte follows each escape. A byte 0xFE ends a run, and
    is removed.
    """
    cdef Py_ssize_t n = len(text), size
    # A byte of a run has two bytes in `text` and at most three in the result.
    cdef bytes out = PyBytes_FromStringAndSize(NULL, n + (n >> 1))
    cdef const uint8_t* start = <const uint8_t*>PyBytes_AS_STRING(text)
    cdef uint8_t* first = <uint8_t*>PyBytes_AS_STRING(out)
    with nogil:
        size = write(start, n, first)
    return out[:size]


cdef Py_ssize_t write(const uint8_t* text, Py_ssize_t n, uint8_t* out) noexcept nogil:
    cdef Py_ssize_t i = 0, begin, length, written = 0
    while i < n:
        if text[i] != ESCAPE:
            out[written] = text[i]
            written += text[i] != EMPTY
            i += 1
            continue
        begin = written
        while i < n and text[i] == ESCAPE:  # a byte follows, at worst the null byte at the end of `text`
            out[written] = text[i + 1]
            written += 1
            i += 2
        if not is_utf8(out + begin, written - begin):
            length = written - begin
            written = begin
            while length:
                memcpy(out + written, b"\xef\xbf\xbd", 3)  # U+FFFD
                written += 3
                length -= 1
    return written


cdef inline bint is_utf8(const uint8_t* text, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i = 0, length
    while i < n:
        if text[i] >= 0x80:
            read_code_point(text, i, n, &length)
            if length == 1:
                return False
            i += length
        else:
            i += 1
    return True


def write_marked(bytes text not None, int removes, bint is_end):
    """Write a text in which `SentencePiece` has marked what depends on other tokens.

    An escaped byte is the byte 0xFF and the byte itself. Consecutive escaped bytes are written as the characters that
    they are in UTF-8; each byte that is not UTF-8 becomes U+FFFD. A byte 0xFE is a space at the start of a piece, and
    0xFD a token without text.

    `removes` tells whether a space at the start of a piece is removed: ALWAYS, until something is written; ONCE; or
    NEVER. If `is_end` is False, the text continues, and an incomplete character at its end is not written.

    Return what was written, the new value of `removes`, and the number of bytes of `text` that were consumed.
    """
    cdef Py_ssize_t i = 0, n = len(text), size = 0
    # An escaped byte has two bytes in `text` and at most three in the result.
    cdef bytes out = PyBytes_FromStringAndSize(NULL, n + (n >> 1))
    cdef const uint8_t* start = <const uint8_t*>PyBytes_AS_STRING(text)
    cdef uint8_t* first = <uint8_t*>PyBytes_AS_STRING(out)
    with nogil:
        i = write_pieces(start, n, first, &removes, is_end, &size)
    return out[:size], removes, i


cdef Py_ssize_t write_pieces(
    const uint8_t* text, Py_ssize_t n, uint8_t* out, int* removes, bint is_end, Py_ssize_t* size
) noexcept nogil:
    """Implement `write_marked`; return the number of bytes consumed, and store the number written in `size`."""
    cdef Py_ssize_t i = 0, written = 0, length, k
    cdef uint8_t run[4]
    while i < n:
        if text[i] < NOTHING:
            removes[0] = NEVER
            while i < n and text[i] < NOTHING:
                out[written] = text[i]
                written += 1
                i += 1
        elif text[i] == SPACE:
            i += 1
            if removes[0] == NEVER:
                out[written] = 32
                written += 1
            elif removes[0] == ONCE:
                removes[0] = NEVER
        elif text[i] == NOTHING:
            i += 1
        else:
            k = 0
            while k < 4 and i + 2 * k + 1 < n and text[i + 2 * k] == ESCAPE:
                run[k] = text[i + 2 * k + 1]
                k += 1
            if not is_end and i + 2 * k + 1 >= n and (k == 0 or k < character_size(run[0])):
                if i + 2 * k == n or text[i + 2 * k] == ESCAPE:
                    break  # the next bytes may be of the same character
            removes[0] = NEVER
            read_code_point(run, 0, k, &length)
            if length == 1 and run[0] >= 0x80:
                memcpy(out + written, b"\xef\xbf\xbd", 3)  # U+FFFD
                written += 3
            else:
                memcpy(out + written, run, length)
                written += length
            i += 2 * length
    size[0] = written
    return i


cdef inline int character_size(uint8_t first) noexcept nogil:
    """Return the number of bytes of a character in UTF-8, given its first byte; 1 if no character begins with it."""
    if first < 0xC2 or first > 0xF4:
        return 1
    return 2 + (first >= 0xE0) + (first >= 0xF0)
