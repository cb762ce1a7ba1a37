"""Kernels that read the vocabulary and the merges of a tokenizer.json from parsed JSON.

Names are stored as bytes: in UTF-8 or, if an array with the byte of each character is given, in the bytes that
they have in GPT-2's byte alphabet.
"""

import numpy as np

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

from fasttok.models._pieces cimport NOTHING, PieceTable, hash_piece

cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* length) except NULL
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    int PyUnicode_KIND(object text)
    void* PyUnicode_DATA(object text)
    uint32_t PyUnicode_READ(int kind, void* data, Py_ssize_t i)

cdef enum:
    NO_BYTE = 0xFFFF  # in `byte_of`: the character is not in the alphabet
    SPACE = 32
    NO_SEPARATOR = -1
    BLOCK = 64  # merges that are looked up together

cpdef enum Reason:  # for which `read_merges` stops
    NOT_A_PAIR = 1
    NO_LEFT
    NO_RIGHT
    NO_RESULT
    SHORT_RIGHT
    NO_CHANGE
    OUTSIDE


cdef class Buffer:
    """Growing array of bytes."""

    cdef uint8_t* data
    cdef Py_ssize_t n
    cdef Py_ssize_t capacity

    def __cinit__(self):
        self._reserve(64)

    def __dealloc__(self):
        free(self.data)

    cdef int _reserve(self, Py_ssize_t more) except -1:
        cdef uint8_t* data
        if self.n + more > self.capacity:
            data = <uint8_t*>realloc(self.data, 2 * self.capacity + more)
            if data == NULL:
                raise MemoryError("not enough memory for the names of a vocabulary")
            self.data = data
            self.capacity = 2 * self.capacity + more
        return 0

    cdef Py_ssize_t append(self, object text, int separator, const uint16_t[::1] byte_of) except -2:
        """Append the bytes of a text, without the character `separator`.

        Return the number of bytes in the buffer before the last separator, or in the whole buffer if there is none.
        Return -1, and append nothing, if a character has no byte or there are several separators.
        """
        cdef Py_ssize_t i, n = self.n, n_left = -1, length = PyUnicode_GET_LENGTH(text)
        cdef int kind = PyUnicode_KIND(text)
        cdef void* characters = PyUnicode_DATA(text)
        cdef uint32_t character
        self._reserve(4 * length)
        for i in range(length):
            character = PyUnicode_READ(kind, characters, i)
            if character == <uint32_t>separator:
                if n_left >= 0:
                    return -1
                n_left = n
            elif byte_of is not None:
                if character >= <uint32_t>byte_of.shape[0] or byte_of[character] == NO_BYTE:
                    return -1
                self.data[n] = byte_of[character]
                n += 1
            elif character < 0x80:
                self.data[n] = character
                n += 1
            elif character < 0x800:
                self.data[n] = 0xC0 | character >> 6
                self.data[n + 1] = 0x80 | character & 0x3F
                n += 2
            elif character < 0x10000:
                if 0xD800 <= character < 0xE000:
                    text.encode()  # raises the error for a lone surrogate
                self.data[n] = 0xE0 | character >> 12
                self.data[n + 1] = 0x80 | character >> 6 & 0x3F
                self.data[n + 2] = 0x80 | character & 0x3F
                n += 3
            else:
                self.data[n] = 0xF0 | character >> 18
                self.data[n + 1] = 0x80 | character >> 12 & 0x3F
                self.data[n + 2] = 0x80 | character >> 6 & 0x3F
                self.data[n + 3] = 0x80 | character & 0x3F
                n += 4
        self.n = n
        return n if n_left < 0 else n_left

    cdef object array(self):
        return np.frombuffer(PyBytes_FromStringAndSize(<char*>self.data, self.n), np.uint8)


