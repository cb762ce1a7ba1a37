"""Encoding by a function of Python, for models that have no kernel of their own."""

cimport cython
from libc.stdint cimport uint8_t, uint32_t

from fasttok.core._interrupt cimport Interrupt
from fasttok.models._encoder cimport INTERRUPTED, UNKNOWN, PretokenEncoder

from fasttok.core.errors import UnknownCharacterError


@cython.final
cdef class PythonEncoder(PretokenEncoder):
    """Calls a function for every pretoken that the cache does not know.

    Parameters
    ----------
    function : callable
        Takes a pretoken as ``bytes``; returns its ids, at least one and at most one per byte. An
        `UnknownCharacterError` names the byte of the pretoken.
    """

    cdef object function

    def __cinit__(self, function):
        self.function = function

    cdef Py_ssize_t encode_pretoken(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        with gil:
            return self._call(pretoken, length, out, interrupt)

    cdef Py_ssize_t _call(self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt):
        cdef Py_ssize_t i, n
        try:
            ids = list(self.function(<bytes>pretoken[:length]))
            n = len(ids)
            if not 0 < n <= length:
                raise ValueError(f"the model gives {n} ids for a pretoken of {length} bytes; expected 1 to {length}")
            for i in range(n):
                out[i] = ids[i]
            return n
        except UnknownCharacterError as error:
            return UNKNOWN - error.position
        except BaseException as error:
            interrupt.error = error
            return INTERRUPTED
