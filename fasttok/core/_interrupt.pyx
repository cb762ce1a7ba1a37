"""Interruption of long-running kernels by Ctrl-C.

Python handles signals only in its main thread, between two instructions. So a kernel calls `Interrupt.check`
every few milliseconds. In the main thread, the call lets Python handle pending signals. In a thread of
`map_ordered`, it checks whether the caller of `map_ordered` is waiting for the thread to end.
"""

cimport cython

from fasttok.core.parallel import end_if_stopped

cdef extern from "Python.h":
    int PyErr_CheckSignals() except -1


@cython.final
cdef class Interrupt:
    """Checker that stores the exception of the interruption it found. Not for several threads at once."""

    cdef bint check(self) noexcept nogil:
        """Return whether to stop; the exception is stored for `raise_error`."""
        with gil:
            try:
                PyErr_CheckSignals()
                end_if_stopped()
            except BaseException as error:
                self.error = error
                return True
        return False

    cdef int raise_error(self) except -1:
        """Raise the exception that `check` stored."""
        error, self.error = self.error, None
        raise error
