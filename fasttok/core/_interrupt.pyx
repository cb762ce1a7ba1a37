"""How a kernel that runs long is stopped: by Ctrl-C in the main thread, by the main thread in the others.

Python handles signals between the instructions of its main thread only. A kernel asks every few
milliseconds whether it should go on; in the main thread that lets Python handle what has come, in the
threads of `map_ordered` it looks whether they are being joined.
"""

cimport cython

from fasttok.core.parallel import end_if_stopped

cdef extern from "Python.h":
    int PyErr_CheckSignals() except -1


@cython.final
cdef class Interrupt:
    """Asks whether to go on, and keeps why not; for one thread at a time."""

    cdef bint check(self) noexcept nogil:
        """Whether to stop; why is kept for `raise_error`."""
        with gil:
            try:
                PyErr_CheckSignals()
                end_if_stopped()
            except BaseException as error:
                self.error = error
                return True
        return False

    cdef int raise_error(self) except -1:
        """Raise what made `check` answer yes."""
        error, self.error = self.error, None
        raise error
