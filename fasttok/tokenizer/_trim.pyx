"""Kernel of `Trimmer`: exclude characters at both ends of spans."""

from libc.stdint cimport int32_t, int64_t, uint8_t

from fasttok.text.unicode._utf8 cimport read_code_point


def trim_spans(
    const uint8_t[::1] text,
    const int32_t[::1] before,
    const int32_t[::1] after,
    bint keeps_prefix,
    int64_t[:, ::1] byte_spans,
    int64_t[:, ::1] char_spans,
):
    """Exclude `before` code points at the beginning and `after` at the end of each span, in place.

    `text` is uint8[n], `before` and `after` are int32[m], `byte_spans` and `char_spans` are int64[m, 2]. The spans of
    code points contain every code point of which a byte is in the span of bytes; this stays so. A span that is too short
    becomes empty, at the same position in bytes and in code points.
    If `keeps_prefix`, a single code point stays at the beginning of the first span and of spans that begin with the
    text. Nothing is excluded at the end of a span that ends before code point `after`.
    """
    cdef Py_ssize_t i, j, position, length, n = text.shape[0]
    cdef int64_t steps, begin, end
    cdef const uint8_t* data = &text[0] if n else NULL
    with nogil:
        for i in range(before.shape[0]):
            if before[i] == 0 and after[i] == 0:
                continue
            begin = byte_spans[i, 0]
            end = byte_spans[i, 1]
            steps = min(<int64_t>before[i], char_spans[i, 1] - char_spans[i, 0])
            if keeps_prefix and before[i] == 1 and (i == 0 or char_spans[i, 0] == 0):
                steps = 0
            if steps:
                position = find_begin(data, begin, n)
                for j in range(steps):
                    read_code_point(data, position, n, &length)
                    position += length
                char_spans[i, 0] += steps
                begin = position
                if char_spans[i, 0] == char_spans[i, 1]:
                    end = begin
            steps = min(<int64_t>after[i], char_spans[i, 1] - char_spans[i, 0])
            if steps and char_spans[i, 1] >= after[i]:
                position = end
                for j in range(steps):
                    position = find_begin(data, position - 1, n)
                char_spans[i, 1] -= steps
                end = position
                begin = min(begin, end)
            byte_spans[i, 0] = begin
            byte_spans[i, 1] = end


cdef inline Py_ssize_t find_begin(const uint8_t* text, Py_ssize_t i, Py_ssize_t end) noexcept nogil:
    """Return the position at which the code point with byte `i` begins."""
    cdef Py_ssize_t back, length
    for back in range(min(i, 3) + 1):
        if text[i - back] & 0xC0 != 0x80:
            read_code_point(text, i - back, end, &length)
            return i - back if length > back else i
    return i
