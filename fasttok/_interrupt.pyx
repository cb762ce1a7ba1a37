"""How a kernel that runs long is stopped: by Ctrl-C in the main thread, by the main thread in the others.

Python handles signals between the instructions of its main thread only. A kernel asks every few
milliseconds whether it should go on; in the main thread that lets Python handle what has come, in others it
looks at a flag that the main thread sets when it gives up.
"""

cimport cython

cdef extern from "Python.h":
    int PyErr_CheckSignals() except -1


@cython.final
cdef class Interrupt:
    """One for each thread at work."""

    def stop(self):
        """Make the kernel that holds this end as soon as it asks."""
        self.stopped = True

    def resume(self):
        """Take `stop` back."""
        self.stopped = False

    def raise_error(self):
        """Raise what a signal's handler raised while a kernel ran."""
        error, self.error = self.error, None
        if error is not None:
            raise error

    cdef bint check(self) noexcept nogil:
        """Whether to stop; a handler's exception is kept for `raise_error`."""
        if self.stopped:
            return True
        with gil:
            try:
                PyErr_CheckSignals()
            except BaseException as error:
                self.error = error
                return True
        return False