def read_vocab(dict vocab not None, Py_ssize_t most, const uint16_t[::1] byte_of):
    """Read a dict of names and ids.

    Parameters
    ----------
    vocab : dict
        Ids by name.
    most : int
        Limit of the ids: all must be below it.
    byte_of : uint16[k] or None
        Byte of each character of the alphabet, or NO_BYTE.

    Returns
    -------
    values : uint8[..], offsets : int64[n + 1]
        Name of each id; empty for an id without a name, and for a name with a character outside the alphabet.
    outside : list of str
        The names with such a character.

    Raises
    ------
    ValueError
        If an entry is invalid. The arguments of the error are the name and a message.
    """
    cdef Py_ssize_t n_names = len(vocab), k = 0, largest = -1, i, n, start
    cdef Buffer buffer = Buffer()
    cdef int64_t[::1] ids = np.empty(n_names, np.int64)
    cdef int64_t[::1] ends = np.empty(n_names, np.int64)
    cdef int64_t[::1] rows
    cdef int64_t[::1] offsets
    cdef uint8_t[::1] values
    cdef list outside = []
    for name, given in vocab.items():
        if type(given) is not int:
            raise ValueError(name, f"the id must be an integer, not {given!r}")
        if not 0 <= given < most:
            raise ValueError(name, f"the id must be from 0 to {most - 1}, not {given}")
        ids[k] = given
        if buffer.append(name, NO_SEPARATOR, byte_of) < 0:
            outside.append(name)
        ends[k] = buffer.n
        largest = max(largest, <Py_ssize_t>ids[k])
        k += 1
    rows = np.full(largest + 1, -1, np.int64)  # number of the name of each id
    for k in range(n_names):
        if rows[ids[k]] >= 0:
            names = list(vocab)
            raise ValueError(names[k], f"the id {ids[k]} is also the id of {names[rows[ids[k]]]!r}")
        rows[ids[k]] = k
    offsets = np.zeros(largest + 2, np.int64)
    values = np.empty(buffer.n, np.uint8)
    n = 0
    for i in range(largest + 1):
        k = rows[i]
        if k >= 0:
            start = ends[k - 1] if k else 0
            if ends[k] > start:
                memcpy(&values[n], buffer.data + start, ends[k] - start)
                n += ends[k] - start
        offsets[i + 1] = n
    return values.base, offsets.base, outside


def read_merges(list merges not None, PieceTable table not None, Py_ssize_t skipped, const uint16_t[::1] byte_of):
    """Read a list of merges.

    Parameters
    ----------
    merges : list
        Pairs of names: lists of two ``str``, or strings in which one space separates both. All must have the same
        form. Strings that begin with "#version" are skipped.
    table : PieceTable
        Ids by name.
    skipped : int
        Number of bytes of the continuation prefix, which a right part loses.
    byte_of : uint16[k] or None
        As in `read_vocab`.

    Returns
    -------
    pairs : uint32[m, 2], ids : uint32[m]
        The merges before the first invalid one, and the ids of their results.
    index, reason : int
        Index in `merges` of the first invalid merge, and the reason. (0, 0) if all are valid.
    """
    cdef Py_ssize_t n_merges = len(merges), i = 0, k, n, m = 0, end
    cdef uint32_t[:, ::1] pairs = np.empty((n_merges, 2), np.uint32)
    cdef uint32_t[::1] ids = np.empty(n_merges, np.uint32)
    cdef MergeReader reader = MergeReader(table, skipped, byte_of, n_merges and isinstance(merges[0], str))
    cdef int reason = 0
    while i < n_merges and reason == 0:
        # Read a block of names, and look them up while their memory is fetched.
        end = min(i + BLOCK, n_merges)
        reader.n = 0
        reader.names.n = 0
        for i in range(i, end):
            reason = reader.add(merges[i], i)
            if reason:
                break
        else:
            i = end
        reader.fetch()
        for k in range(reader.n):
            n = reader.find(k, &pairs[m, 0], &ids[m])
            if n:
                i = reader.indices[k]
                reason = n
                break
            m += 1
    return np.asarray(pairs)[:m], np.asarray(ids)[:m], i if reason else 0, reason


