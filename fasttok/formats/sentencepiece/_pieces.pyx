"""Scan the top level of a sentencepiece model file: its pieces, and the places of its other messages."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

# Wire types of protocol buffers.
cdef enum:
    VARINT = 0
    FIXED64 = 1
    BYTES = 2
    START_GROUP = 3
    END_GROUP = 4
    FIXED32 = 5

# Fields of a model and of a piece.
cdef enum:
    PIECES = 1
    LAST_MESSAGE = 5
    TEXT = 1
    SCORE = 2
    TYPE = 3

cdef enum:
    DEEPEST = 100  # groups in groups; protocol buffers has the same limit
    MOST_TYPES = 6

cdef struct Field:
    uint32_t number
    int wire_type
    uint64_t value  # of a number; for bytes, their length
    Py_ssize_t start  # of the value, or of the bytes
    Py_ssize_t stop

# Errors. `read_field` stores them instead of the end of the field.
cdef enum:
    CUT = -1
    LONG_NUMBER = -2
    BAD_TAG = -3
    BAD_GROUP = -4

MESSAGES = {
    CUT: "the file ends inside a field",
    LONG_NUMBER: "a number has more than 10 bytes",
    BAD_TAG: "not the tag of a field",
    BAD_GROUP: "a group begins or ends where it must not",
}


cdef Py_ssize_t read_number(const uint8_t* data, Py_ssize_t at, Py_ssize_t stop, uint64_t* value) noexcept nogil:
    """Read a varint; return the position after it, or an error. Bits above 64 are dropped, as by protobuf."""
    cdef uint64_t found = 0
    cdef int shift = 0
    while at < stop:
        found |= <uint64_t>(data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            value[0] = found
            return at
        shift += 7
        if shift > 63:
            return LONG_NUMBER
    return CUT


cdef Py_ssize_t read_field(const uint8_t* data, Py_ssize_t at, Py_ssize_t stop, Field* field, int depth=0) noexcept nogil:
    """Read the field at `at`; return the position after it, or an error."""
    cdef uint64_t tag, length
    cdef Field inner
    at = read_number(data, at, stop, &tag)
    if at < 0:
        return at
    field.number = <uint32_t>(tag >> 3)
    field.wire_type = <int>(tag & 7)
    if tag >> 32 or not field.number or field.wire_type > FIXED32:
        return BAD_TAG
    field.start = at
    if field.wire_type == VARINT:
        at = read_number(data, at, stop, &field.value)
    elif field.wire_type == BYTES:
        at = read_number(data, at, stop, &length)
        if at < 0:
            return at
        if length > <uint64_t>(stop - at):
            return CUT
        field.value = length
        field.start = at
        at += <Py_ssize_t>length
    elif field.wire_type == START_GROUP:
        if depth == DEEPEST:
            return BAD_GROUP
        while True:
            at = read_field(data, at, stop, &inner, depth + 1)
            if at < 0:
                return at
            if inner.wire_type == END_GROUP:
                break
        if inner.number != field.number:
            return BAD_GROUP
    elif field.wire_type == END_GROUP:
        if not depth:
            return BAD_GROUP
    else:
        length = 8 if field.wire_type == FIXED64 else 4
        if stop - at < <Py_ssize_t>length:
            return CUT
        at += <Py_ssize_t>length
    field.stop = at
    return at


def read_fields(const uint8_t[::1] data, Py_ssize_t start, Py_ssize_t stop):
    """Yield the fields in ``data[start:stop]``: (position, number, wire type, value, start, stop).

    A field that is not valid is yielded as (position, error), and ends the iteration. ``start`` and ``stop``
    are those of the value: for bytes, without their length.
    """
    cdef Field field
    cdef Py_ssize_t after, at = start
    if not 0 <= start <= stop <= data.shape[0]:
        raise IndexError("the fields are not inside the data")
    while at < stop:
        after = read_field(&data[0], at, stop, &field)
        if after < 0:
            yield at, MESSAGES[after]
            return
        yield at, field.number, field.wire_type, field.value, field.start, after
        at = after


def read_pieces(const uint8_t[::1] data, Py_ssize_t most_parts):
    """Read the top level of a model.

    Returns
    -------
    tuple
        (``values``, ``offsets``, ``scores``, ``types``, ``has_score``, ``has_type``, ``extras``, ``parts``,
        ``unknown``, ``error``).

        - The pieces: texts as uint8[..] with int64[n + 1], scores float32[n], types uint8[n], and
          whether each piece has a field for its score and for its type: bool[n].
        - ``extras``: dict of a piece's number to its unknown fields in raw form.
        - ``parts``: list of (number, start, stop) of the messages 2 to 5.
        - ``unknown``: the other fields in raw form.
        - ``error``: None, or (position, message) of the first field that is not valid.
    """
    cdef Py_ssize_t size = data.shape[0], at = 0, after, inner_at, inner_after, n = 0, n_bytes = 0, length
    cdef const uint8_t* raw = &data[0] if size else NULL
    cdef Field field, inner
    cdef uint32_t bits
    cdef Py_ssize_t text_start, text_stop, is_extra
    cdef Py_ssize_t most = 0
    # Every piece has at least two bytes. Count first, so that the arrays do not take more than they need.
    while at < size:
        after = read_field(raw, at, size, &field)
        if after < 0:
            break
        most += field.number == PIECES and field.wire_type == BYTES
        at = after
    cdef uint8_t[::1] values = np.empty(size, np.uint8)
    cdef int64_t[::1] offsets = np.zeros(most + 1, np.int64)
    cdef float[::1] scores = np.zeros(most, np.float32)
    cdef uint8_t[::1] types = np.ones(most, np.uint8), has_type = np.zeros(most, np.uint8)
    cdef uint8_t[::1] has_score = np.zeros(most, np.uint8)
    parts, extras, unknown, error = [], {}, bytearray(), None
    at = 0
    while at < size:
        after = read_field(raw, at, size, &field)
        if after < 0:
            error = at, MESSAGES[after]
            break
        if field.wire_type == BYTES and field.number == PIECES:
            text_start = text_stop = 0
            inner_at = field.start
            while inner_at < after:
                inner_after = read_field(raw, inner_at, after, &inner)
                if inner_after < 0:
                    error = inner_at, MESSAGES[inner_after]
                    break
                is_extra = 0
                if inner.number == TEXT and inner.wire_type == BYTES:
                    text_start, text_stop = inner.start, inner_after
                elif inner.number == SCORE and inner.wire_type == FIXED32:
                    bits = raw[inner.start] | raw[inner.start + 1] << 8 | raw[inner.start + 2] << 16
                    bits |= <uint32_t>raw[inner.start + 3] << 24
                    memcpy(&scores[n], &bits, 4)
                    has_score[n] = 1
                elif inner.number == TYPE and inner.wire_type == VARINT and 1 <= <int32_t>inner.value <= MOST_TYPES:
                    types[n] = <uint8_t>inner.value
                    has_type[n] = 1
                else:
                    is_extra = 1
                if is_extra:
                    extras[n] = extras.get(n, b"") + bytes(data[inner_at:inner_after])
                inner_at = inner_after
            if error is not None:
                break
            length = text_stop - text_start
            if length:
                memcpy(&values[n_bytes], raw + text_start, length)
            n_bytes += length
            n += 1
            offsets[n] = n_bytes
        elif field.wire_type == BYTES and field.number <= LAST_MESSAGE:
            if len(parts) == most_parts:
                error = at, f"the file has more than {most_parts:,} messages that are not pieces"
                break
            parts.append((field.number, field.start, after))
        else:
            unknown += data[at:after]
        at = after
    return (
        np.asarray(values)[:n_bytes].copy(),
        np.asarray(offsets)[: n + 1],
        np.asarray(scores)[:n],
        np.asarray(types)[:n],
        np.asarray(has_score)[:n].view(np.bool_),
        np.asarray(has_type)[:n].view(np.bool_),
        extras,
        parts,
        bytes(unknown),
        error,
    )


cdef Py_ssize_t length_of(uint64_t value) noexcept nogil:
    """Return the number of bytes of a varint."""
    cdef Py_ssize_t n = 1
    while value > 0x7F:
        value >>= 7
        n += 1
    return n


cdef Py_ssize_t write_number(uint64_t value, uint8_t* out) noexcept nogil:
    """Write a varint and return its number of bytes."""
    cdef Py_ssize_t n = 0
    while value > 0x7F:
        out[n] = <uint8_t>(value | 0x80)
        value >>= 7
        n += 1
    out[n] = <uint8_t>value
    return n + 1


def write_pieces(
    const uint8_t[::1] values,
    const int64_t[::1] offsets,
    const float[::1] scores,
    const uint8_t[::1] types,
    const uint8_t[::1] has_score,
    const uint8_t[::1] has_type,
    dict extras,
):
    """Return the fields of the pieces in the wire format; see `read_pieces` for the arguments."""
    cdef Py_ssize_t n = scores.shape[0], i, size, length, n_extra, most, at = 0
    cdef bytes extra
    cdef const uint8_t[::1] raw
    cdef uint32_t bits
    most = (offsets[n] if n else 0) + 32 * n + sum(map(len, extras.values()))
    cdef uint8_t[::1] out = np.empty(most, np.uint8)
    for i in range(n):
        size = offsets[i + 1] - offsets[i]
        n_extra = 0
        if extras and i in extras:
            extra = extras[i]
            raw = extra
            n_extra = len(extra)
        length = 1 + length_of(size) + size + 5 * has_score[i] + 2 * has_type[i] + n_extra
        out[at] = PIECES << 3 | BYTES
        at += 1
        at += write_number(length, &out[at])
        out[at] = TEXT << 3 | BYTES
        at += 1
        at += write_number(size, &out[at])
        if size:
            memcpy(&out[at], &values[offsets[i]], size)
            at += size
        if has_score[i]:
            out[at] = SCORE << 3 | FIXED32
            memcpy(&bits, &scores[i], 4)
            out[at + 1], out[at + 2] = bits & 0xFF, bits >> 8 & 0xFF
            out[at + 3], out[at + 4] = bits >> 16 & 0xFF, bits >> 24
            at += 5
        if has_type[i]:
            out[at], out[at + 1] = TYPE << 3 | VARINT, types[i]
            at += 2
        if n_extra:
            memcpy(&out[at], &raw[0], n_extra)
            at += n_extra
    return bytes(np.asarray(out)[:at])
