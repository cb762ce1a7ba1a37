"""Calls of kernels by the address of their machine code.

Every kernel has the same signature in C::

    int entry(void **pointers, int64_t *lengths)

`pointers` has the address of each array or number, then the address of each result; `lengths` has the lengths
of all arrays along their axes. `fasttok.core.jit.compilation` makes such functions.
"""

from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS,
    PyBUF_FORMAT,
    PyBuffer_Release,
    PyObject_CheckBuffer,
    PyObject_GetBuffer,
)
from libc.stdint cimport int64_t

cdef enum:
    MOST = 24  # arguments and results together
    MOST_RESULTS = 4
    MOST_AXES = 2

ctypedef int (*Entry)(void**, int64_t*) noexcept nogil


cdef union Number:
    int64_t integer
    double real


cdef class Arguments:
    """Arguments of one call of a kernel.

    Parameters
    ----------
    arguments : tuple
        C-contiguous arrays with one or two axes, and numbers of Python or NumPy.

    Attributes
    ----------
    kinds : bytes
        Type of each argument, three characters each: "i", "u", "f" or "b" (signed, unsigned, real, bool), the
        size in bytes, and the number of axes, which is 0 for a number.

    Raises
    ------
    TypeError
        If an argument has another type, or there are too many.
    ValueError
        If an array is not C-contiguous.
    """

    cdef Py_buffer buffers[MOST]
    cdef Number numbers[MOST]
    cdef void* pointers[MOST]
    cdef int64_t lengths[MOST * MOST_AXES]
    cdef char codes[3 * MOST]
    cdef int n, n_buffers, n_lengths
    cdef readonly bytes kinds

    def __cinit__(self, tuple arguments not None):
        if len(arguments) > MOST - MOST_RESULTS:
            raise TypeError(f"kernels have at most {MOST - MOST_RESULTS} arguments, not {len(arguments)}")
        for argument in arguments:
            if isinstance(argument, int):
                self.numbers[self.n].integer = argument
                self.add(&self.numbers[self.n], b"i", 8, 0)
            elif type(argument) is float:
                self.numbers[self.n].real = argument
                self.add(&self.numbers[self.n], b"f", 8, 0)
            else:
                self.add_buffer(argument)
        self.kinds = self.codes[: 3 * self.n]

    cdef int add(self, void* pointer, char code, Py_ssize_t size, int n_axes) except -1:
        cdef char* codes = &self.codes[3 * self.n]
        codes[0], codes[1], codes[2] = code, <char>(48 + size), <char>(48 + n_axes)
        self.pointers[self.n] = pointer
        self.n += 1
        return 0

    cdef int add_buffer(self, object argument) except -1:
        cdef Py_buffer* buffer = &self.buffers[self.n_buffers]
        cdef char code = 0
        cdef int axis
        if not PyObject_CheckBuffer(argument):
            raise TypeError(f"kernels take no arguments of type {type(argument).__name__}")
        PyObject_GetBuffer(argument, buffer, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT)
        self.n_buffers += 1
        if buffer.format != NULL and buffer.format[0] != 0 and buffer.format[1] == 0:
            if buffer.format[0] in b"bhilq":
                code = b"i"
            elif buffer.format[0] in b"BHILQ":
                code = b"u"
            elif buffer.format[0] in b"fd":
                code = b"f"
            elif buffer.format[0] == b"?":
                code = b"b"
        if code == 0 or buffer.ndim > MOST_AXES:
            raise TypeError(f"kernels take no {type(argument).__name__} with this type or number of axes")
        for axis in range(buffer.ndim):
            self.lengths[self.n_lengths] = buffer.shape[axis]
            self.n_lengths += 1
        return self.add(buffer.buf, code, buffer.itemsize, buffer.ndim)

    def run(self, size_t address, str results not None):
        """Call the kernel at `address`; `results` has the type of each result: "i" or "f".

        Return None, a number, or a tuple of numbers.
        """
        cdef Number found[MOST_RESULTS]
        cdef int status, i
        if len(results) > MOST_RESULTS:
            raise TypeError(f"kernels have at most {MOST_RESULTS} results, not {len(results)}")
        for i in range(len(results)):
            self.pointers[self.n + i] = &found[i]
        with nogil:
            status = (<Entry>address)(self.pointers, self.lengths)
        if status != 0:
            raise RuntimeError(f"a kernel ended with status {status}")
        if results == "i":
            return found[0].integer
        if not results:
            return None
        numbers = [found[i].real if results[i] == "f" else found[i].integer for i in range(len(results))]
        return numbers[0] if len(numbers) == 1 else tuple(numbers)

    def __dealloc__(self):
        cdef int i
        for i in range(self.n_buffers):
            PyBuffer_Release(&self.buffers[i])