cdef class MergeReader:
    """Block of merges whose names are looked up together, so that the memory latencies overlap."""

    cdef PieceTable table
    cdef Py_ssize_t skipped
    cdef const uint16_t[::1] byte_of
    cdef bint are_texts
    cdef Buffer names
    cdef Py_ssize_t n
    cdef Py_ssize_t indices[BLOCK]  # index of each merge in the list
    cdef Py_ssize_t bounds[2 * BLOCK + 1]  # ends of the names in the buffer, in the order left, right, left, right ...
    cdef uint64_t hashes[2 * BLOCK]
    cdef uint32_t last  # id of the result before

    def __cinit__(
        self, PieceTable table not None, Py_ssize_t skipped, const uint16_t[::1] byte_of, bint are_texts
    ):
        self.table = table
        self.skipped = skipped
        self.byte_of = byte_of
        self.are_texts = are_texts
        self.names = Buffer()
        self.last = NOTHING

    cdef int add(self, object merge, Py_ssize_t index) except -1:
        """Add a merge to the block, unless it is to be skipped; return a reason if it is not a pair of names."""
        cdef Py_ssize_t begin = self.names.n, middle
        if self.are_texts:
            if not isinstance(merge, str):
                return NOT_A_PAIR
            middle = self.names.append(merge, SPACE, self.byte_of)
            if middle < 0 or middle == self.names.n:
                if merge.startswith("#version"):
                    self.names.n = begin
                    return 0
                if merge.count(" ") != 1:
                    return NOT_A_PAIR
                if middle < 0:
                    return OUTSIDE
            elif self.names.n - begin >= 8 and self.names.data[begin] == c"#" and merge.startswith("#version"):
                self.names.n = begin
                return 0
        else:
            if not isinstance(merge, (list, tuple)) or len(merge) != 2:
                return NOT_A_PAIR
            left, right = merge
            if not isinstance(left, str) or not isinstance(right, str):
                return NOT_A_PAIR
            middle = self.names.append(left, NO_SEPARATOR, self.byte_of)
            if middle < 0 or self.names.append(right, NO_SEPARATOR, self.byte_of) < 0:
                return OUTSIDE
        self.indices[self.n] = index
        self.bounds[2 * self.n] = begin
        self.bounds[2 * self.n + 1] = middle
        self.bounds[2 * self.n + 2] = self.names.n
        self.n += 1
        return 0

    cdef void fetch(self) noexcept:
        """Compute the hashes of all names of the block, and fetch the memory that `find` reads."""
        cdef Py_ssize_t k
        cdef int step
        for k in range(2 * self.n):
            self.hashes[k] = 0
            if self.bounds[k] < self.bounds[k + 1]:
                self.hashes[k] = hash_piece(self.names.data + self.bounds[k], self.bounds[k + 1] - self.bounds[k])
            self.table.fetch(self.hashes[k], 0)
        for step in range(1, 3):
            for k in range(2 * self.n):
                self.table.fetch(self.hashes[k], step)

    cdef int find(self, Py_ssize_t k, uint32_t* pair, uint32_t* result) noexcept:
        """Look up the names of merge k, and write the ids; return a reason if there are none."""
        cdef uint8_t* start = self.names.data + self.bounds[2 * k]
        cdef Py_ssize_t n_left = self.bounds[2 * k + 1] - self.bounds[2 * k], i
        cdef Py_ssize_t n_right = self.bounds[2 * k + 2] - self.bounds[2 * k + 1], n = n_left + n_right - self.skipped
        pair[0] = self.table.find_hashed(self.hashes[2 * k], start, n_left)
        if pair[0] == NOTHING:
            return NO_LEFT
        pair[1] = self.table.find_hashed(self.hashes[2 * k + 1], start + n_left, n_right)
        if pair[1] == NOTHING:
            return NO_RIGHT
        if self.skipped:
            if n_right <= self.skipped:
                return SHORT_RIGHT if n_right < self.skipped else NO_CHANGE
            for i in range(n_left, n):
                start[i] = start[i + self.skipped]
        # Results usually have ascending ids. Trying the next ids is faster than looking the result up.
        if self.last == NOTHING or not self.table.has(self.last, start, n):
            self.last += 1
            if not self.table.has(self.last, start, n):
                self.last = self.table.find(start, n)
        result[0] = self.last
        return NO_RESULT if self.last == NOTHING else 0


def read_scores(list vocab not None):
    """Read a list of names and scores.

    Returns
    -------
    values : uint8[..], offsets : int64[n + 1]
        Names.
    scores : float64[n]
        Scores.

    Raises
    ------
    ValueError
        If an entry is invalid. The arguments of the error are its index and a message.
    """
    cdef Py_ssize_t i, n = len(vocab)
    cdef Buffer buffer = Buffer()
    cdef int64_t[::1] offsets = np.zeros(n + 1, np.int64)
    cdef double[::1] scores = np.empty(n, np.float64)
    for i in range(n):
        entry = vocab[i]
        if not isinstance(entry, (list, tuple)) or len(entry) != 2:
            raise ValueError(i, f"must be a name and a score, not {entry!r}")
        name, score = entry
        if not isinstance(name, str):
            raise ValueError(i, f"the name must be a string, not {name!r}")
        if type(score) is not float and type(score) is not int:
            raise ValueError(i, f"the score must be a number, not {score!r}")
        buffer.append(name, NO_SEPARATOR, None)
        offsets[i + 1] = buffer.n
        try:
            scores[i] = score
        except OverflowError:
            raise ValueError(i, "the score is too large") from None
    return buffer.array(), offsets.base, scores.base
