"""Viterbi search for the best segmentation of a pretoken; compiled into _viterbi.pyx."""

from libc.math cimport INFINITY, NAN
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, malloc

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._trie cimport TrieNode, trie_has_value, trie_root, trie_step, trie_value
from fasttok.models._encoder cimport INTERRUPTED, OUT_OF_MEMORY, UNKNOWN
from fasttok.text.unicode._utf8 cimport read_code_point

cdef enum:
    CHECK_INTERVAL = 0x10000  # steps in the trie between two checks of the interrupt
    STACK_SIZE = 512  # number of scores in the buffer on the stack

# Marks an unknown character in an array of pieces; the lower bits are its length in bytes.
cdef extern from *:
    """
    #define FT_UNKNOWN_ARC 0xFF000000U
    """
    const uint32_t UNKNOWN_ARC "FT_UNKNOWN_ARC"

cdef extern from *:
    """
    #define FT_MAX_ROW_SCORE 8192.0
    #define FT_MAX_ROUNDING (1.0 / 4096)
    #define FT_MOST_SCORE 100000.0
    """
    # Largest absolute score of a row for which MAX_ROUNDING holds.
    const double MAX_ROW_SCORE "FT_MAX_ROW_SCORE"
    # Largest rounding error of one addition in single precision.
    const double MAX_ROUNDING "FT_MAX_ROUNDING"
    # If the absolute value of a sum in single precision is larger, sums restart from 0 there, as in sentencepiece.
    const double MOST_SCORE "FT_MOST_SCORE"


cdef struct ScoredPieces:
    const uint32_t* units  # trie of the pieces that can match text
    const double* scores  # of each id
    const uint32_t* lengths  # of each id, in bytes
    double unk_score  # of a character that is not a piece
    Py_ssize_t longest  # length of the longest piece in bytes, at least that of a character
    bint unk_is_error  # whether an unknown character is an error as soon as the search takes it


cdef inline int length_of_character(uint8_t first) noexcept nogil:
    """Return the length of a valid character in bytes, from its first byte."""
    return 1 + (first >= 0xC0) + (first >= 0xE0) + (first >= 0xF0)


cdef inline Py_ssize_t find_best(
    const ScoredPieces* pieces,
    const uint8_t* text,
    Py_ssize_t length,
    uint32_t* out,
    Interrupt interrupt,
    bint in_float32,
    bint finds_margin,
    double rounding,
    double* score_or_margin,
) noexcept nogil:
    """Write the pieces of the best segmentation to the last entries of out[:length]; return their number.

    Callers pass `in_float32` and `finds_margin` as constants, so that each call compiles to its own loop.

    With `in_float32`, sums are in single precision: they start from `score_or_margin`, which is then set to
    the final sum. With `finds_margin`, `score_or_margin` is set to the score of the segmentation minus that of
    the second best one, minus the largest possible rounding error of both; it is negative if not known. `rounding` is
    the largest rounding error of one addition.

    Return UNKNOWN - i if the character at byte i is unknown and this is an error.
    """
    cdef double stack_scores[STACK_SIZE]
    cdef double stack_margins[STACK_SIZE]  # by position: best score minus the second best
    cdef double* best = stack_scores  # ring buffer by position: best score so far, or NaN
    cdef Py_ssize_t n_best = STACK_SIZE, i, start = 0, end, size, steps = 0, n_arcs = 0, n_characters = 0
    cdef const uint32_t* units = pieces.units
    cdef const double* scores = pieces.scores
    cdef TrieNode root = trie_root(units), node
    cdef uint32_t piece
    cdef double here, score, margin
    cdef bint is_piece
    cdef Py_ssize_t reason = 0
    if length >= STACK_SIZE and pieces.longest >= STACK_SIZE:
        while n_best <= min(length, pieces.longest):
            n_best *= 2
        best = <double*>malloc(n_best * sizeof(double))
        if best == NULL:
            return OUT_OF_MEMORY
    for i in range(min(n_best, length + 1)):
        best[i] = NAN
    best[0] = score_or_margin[0] if in_float32 else 0
    while start < length:
        here = best[start & n_best - 1]
        best[start & n_best - 1] = NAN
        if in_float32 and (here < -MOST_SCORE or here > MOST_SCORE):
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
                if in_float32:
                    score = <float>(<float>here + <float>scores[piece])
                if finds_margin:
                    update_margin(stack_margins, best, end, n_best - 1, score)
                if not score <= best[end & n_best - 1]:
                    best[end & n_best - 1] = score
                    out[end - 1] = piece
                is_piece |= end - start == size
        steps += end - start + 1
        if not is_piece:
            # Pieces are valid UTF-8, so the bytes that matched a path in the trie are too.
            if end - start < size:
                read_code_point(text, start, length, &size)
            score = here + pieces.unk_score
            if in_float32:
                score = <float>(<float>here + <float>pieces.unk_score)
            end = start + size
            if finds_margin:
                update_margin(stack_margins, best, end, n_best - 1, score)
            if not score <= best[end & n_best - 1]:
                if pieces.unk_is_error:
                    reason = UNKNOWN - start
                    break
                best[end & n_best - 1] = score
                out[end - 1] = UNKNOWN_ARC | <uint32_t>size
        start += size
        n_characters += 1
        if steps >= CHECK_INTERVAL:
            steps = 0
            if interrupt.check():
                reason = INTERRUPTED
                break
    if in_float32 and reason == 0:
        score_or_margin[0] = best[length & n_best - 1]
    if best != stack_scores:
        free(best)
    if reason < 0:
        return reason
    # Backtrack in place. Reads stay ahead of writes, because a piece has at least one byte.
    end = length
    margin = INFINITY if length < STACK_SIZE else 0  # not known: long pretokens overwrite the first margins
    while end:
        if finds_margin:
            margin = min(margin, stack_margins[end & STACK_SIZE - 1])
        piece = out[end - 1]
        n_arcs += 1
        out[length - n_arcs] = piece
        end -= pieces.lengths[piece] if piece < UNKNOWN_ARC else piece & ~UNKNOWN_ARC
    if finds_margin:
        score_or_margin[0] = margin - rounding * (n_arcs + n_characters)
    return n_arcs


cdef inline void update_margin(
    double* margins, const double* best, Py_ssize_t end, Py_ssize_t mask, double score
) noexcept nogil:
    """Update the margin at position `end` with the score of one more path to it."""
    cdef double known = best[end & mask]
    if known != known:  # the first path
        margins[end & STACK_SIZE - 1] = INFINITY
    elif score > known:
        margins[end & STACK_SIZE - 1] = score - known
    else:
        margins[end & STACK_SIZE - 1] = min(margins[end & STACK_SIZE - 1], known - score)
