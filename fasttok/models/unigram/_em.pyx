"""Kernels of Unigram training: expected counts by forward-backward, best paths, and losses without a piece.

All kernels walk over the arcs of words. The arcs of a position are the pieces that match the text there, the
shortest first. An arc is a uint32: the piece in the lower 24 bits and its length in symbols in the upper 8
bits. Every word has a path, because every symbol is a piece.

`expect` multiplies probabilities, not logarithms, so the sums can become too small for a double. When the
forward sum of a position is too small, the sums from this position on are multiplied by a power of two, and
the backward pass undoes the scaling. If a long piece has already made a much larger sum at a later position,
the small sum is negligible and is set to 0 instead.
"""

from libc.math cimport INFINITY, log
from libc.stdint cimport int64_t, uint32_t

from fasttok.core._interrupt cimport Interrupt

cdef enum:
    CHECK_MASK = 0x3FFF  # the interrupt is checked every 0x4000 symbols of a word

cdef double SMALL = 2.0**-500  # smaller forward sums are scaled
cdef double SCALE = 2.0**500  # 1 / SMALL
cdef double NOT_SMALL = 2.0**-300  # sums below SMALL are negligible compared with sums above this
cdef uint32_t PIECE = 0xFFFFFFU  # mask of the piece in an arc


def expect(
    const int64_t[::1] words,
    const int64_t[::1] counts,
    const int64_t[::1] offsets,
    const uint32_t[::1] arcs,
    Py_ssize_t longest,
    const double[::1] probabilities,
    Py_ssize_t first,
    Py_ssize_t last,
    double[::1] forward,
    double[::1] backward,
    double[::1] values,
    int64_t[::1] rescaled,
    double[::1] expected,
    Interrupt interrupt not None,
):
    """Run the E step: add the expected count of every piece in the words [first, last) to `expected`.

    Returns the log-likelihood of these words in nats, weighted by their counts.

    Parameters
    ----------
    words, counts : int64[k + 1], int64[k]
        Offsets and counts of the words.
    offsets, arcs : int64[n + 1], uint32[m]
        Arcs of each position.
    longest : int
        Length of the longest piece in symbols.
    probabilities : double[v]
        Probability of each piece.
    forward, backward, rescaled : double, double, int64
        Buffers with one entry more than the longest word has symbols.
    values : double
        Buffer with one entry per arc of the word with the most arcs.
    expected : double[v]
        Expected counts to add to.
    interrupt : Interrupt
        Interrupt that is checked inside long words.
    """
    cdef Py_ssize_t w, i, j, end, n, n_rescaled
    cdef int64_t base, begin, k
    cdef uint32_t arc
    cdef double a, g, part, largest, log_likelihood = 0
    with nogil:
        for w in range(first, last):
            base = words[w]
            begin = offsets[base]
            n = words[w + 1] - base
            n_rescaled = 0
            for i in range(n + 1):
                forward[i] = 0
            forward[0] = 1
            for i in range(n):
                if i & CHECK_MASK == CHECK_MASK and interrupt.check():
                    with gil:
                        interrupt.raise_error()
                if forward[i] < SMALL:
                    largest = 0
                    for j in range(i, min(i + longest - 1, n) + 1):
                        largest = max(largest, forward[j])
                    if largest > NOT_SMALL:
                        forward[i] = 0  # negligible compared with the sums that long pieces made
                        continue
                    for j in range(i, min(i + longest - 1, n) + 1):
                        forward[j] *= SCALE
                    rescaled[n_rescaled] = i
                    n_rescaled += 1
                a = forward[i]
                for k in range(offsets[base + i], offsets[base + i + 1]):
                    arc = arcs[k]
                    values[k - begin] = probabilities[arc & PIECE]
                    forward[i + (arc >> 24)] += a * values[k - begin]
            log_likelihood += counts[w] * (log(forward[n]) + n_rescaled * log(SMALL))
            # All backward sums are divided by the likelihood of the word.
            backward[n] = 1 / forward[n]
            for i in range(n - 1, -1, -1):
                if i & CHECK_MASK == CHECK_MASK and interrupt.check():
                    with gil:
                        interrupt.raise_error()
                if n_rescaled and rescaled[n_rescaled - 1] == i + 1:
                    for j in range(i + 1, min(i + longest, n) + 1):
                        backward[j] *= SCALE
                    n_rescaled -= 1
                a = forward[i] * counts[w]
                g = 0
                if a == 0:
                    backward[i] = 0
                    continue
                for k in range(offsets[base + i], offsets[base + i + 1]):
                    arc = arcs[k]
                    part = values[k - begin] * backward[i + (arc >> 24)]
                    g += part
                    expected[arc & PIECE] += a * part
                backward[i] = g
    return log_likelihood


