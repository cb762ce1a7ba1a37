"""Encoding by a function of Python, for models that have no kernel of their own."""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t

from fasttok.core._interrupt cimport Interrupt
from fasttok.models._encoder cimport INTERRUPTED, UNKNOWN, PretokenEncoder

from operator import index

from fasttok.core.errors import UnknownCharacterError


@cython.final
cdef class PythonEncoder(PretokenEncoder):
    """Calls a function for every pretoken that the cache does not know.

    Parameters
    ----------
    function : callable
        Takes a pretoken as ``bytes``; returns its ids, at least one and at most one per byte. An
        `UnknownCharacterError` names the byte of the pretoken.
    n_ids : int
        One more than the largest id that the function may give.
    """

    cdef object function
    cdef Py_ssize_t n_ids

    def __cinit__(self, function, Py_ssize_t n_ids):
        self.function = function
        self.n_ids = n_ids

    cdef Py_ssize_t encode_pretoken(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        with gil:
            return self._call(pretoken, length, out, interrupt)

    cdef Py_ssize_t _call(self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt):
        cdef Py_ssize_t i, n
        try:
            ids = [index(given) for given in self.function(<bytes>pretoken[:length])]
            n = len(ids)
            if not 0 < n <= length:
                raise ValueError(f"the model gives {n} ids for a pretoken of {length} bytes; expected 1 to {length}")
            for i in range(n):
                if not 0 <= ids[i] < self.n_ids:
                    raise ValueError(f"the model gives id {ids[i]}; its ids are 0 to {self.n_ids - 1}")
                out[i] = ids[i]
            return n
        except UnknownCharacterError as error:
            return UNKNOWN - min(max(error.position, 0), length - 1)
        except BaseException as error:
            interrupt.error = error
            return INTERRUPTED

    cdef Py_ssize_t measure_pretoken(
        self,
        const uint8_t* pretoken,
        Py_ssize_t length,
        const uint32_t* ids,
        Py_ssize_t n,
        int64_t* lengths,
        Interrupt interrupt,
    ) noexcept nogil:
        cdef Py_ssize_t i, at = 0
        if PretokenEncoder.measure_pretoken(self, pretoken, length, ids, n, lengths, interrupt) < 0:
            return INTERRUPTED
        for i in range(n):
            at += lengths[i]
        if at == length:
            return 0
        with gil:
            interrupt.error = ValueError(
                f"the pieces that the model gives for {<bytes>pretoken[:length]!r} have {at} bytes, so that "
                "their places are not known"
            )
        return INTERRUPTED
