"""The best segmentation of a pretoken; compiled into _viterbi.pyx."""

from libc.math cimport INFINITY, NAN
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, malloc

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._trie cimport TrieNode, trie_has_value, trie_root, trie_step, trie_value
from fasttok.models._encoder cimport INTERRUPTED, OUT_OF_MEMORY
from fasttok.text.unicode._utf8 cimport read_code_point

cdef enum:
    STEPS = 0x10000  # between questions whether to go on
    FEW = 512  # scores that are kept without asking for memory

# What stands for an unknown character where ids are expected, with its length in bytes in the lower bits.
cdef extern from *:
    """
    #define FT_UNKNOWN_ARC 0xFF000000U
    """
    const uint32_t UNKNOWN_ARC "FT_UNKNOWN_ARC"

cdef extern from *:
    """
    #define FT_MOST 8192.0
    #define FT_OFF (1.0 / 4096)
    #define FT_FAR (-100000.0)
    """
    const double MOST "FT_MOST"  # what the score of a row may come to, so that every sum in single precision
    const double OFF "FT_OFF"  # is rounded by this at most
    const double FAR "FT_FAR"  # where sums in single precision begin anew, as sentencepiece's do


cdef struct ScoredPieces:
    # Of every id its score and its bytes, and the trie of those that are looked for in text.
    const uint32_t* units
    const double* scores
    const uint32_t* lengths
    double unk_score  # of a character that is no piece
    Py_ssize_t longest


cdef inline int length_of_character(uint8_t first) noexcept nogil:
    """The bytes of a character by its first one, if it is valid."""
    return 1 + (first >= 0xC0) + (first >= 0xE0) + (first >= 0xF0)


cdef inline Py_ssize_t find_best(
    const ScoredPieces* pieces,
    const uint8_t* text,
    Py_ssize_t length,
    uint32_t* out,
    Interrupt interrupt,
    bint is_single,
    bint finds_gap,
    double* number,
) noexcept nogil:
    """Write the pieces of the best segmentation to the end of `length` places; return how many.

    `is_single` and `finds_gap` are known where this is compiled into its caller.

    With `is_single` sums are in single precision, and `number` is what they begin with and then end with. With
    `finds_gap` it is set to how much better the segmentation is than the next best, less what rounding could do
    to both; something below 0 if that is not known.
    """
    cdef double few[FEW]
    cdef double few_gaps[FEW]  # between the best that leads to a place and the next best
    cdef double* best = few  # by place modulo its size; NaN where nothing leads to yet
    cdef Py_ssize_t n_best = FEW, i, start = 0, end, size, steps = 0, n_arcs = 0, n_characters = 0
    cdef const uint32_t* units = pieces.units
    cdef const double* scores = pieces.scores
    cdef TrieNode root = trie_root(units), node
    cdef uint32_t piece
    cdef double here, score, gap
    cdef bint is_piece
    if length >= FEW and pieces.longest >= FEW:
        while n_best <= min(length, pieces.longest):
            n_best *= 2
        best = <double*>malloc(n_best * sizeof(double))
        if best == NULL:
            return OUT_OF_MEMORY
    for i in range(min(n_best, length + 1)):
        best[i] = NAN
    best[0] = number[0] if is_single else 0
    while start < length:
        here = best[start & n_best - 1]
        best[start & n_best - 1] = NAN
        if is_single and here < FAR:
            for i in range(start + 1, min(start + pieces.longest, length) + 1):
                best[i & n_best - 1] = <float>(best[i & n_best - 1] - here)
            here = 0
        size = length_of_character(text[start])
        is_piece = False
        node = root
        end = start
        while end < length and trie_step(units, &node, text[end]):
            end += 1
            if trie_has_value(node):
                piece = trie_value(units, node)
                score = here + scores[piece]
                if is_single:
                    score = <float>(<float>here + <float>scores[piece])
                if finds_gap:
                    note_gap(few_gaps, best, end, n_best - 1, score)
                if not score <= best[end & n_best - 1]:
                    best[end & n_best - 1] = score
                    out[end - 1] = piece
                is_piece |= end - start == size
        steps += end - start + 1
        if not is_piece:
            # The trie holds whole characters: as far as it was walked, bytes are UTF-8.
            if end - start < size:
                read_code_point(text, start, length, &size)
            score = here + pieces.unk_score
            if is_single:
                score = <float>(<float>here + <float>pieces.unk_score)
            end = start + size
            if finds_gap:
                note_gap(few_gaps, best, end, n_best - 1, score)
            if not score <= best[end & n_best - 1]:
                best[end & n_best - 1] = score
                out[end - 1] = UNKNOWN_ARC | <uint32_t>size
        start += size
        n_characters += 1
        if steps >= STEPS:
            steps = 0
            if interrupt.check():
                start = -1
                break
    if is_single and start >= 0:
        number[0] = best[length & n_best - 1]
    if best != few:
        free(best)
    if start < 0:
        return INTERRUPTED
    # From the end to the front; what is read stands before what is written, as a piece has a byte at least.
    end = length
    gap = INFINITY if length < FEW else 0  # of a long pretoken, those at the front are not kept
    while end:
        if finds_gap:
            gap = min(gap, few_gaps[end & FEW - 1])
        piece = out[end - 1]
        n_arcs += 1
        out[length - n_arcs] = piece
        end -= pieces.lengths[piece] if piece < UNKNOWN_ARC else piece & ~UNKNOWN_ARC
    if finds_gap:
        number[0] = gap - OFF * (n_arcs + n_characters)
    return n_arcs


cdef inline void note_gap(
    double* gaps, const double* best, Py_ssize_t end, Py_ssize_t mask, double score
) noexcept nogil:
    """Take down how far what leads to a place is from the best that did so far, or that from it."""
    cdef double known = best[end & mask]
    if known != known:  # nothing did
        gaps[end & FEW - 1] = INFINITY
    elif score > known:
        gaps[end & FEW - 1] = score - known
    else:
        gaps[end & FEW - 1] = min(gaps[end & FEW - 1], known - score)
