"""Find the merges of a vocabulary under tiktoken's rule."""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memmove

from fasttok.models._pieces cimport NOTHING, PieceTable

cdef enum:
    LONGEST_PIECE = 1024  # maximum length of a piece in bytes


def split_pieces(const uint8_t[::1] values, const int64_t[::1] offsets):
    """Return, for each of k pieces, the two ids that are merged last under tiktoken's rule: int64[k, 2].

    The rule merges two neighbours if their joined bytes are a piece; the piece with the lowest id is made first.
    Single bytes, empty rows and pieces that the rule never produces have (-1, -1). ``values`` (uint8[..]) and
    ``offsets`` (int64[k + 1]) have the pieces; the id of a piece is its row.

    Raises
    ------
    ValueError
        If a piece has more than LONGEST_PIECE bytes.
    """
    cdef Py_ssize_t n_pieces = offsets.shape[0] - 1, piece, n, i, best
    cdef PieceTable table = PieceTable(values, offsets, np.ones(n_pieces, np.uint8))
    cdef int64_t[:, ::1] splits = np.full((n_pieces, 2), -1, np.int64)
    cdef const uint8_t* p
    cdef Py_ssize_t starts[LONGEST_PIECE + 1]
    cdef uint32_t joined[LONGEST_PIECE]  # id of the piece that is parts i and i + 1 joined
    for piece in range(n_pieces):
        n = offsets[piece + 1] - offsets[piece]
        if n < 2:
            continue
        if n > LONGEST_PIECE:
            raise ValueError(f"piece {piece} has {n:,} bytes; the maximum is {LONGEST_PIECE:,}")
        p = &values[offsets[piece]]
        for i in range(n + 1):
            starts[i] = i
        for i in range(n - 1):
            joined[i] = table.find(p + i, 2)
        while n > 1:
            best = 0
            for i in range(1, n - 1):
                if joined[i] < joined[best]:
                    best = i
            if joined[best] == NOTHING:
                break
            if n == 2:
                splits[piece, 0] = table.find(p, starts[1])
                splits[piece, 1] = table.find(p + starts[1], starts[2] - starts[1])
            memmove(&starts[best + 1], &starts[best + 2], (n - best - 1) * sizeof(Py_ssize_t))
            memmove(&joined[best], &joined[best + 1], (n - best - 2) * 4)
            n -= 1
            if best:
                joined[best - 1] = table.find(p + starts[best - 1], starts[best + 1] - starts[best - 1])
            if best < n - 1:
                joined[best] = table.find(p + starts[best], starts[best + 2] - starts[best])
    return np.asarray(splits)
