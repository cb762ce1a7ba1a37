"""The kernels of Unigram training: forward and backward, best paths, and what a piece would be without itself.

All of them walk over the arcs of words: from every position of a word, the pieces that the text goes on with,
shortest first. An arc is a uint32, the piece in its lower 24 bits and its length in symbols above. There is a
path through every word, since every symbol is a piece.

Probabilities are multiplied as they are, without logarithms. Where what has come together at a position gets
too small, everything from there on is multiplied by a power of two, and the way back undoes it; unless a long
piece has made so much more further on that what is here is nothing beside it.
"""

from libc.math cimport INFINITY, log
from libc.stdint cimport int64_t, uint32_t

from fasttok.core._interrupt cimport Interrupt

cdef enum:
    OFTEN = 0x3FFF  # symbols of a word between two questions whether to go on, and one more

cdef double SMALL = 2.0**-500
cdef double LIFT = 2.0**500
cdef double STILL_SMALL = 2.0**-300
cdef uint32_t PIECE = 0xFFFFFFU


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
    int64_t[::1] lifted,
    double[::1] expected,
    Interrupt interrupt not None,
):
    """Add the expected occurrences of every piece in the words from `first` up to `last` to `expected`.

    Returns the log likelihood of these words, each as often as it occurs.

    Parameters
    ----------
    words, counts : int64[k + 1], int64[k]
        Where each word begins, and how often it occurs.
    offsets, arcs : int64[n + 1], uint32[m]
        The arcs of each position.
    longest : int
        The length of the longest piece.
    probabilities : double[v]
        Of each piece.
    forward, backward, lifted : double, double, int64
        Room for one entry more than the longest word has symbols.
    interrupt : Interrupt
        Asked in long words whether to go on.
    """
    cdef Py_ssize_t w, i, j, end, n, n_lifted
    cdef int64_t base, k
    cdef uint32_t arc
    cdef double a, g, part, largest, log_likelihood = 0
    with nogil:
        for w in range(first, last):
            base = words[w]
            n = words[w + 1] - base
            n_lifted = 0
            for i in range(n + 1):
                forward[i] = 0
            forward[0] = 1
            for i in range(n):
                if i & OFTEN == OFTEN and interrupt.check():
                    with gil:
                        interrupt.raise_error()
                if forward[i] < SMALL:
                    largest = 0
                    for j in range(i, min(i + longest - 1, n) + 1):
                        largest = max(largest, forward[j])
                    if largest > STILL_SMALL:
                        forward[i] = 0  # nothing beside what long pieces have made
                        continue
                    for j in range(i, min(i + longest - 1, n) + 1):
                        forward[j] *= LIFT
                    lifted[n_lifted] = i
                    n_lifted += 1
                a = forward[i]
                for k in range(offsets[base + i], offsets[base + i + 1]):
                    arc = arcs[k]
                    forward[i + (arc >> 24)] += a * probabilities[arc & PIECE]
            log_likelihood += counts[w] * (log(forward[n]) + n_lifted * log(SMALL))
            # `backward` is divided by the likelihood of the word from the start.
            backward[n] = 1 / forward[n]
            for i in range(n - 1, -1, -1):
                if i & OFTEN == OFTEN and interrupt.check():
                    with gil:
                        interrupt.raise_error()
                if n_lifted and lifted[n_lifted - 1] == i + 1:
                    for j in range(i + 1, min(i + longest, n) + 1):
                        backward[j] *= LIFT
                    n_lifted -= 1
                a = forward[i] * counts[w]
                g = 0
                if a == 0:
                    backward[i] = 0
                    continue
                for k in range(offsets[base + i], offsets[base + i + 1]):
                    arc = arcs[k]
                    part = probabilities[arc & PIECE] * backward[i + (arc >> 24)]
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
    uint32_t[::1] arrived,
    int64_t[::1] occurrences,
    Interrupt interrupt not None,
):
    """Add how often each piece stands in the best paths of the words to `occurrences`.

    The path of the highest sum of scores is the best; of equal ones that whose last arc begins earliest,
    and so on to the front. `best` and `arrived` must have room for one entry more than the longest word.
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
                if i & OFTEN == OFTEN and interrupt.check():
                    with gil:
                        interrupt.raise_error()
                for k in range(offsets[base + i], offsets[base + i + 1]):
                    arc = arcs[k]
                    end = i + (arc >> 24)
                    score = best[i] + scores[arc & PIECE]
                    if score > best[end]:
                        best[end] = score
                        arrived[end] = arc
            i = n
            while i > 0:
                occurrences[arrived[i] & PIECE] += counts[w]
                i -= arrived[i] >> 24


def measure_losses(
    const int64_t[::1] places,
    const uint32_t[::1] pieces,
    const int64_t[::1] offsets,
    const uint32_t[::1] arcs,
    const double[::1] scores,
    const double[::1] occurrences,
    double total,
    double token_cost,
    Py_ssize_t first,
    double[::1] best,
    uint32_t[::1] arrived,
    double[::1] out,
):
    """Write what the corpus would lose without each of the pieces from number `first` on.

    Their occurrences would go to the pieces of the best other path through their string. The loss is that in
    log likelihood, in nats, and `token_cost` for every token more. It is infinity where there is no such path,
    minus infinity where it is better than the piece itself, or the piece does not occur.

    Parameters
    ----------
    places : int64[k]
        A position at which each piece stands.
    pieces : uint32[k]
        Their arcs: piece and length.
    occurrences : double[v], total : double
        How often each piece stands in the best paths of the corpus, and the sum of these.
    best, arrived : double, uint32
        Room for one entry more than the longest piece has symbols.
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
            base = places[p]
            n = pieces[p] >> 24
            for i in range(1, n + 1):
                best[i] = -INFINITY
            best[0] = 0
            for i in range(n):
                for k in range(offsets[base + i], offsets[base + i + 1]):
                    arc = arcs[k]
                    end = i + (arc >> 24)
                    if end > n or arc == pieces[p]:
                        break  # the arcs behind it are longer
                    score = best[i] + scores[arc & PIECE]
                    if score > best[end]:
                        best[end] = score
                        arrived[end] = arc
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
                loss -= log(occurrences[arrived[i] & PIECE] + f)
                n_pieces += 1
                i -= arrived[i] >> 24
            loss += n_pieces * log(total + f * (n_pieces - 1)) + token_cost * (n_pieces - 1)
            out[p] = f * loss


def keep_arcs(
    int64_t[::1] offsets,
    uint32_t[::1] arcs,
    const uint32_t[::1] renamed,
    Py_ssize_t first,
    Py_ssize_t last,
    int64_t begin,
):
    """Close the ranks of the arcs of the pieces that remain, under their new numbers; return how many there are.

    A piece that goes is 0xFFFFFFFF in `renamed`. Of the positions from `first` up to `last`, whose arcs begin
    at `begin` and stay there; the offsets behind `first` are written anew.
    """
    cdef Py_ssize_t i
    cdef int64_t k, end, n = begin, start = begin
    cdef uint32_t piece
    with nogil:
        for i in range(first, last):
            end = offsets[i + 1]
            for k in range(start, end):
                piece = renamed[arcs[k] & PIECE]
                if piece <= PIECE:
                    arcs[n] = (arcs[k] & ~PIECE) | piece
                    n += 1
            start = end
            offsets[i + 1] = n
    return n - begin
