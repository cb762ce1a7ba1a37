"""Scanner of runs of one script; script.py defines them."""

import numpy as np

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t

from fasttok.text.unicode import _script_runs
from fasttok.text._spans cimport Spans
from fasttok.text.unicode._utf8 cimport read_code_point

cdef enum:
    INHERITED = 0  # also: the script of the run is not known yet
    COMMON = 1
    MARK = 0xFF  # U+2581

_script_of = np.repeat(
    np.array(_script_runs.SCRIPTS, np.uint8),
    np.diff(np.array([*_script_runs.STARTS, 0x110000], np.int64)),
)
# Japanese words mix three scripts. The long vowel mark, U+30FC, is Common in the tables.
_script_of[np.isin(_script_of, _script_of[[ord("ひ"), ord("カ")]])] = _script_of[ord("漢")]
_script_of[0x30FC] = _script_of[ord("漢")]
_script_of[0x2581] = MARK
cdef const uint8_t[::1] _script_view = _script_of
cdef const uint8_t* SCRIPT = &_script_view[0]


cdef inline uint8_t script_at(const uint8_t* text, Py_ssize_t i, Py_ssize_t end, Py_ssize_t* length) noexcept nogil:
    if text[i] < 0x80:
        length[0] = 1
        return SCRIPT[text[i]]
    return SCRIPT[read_code_point(text, i, end, length)]


cdef inline Py_ssize_t next_script(const uint8_t* text, Py_ssize_t i, Py_ssize_t end) noexcept nogil:
    """Return the end of the run of one script that starts at `i`."""
    cdef Py_ssize_t length, mark
    cdef uint8_t script, current = INHERITED
    while i < end:
        script = script_at(text, i, end, &length)
        mark = i
        while script == MARK:  # it belongs to this run if the code point after it does
            i += length
            if i == end:
                return end
            script = script_at(text, i, end, &length)
        if script != current and script != INHERITED:
            if current != INHERITED:
                return mark
            current = script
        i += length
    return end


@cython.final
cdef class ScriptScanner(Spans):
    """Spans of runs of one script. Has no state, so all threads can share it."""

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
        cdef Py_ssize_t i = position[0], k = 0
        while i < end and k < n:
            starts[k] = i
            i = next_script(text, i, end)
            ends[k] = i
            k += 1
        position[0] = i
        return k