def count_best(
    const int64_t[::1] words,
    const int64_t[::1] counts,
    const int64_t[::1] offsets,
    const uint32_t[::1] arcs,
    const double[::1] scores,
    Py_ssize_t first,
    Py_ssize_t last,
    double[::1] best,
    uint32_t[::1] last_arcs,
    int64_t[::1] occurrences,
    Interrupt interrupt not None,
):
    """Add the counts of each piece in the best paths of the words [first, last) to `occurrences`.

    The best path has the highest sum of scores. Ties go to the path whose last arc starts earliest, then to
    the one whose second-last arc starts earliest, and so on.

    Parameters
    ----------
    words, counts, offsets, arcs, interrupt
        See `expect`.
    scores : double[v]
        Score of each piece.
    best, last_arcs : double, uint32
        Buffers with one entry more than the longest word has symbols.
    occurrences : int64[v]
        Counts to add to.
    """
    cdef Py_ssize_t w, i, end, n
    cdef int64_t base, k
    cdef uint32_t arc
    cdef double score
    with nogil:
        for w in range(first, last):
            base = words[w]
            n = words[w + 1] - base
            for i in range(1, n + 1):
                best[i] = -INFINITY
            best[0] = 0
            for i in range(n):
                if i & CHECK_MASK == CHECK_MASK and interrupt.check():
                    with gil:
                        interrupt.raise_error()
                for k in range(offsets[base + i], offsets[base + i + 1]):
                    arc = arcs[k]
                    end = i + (arc >> 24)
                    score = best[i] + scores[arc & PIECE]
                    if score > best[end]:
                        best[end] = score
                        last_arcs[end] = arc
            i = n
            while i > 0:
                occurrences[last_arcs[i] & PIECE] += counts[w]
                i -= last_arcs[i] >> 24


def measure_losses(
    const int64_t[::1] positions,
    const uint32_t[::1] pieces,
    const int64_t[::1] offsets,
    const uint32_t[::1] arcs,
    const double[::1] scores,
    const double[::1] occurrences,
    double total,
    double token_cost,
    Py_ssize_t first,
    double[::1] best,
    uint32_t[::1] last_arcs,
    double[::1] out,
):
    """Write the loss from the removal of each of k pieces, numbered from `first` on, to `out`.

    If a piece is removed, each of its occurrences becomes the best other path through its string. The loss is the
    decrease in log-likelihood, in nats, plus `token_cost` per additional token. The loss is infinity if there
    is no other path. It is minus infinity if the other path has a higher score than the piece, or if the piece
    does not occur.

    Parameters
    ----------
    positions : int64[k]
        Position of one occurrence of each piece.
    pieces : uint32[k]
        Arc of each piece: number and length.
    offsets, arcs, scores
        See `count_best`.
    occurrences : double[v], total : double
        Count of each piece in the best paths of the corpus, and the sum of these counts.
    best, last_arcs : double, uint32
        Buffers with one entry more than the longest piece has symbols.
    out : double[k]
        Array for the losses.
    """
    cdef Py_ssize_t p, i, end, n, n_pieces
    cdef int64_t base, k
    cdef uint32_t arc
    cdef double score, f, loss
    with nogil:
        for p in range(pieces.shape[0]):
            f = occurrences[first + p]
            if f == 0:
                out[p] = -INFINITY
                continue
            base = positions[p]
            n = pieces[p] >> 24
            for i in range(1, n + 1):
                best[i] = -INFINITY
            best[0] = 0
            for i in range(n):
                for k in range(offsets[base + i], offsets[base + i + 1]):
                    arc = arcs[k]
                    end = i + (arc >> 24)
                    if end > n or arc == pieces[p]:
                        break  # the arcs after it are longer
                    score = best[i] + scores[arc & PIECE]
                    if score > best[end]:
                        best[end] = score
                        last_arcs[end] = arc
            if best[n] == -INFINITY:
                out[p] = INFINITY
                continue
            if best[n] > scores[pieces[p] & PIECE]:
                out[p] = -INFINITY
                continue
            loss = log(f) - log(total)
            n_pieces = 0
            i = n
            while i > 0:
                loss -= log(occurrences[last_arcs[i] & PIECE] + f)
                n_pieces += 1
                i -= last_arcs[i] >> 24
            loss += n_pieces * log(total + f * (n_pieces - 1)) + token_cost * (n_pieces - 1)
            out[p] = f * loss


def keep_arcs(
    int64_t[::1] offsets,
    uint32_t[::1] arcs,
    const uint32_t[::1] new_numbers,
    Py_ssize_t first,
    Py_ssize_t last,
    int64_t begin,
):
    """Compact the arcs of the positions [first, last) in place, and return the number of arcs kept.

    Kept arcs get the new number of their piece. Arcs of a removed piece, whose entry in ``new_numbers``
    (uint32[v]) is 0xFFFFFFFF, are dropped. The arcs of these positions start at index `begin` before and after;
    the entries ``first + 1`` to `last` of `offsets` are rewritten. `offsets` and `arcs` are those of `expect`.
    """
    cdef Py_ssize_t i
    cdef int64_t k, end, n = begin, start = begin
    cdef uint32_t piece
    with nogil:
        for i in range(first, last):
            end = offsets[i + 1]
            for k in range(start, end):
                piece = new_numbers[arcs[k] & PIECE]
                if piece <= PIECE:
                    arcs[n] = (arcs[k] & ~PIECE) | piece
                    n += 1
            start = end
            offsets[i + 1] = n
    return n - begin
