"""`PythonEncoder`: encodes with a Python function, for models without a compiled encoder."""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t

from fasttok.core._interrupt cimport Interrupt
from fasttok.models._encoder cimport INTERRUPTED, UNKNOWN, PretokenEncoder

from operator import index

from fasttok.core.errors import UnknownCharacterError


@cython.final
cdef class PythonEncoder(PretokenEncoder):
    """Encoder that calls a Python function for every pretoken that is not in the cache.

    Parameters
    ----------
    function : callable
        Function that takes a pretoken as ``bytes`` and returns its ids, at least one and at most one per byte.
        It may raise `UnknownCharacterError` with a byte offset in the pretoken.
    n_ids : int
        One more than the largest id that the function may return.
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
                raise ValueError(
                    f"encode_pretoken must return from 1 to {length} ids for a pretoken of {length} bytes, not {n}"
                )
            for i in range(n):
                if not 0 <= ids[i] < self.n_ids:
                    raise ValueError(f"encode_pretoken must return ids from 0 to {self.n_ids - 1}, not {ids[i]}")
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
                f"cannot locate the ids of the pretoken {<bytes>pretoken[:length]!r}: their pieces have {at} bytes, "
                f"but the pretoken has {length}"
            )
        return INTERRUPTED
