"""Replace spaces by marks (U+2581) and back; scanner of the words that marks begin or end."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from fasttok.core._keys cimport ctz
from fasttok.text._spans cimport MOST_AHEAD, TOO_LONG, Spans

cdef const char* MARK = b"\xe2\x96\x81"  # U+2581
cdef enum:
    WIDTH = 3  # bytes of the mark
    SLACK = 16  # bytes that may be written after the end of a copy
    # Begins of the origin of a mark that is inserted at the start: see `Rewriting` and `trace`.
    BEGIN = -1
    HEAD = -2


def measure(const uint8_t[::1] text, Py_ssize_t n_rows):
    """Return the number of bytes that `rewrite` may write to `out`, including those after the end of the output."""
    cdef Py_ssize_t i, n_spaces = 0
    with nogil:
        for i in range(text.shape[0]):
            n_spaces += text[i] == 32
    return text.shape[0] + (WIDTH - 1) * n_spaces + WIDTH * n_rows + SLACK


def rewrite(
    const uint8_t[::1] text,
    const int64_t[::1] offsets,
    const uint8_t[::1] begins,
    const uint8_t[::1] ends,
    const uint8_t[::1] is_filled,
    const int64_t[::1] protected,
    bint dummy,
    bint remove,
    bint as_suffix,
    bint escape,
    bint has_heads,
    uint8_t[::1] out,
    int64_t[::1] out_offsets,
    int64_t[::1] origins,
):
    """Write rows with marks instead of spaces to `out`, and their offsets to `out_offsets`; return the number of bytes.

    `text` is uint8[n], `offsets` and `out_offsets` are int64[k + 1]. `begins` and `ends`, uint8[k], tell whether each
    row begins and ends its document, or its segment. `is_filled`, uint8[k] or empty, tells whether a row counts as a
    text with characters even if it has none. `protected`, int64[p], has the positions of the U+2581 that become
    spaces without `escape`. `dummy`, `remove`, `as_suffix` and `escape` are the options
    `add_dummy_prefix`, `remove_extra_whitespaces`, `treat_whitespace_as_suffix` and `escape_whitespaces`; without
    `escape`, a mark is a space. `has_heads` tells whether the step before has recorded heads; see rows.py. `out` is uint8[c], where c is the result of `measure`. `origins` is int64[c] for the
    begin of the origin of each byte and the end of the last origin, or empty if origins are not needed.
    """
    cdef Py_ssize_t n_protected = 0 if escape else protected.shape[0], k = 0, stop
    cdef Py_ssize_t row, i, j, end, length, start, first, origin, consumed, n = 0
    cdef Py_ssize_t width = WIDTH if escape else 1
    cdef const char* mark = MARK
    cdef bint aligned = origins.shape[0] > 0
    cdef const uint8_t* p
    cdef uint8_t* o = &out[0]
    cdef uint8_t* to
    cdef bint is_plain = escape and not aligned  # whether only marks and copies are written
    if not escape:
        mark = b" "
    out_offsets[0] = 0
    if text.shape[0] == 0:
        if is_filled.shape[0] == 0:
            if aligned:
                origins[0] = 0
            out_offsets[:] = 0
            return 0
        p = NULL  # never read, since all rows are empty
    else:
        p = &text[0]
    with nogil:
        consumed = offsets[0]
        for row in range(offsets.shape[0] - 1):
            i = offsets[row]
            end = offsets[row + 1]
            start = n
            if remove and begins[row]:
                while i < end and p[i] == 32:
                    i += 1
            consumed = first = i
            if i < end or is_filled.shape[0] > 0 and is_filled[row]:
                if dummy and not as_suffix and begins[row]:
                    origin = i
                    if has_heads and row == 0:
                        origin = HEAD if remove else BEGIN
                    n = write_mark(o, n, origin, width, origins)
                if is_plain and i < end:
                    to = o + n
                    i = write_marked(p + i, p + end, p + text.shape[0], remove, &to) - p
                    n = to - o
                while i < end:
                    if k < n_protected and protected[k] == i:
                        n = write_mark(o, n, i, width, origins)
                        i += WIDTH
                        k += 1
                        continue
                    stop = min(end, protected[k]) if k < n_protected else end
                    length = copy_word(p + i, p + stop, p + text.shape[0], o + n)
                    if aligned:
                        for j in range(length):
                            origins[n + j] = i + j
                    n += length
                    i += length
                    if i < stop:
                        n = write_mark(o, n, i, width, origins)
                        i += 1
                        while remove and i < end and p[i] == 32:
                            i += 1
                consumed = end
                if ends[row]:
                    while remove and n - start >= width and memcmp(o + n - width, mark, width) == 0:
                        n -= width
                        if aligned:
                            consumed = max(origins[n], first)
                    if dummy and as_suffix:
                        n = write_mark(o, n, consumed, width, origins)
            out_offsets[row + 1] = n
        if aligned:
            origins[n] = consumed
    return n


cdef inline Py_ssize_t write_mark(
    uint8_t* out, Py_ssize_t n, Py_ssize_t origin, Py_ssize_t width, int64_t[::1] origins
) noexcept nogil:
    """Write U+2581 if `width` is 3, or a space if it is 1."""
    cdef Py_ssize_t k
    if width == WIDTH:
        memcpy(out + n, MARK, WIDTH)
    else:
        out[n] = 32
    if origins.shape[0] > 0:
        for k in range(width):
            origins[n + k] = origin
    return n + width


def write_spaces(const uint8_t[::1] text):
    """Return the text as ``bytes``, with spaces instead of marks."""
    cdef Py_ssize_t n = text.shape[0], capacity
    cdef bytes out
    cdef uint8_t* o
    if n == 0:
        return b""
    capacity = replace_marks(&text[0], n, NULL, 0)
    out = PyBytes_FromStringAndSize(NULL, capacity)
    o = <uint8_t*>PyBytes_AS_STRING(out)
    with nogil:
        replace_marks(&text[0], n, o, capacity)
    return out


cdef Py_ssize_t replace_marks(const uint8_t* text, Py_ssize_t n, uint8_t* out, Py_ssize_t capacity) noexcept nogil:
    """Write the text with spaces instead of marks to `out`, or nothing if capacity is 0; return the number of bytes."""
    cdef Py_ssize_t i = 0, at, start = 0, written = 0
    cdef uint64_t bits
    while i < n:
        if i + 64 + WIDTH - 1 <= n:
            bits = marks(text + i)
        else:
            bits = text[i] == 0xE2 and i + WIDTH <= n and memcmp(text + i, MARK, WIDTH) == 0
        while bits:
            at = i + ctz(bits)
            if capacity:
                if at - start <= SLACK and start + SLACK <= n and written + SLACK <= capacity:
                    memcpy(out + written, text + start, SLACK)  # a constant length is much faster
                else:
                    memcpy(out + written, text + start, at - start)
                out[written + at - start] = 32
            written += at - start + 1
            start = at + WIDTH
            bits &= bits - 1
        i += 64 if i + 64 + WIDTH - 1 <= n else 1
    if capacity:
        memcpy(out + written, text + start, n - start)
    return written + n - start


@cython.final
cdef class WordScanner(Spans):
    """Spans of words that begin, or end, with a mark. Has no other state, so all threads can share it."""

    cdef bint as_suffix

    def __cinit__(self, bint as_suffix):
        self.as_suffix = as_suffix

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
        # A word ends before the next mark after its first byte or, with `as_suffix`, after the next mark.
        cdef Py_ssize_t start = position[0], shift = WIDTH if self.as_suffix else 0, k = 0
        cdef Py_ssize_t i = start if self.as_suffix else start + 1
        cdef uint64_t bits
        while i < end and k < n:
            if i + 64 + WIDTH - 1 <= end:
                bits = marks(text + i)
                while bits and k < n:
                    starts[k] = start
                    start = i + ctz(bits) + shift
                    ends[k] = start
                    bits &= bits - 1
                    k += 1
                i += 64
            else:
                if text[i] == 0xE2 and i + WIDTH <= end and memcmp(text + i, MARK, WIDTH) == 0:
                    starts[k] = start
                    start = i + shift
                    ends[k] = start
                    k += 1
                i += 1
        if i >= end and k < n and start < end:
            starts[k] = start
            ends[k] = end
            start = end
            k += 1
        position[0] = start
        return k


@cython.final
cdef class RunScanner(Spans):
    """Spans that begin with runs of a mark: each ends before the next mark that follows another character.

    `mark` is a character in UTF-8. The scanner has no other state, so all threads can share it.
    """

    cdef uint8_t mark[4]
    cdef Py_ssize_t width  # number of bytes of the mark
    cdef bint is_metaspace  # whether the mark is U+2581

    def __cinit__(self, bytes mark not None):
        self.width = len(mark)
        memcpy(self.mark, PyBytes_AS_STRING(mark), self.width)
        self.is_metaspace = mark == MARK

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
        cdef const uint8_t* mark = self.mark
        cdef Py_ssize_t width = self.width, start = position[0], i = start + 1, k = 0, at
        cdef uint64_t bits, before
        while i < end and k < n:
            if self.is_metaspace and i + 64 + WIDTH - 1 <= end:
                bits = marks(text + i)
                before = bits << WIDTH  # positions after a mark
                for at in range(i - WIDTH, i):
                    if at >= begin and is_mark(text, at, end, mark, width):
                        before |= <uint64_t>1 << (at + WIDTH - i)
                bits &= ~before
                while bits and k < n:
                    starts[k] = start
                    start = i + ctz(bits)
                    ends[k] = start
                    bits &= bits - 1
                    k += 1
                i += 64
            else:
                if is_mark(text, i, end, mark, width) and not (
                    i - width >= begin and is_mark(text, i - width, end, mark, width)
                ):
                    starts[k] = start
                    start = i
                    ends[k] = start
                    k += 1
                i += 1
        if i >= end and k < n and start < end:
            starts[k] = start
            ends[k] = end
            start = end
            k += 1
        position[0] = start
        return k


@cython.final
cdef class SpaceRunScanner(Spans):
    """Spans of raw text that begin with runs of spaces: each ends before the next space that follows another character.

    No span ends after U+2581. So once spaces are marks, every span but the first begins with a run of marks, from its
    first mark on. The scanner has no state, so all threads can share it.
    """

    def __cinit__(self):
        self.has_ends = True

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
        cdef Py_ssize_t k = 0, i
        while k < n and position[0] < end:
            starts[k] = position[0]
            i = position[0] + 1
            while i < end and (text[i] != 32 or text[i - 1] == 32 or follows_mark(text, begin, i)):
                i += 1
            ends[k] = position[0] = i
            k += 1
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
        cdef Py_ssize_t base = position[0], i = base + 1, k = 0, stop = min(end, base + MOST_AHEAD)
        cdef uint64_t bits
        while i + 64 <= stop and k < n:
            bits = spaces(text + i)
            bits &= ~(bits << 1 | (text[i - 1] == 32))
            while bits and k < n:
                ends[k] = i + ctz(bits) - base
                k += not follows_mark(text, begin, base + ends[k])
                bits &= bits - 1
            i += 64
        while i < stop and k < n:
            ends[k] = i - base
            k += text[i] == 32 and text[i - 1] != 32 and not follows_mark(text, begin, i)
            i += 1
        if k < n and stop == end:
            ends[k] = end - base
            k += 1
        if k == 0:
            return TOO_LONG
        position[0] = base + ends[k - 1]
        return k


cdef inline bint follows_mark(const uint8_t* text, Py_ssize_t begin, Py_ssize_t i) noexcept nogil:
    """Return whether U+2581 ends at byte i of a text that begins at `begin`."""
    return text[i - 1] == 0x81 and i - WIDTH >= begin and memcmp(text + i - WIDTH, MARK, WIDTH) == 0


cdef inline bint is_mark(
    const uint8_t* text, Py_ssize_t i, Py_ssize_t end, const uint8_t* mark, Py_ssize_t width
) noexcept nogil:
    """Return whether a mark begins at byte i of a text that ends at `end`."""
    return text[i] == mark[0] and i + width <= end and memcmp(text + i, mark, width) == 0
