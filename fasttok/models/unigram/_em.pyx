"""Kernels of Unigram training: arcs, expected counts by forward-backward, best paths, and losses without a piece.

Words are sorted, and a word shares its first ``shared[w]`` positions with the word before it. So the positions
are a tree, and each is visited once for all words that pass it: in the order of the words forward, and in the
reverse order backward. The tree is cut into slices, which begin with a word that shares nothing. The values of
the positions of the current word are in buffers by depth; those that a later word overwrites are saved for the
way back.

A node is a position after a symbol of a word, and its arcs are the pieces that end there, the longest first.
An arc is a uint32: the piece in the lower 24 bits and its length in symbols in the upper 8 bits. The nodes of
slice s are numbered from ``slice_nodes[s]`` on; one number after its last node is not used, so that the arcs of
node x are ``arcs[offsets[x]:offsets[x + 1]]`` also if those of each slice are compacted on their own. Every word
has a path, because every symbol is a piece.

`expect` multiplies probabilities, not logarithms. If a forward sum of a slice becomes too small for a double, the
slice is computed again with a power of two for each sum.
"""

from libc.math cimport INFINITY, ldexp, log
from libc.stdint cimport int32_t, int64_t, uint32_t

from fasttok.core._interrupt cimport Interrupt

cdef enum:
    CHECK_MASK = 0x3FFF  # the interrupt is checked every 0x4000 positions of a word
    BITS = 500  # sums with an exponent e are stored as multiples of 2^(-BITS * e)
    DONE, TOO_SMALL, STOPPED  # outcomes of a pass over a slice

cdef double SMALL = 2.0**-500  # 2^(-BITS); smaller forward sums have a greater exponent
cdef double SCALE = 2.0**500  # 1 / SMALL
cdef uint32_t PIECE = 0xFFFFFFU  # mask of the piece in an arc


cdef struct Estimate:  # of a piece
    double probability
    double expected


cdef struct Slice:
    const int64_t *lengths  # lengths, shared symbols and counts of the words
    const int32_t *shared
    const int64_t *counts
    Py_ssize_t first, last  # the words
    const int64_t *offsets  # offsets of the arcs of each node of the slice
    Py_ssize_t n_nodes
    const uint32_t *arcs


cdef inline Slice get_slice(
    const int64_t[::1] lengths,
    const int32_t[::1] shared,
    const int64_t[::1] counts,
    const int64_t[::1] slices,
    const int64_t[::1] slice_nodes,
    const int64_t[::1] offsets,
    const uint32_t[::1] arcs,
    Py_ssize_t s,
) noexcept nogil:
    cdef Slice found
    found.lengths = &lengths[0]
    found.shared = &shared[0]
    found.counts = &counts[0]
    found.first = slices[s]
    found.last = slices[s + 1]
    found.offsets = &offsets[slice_nodes[s]]
    found.n_nodes = slice_nodes[s + 1] - slice_nodes[s] - 1
    found.arcs = &arcs[0] if arcs.shape[0] else NULL
    return found


def list_arcs(
    const uint32_t[::1] symbols,
    const int64_t[::1] starts,
    const int64_t[::1] lengths,
    const int32_t[::1] shared,
    const int64_t[::1] nodes,
    const int64_t[::1] representatives,
    const uint32_t[::1] longest,
    const uint32_t[:, ::1] links,
    Py_ssize_t first,
    Py_ssize_t last,
    int64_t[::1] path,
    int64_t[::1] next_arcs,
    int64_t[::1] n_arcs,
    int64_t[::1] parents,
    uint32_t[::1] arcs,
    int64_t n_written,
    Interrupt interrupt not None,
):
    """Write the arcs of the nodes of the words [first, last) to `arcs`, in the order of the nodes.

    Returns the word that it has come to, whose arcs do not fit unless it is `last`, and the number of arcs.

    Parameters
    ----------
    symbols : uint32[n]
        Symbols of all words.
    starts, lengths, shared : int64[k], int64[k], int32[k]
        Position of the first symbol of each word, number of its symbols, and how many it shares with the word
        before it. The first word of a slice shares nothing.
    nodes : int64[k]
        First node of each word that it does not share.
    representatives, longest, links
        Chains of the substrings that begin at each position; see `Chains`.
    path, next_arcs : int64
        Buffers with one entry more than the longest word has symbols.
    n_arcs : int64
        Array of zeros for the number of arcs of each node.
    parents : int64
        Array for the node before each node; -1 at the start of a word.
    arcs : uint32
        Array for the arcs.
    n_written : int
        Number of entries of `arcs` that are in use.
    """
    cdef Py_ssize_t w = first, i, end, fresh
    cdef int64_t base, n
    cdef uint32_t row
    with nogil:
        while w < last:
            fresh = shared[w] + 1  # the first depth whose node the word does not share
            base = nodes[w] - fresh
            for i in range(fresh, lengths[w] + 1):
                n_arcs[base + i] = 1  # the symbol itself
            for i in range(lengths[w]):
                if i & CHECK_MASK == CHECK_MASK and interrupt.check():
                    with gil:
                        interrupt.raise_error()
                row = longest[representatives[starts[w] + i]]
                while row:
                    end = i + (links[row - 1, 0] >> 24)
                    if end < fresh:
                        break
                    n_arcs[base + end] += 1
                    row = links[row - 1, 1]
            n = n_written
            for i in range(fresh, lengths[w] + 1):
                next_arcs[i] = n
                n += n_arcs[base + i]
            if n > arcs.shape[0]:
                break
            n_written = n
            path[0] = -1
            for i in range(fresh, lengths[w] + 1):
                path[i] = base + i
                parents[base + i] = path[i - 1]
            for i in range(lengths[w]):
                row = longest[representatives[starts[w] + i]]
                while row:
                    end = i + (links[row - 1, 0] >> 24)
                    if end < fresh:
                        break
                    arcs[next_arcs[end]] = links[row - 1, 0]
                    next_arcs[end] += 1
                    row = links[row - 1, 1]
                if i + 1 >= fresh:
                    arcs[next_arcs[i + 1]] = 1U << 24 | symbols[starts[w] + i]
            w += 1
    return w, n_written


def expect(
    const int64_t[::1] lengths,
    const int32_t[::1] shared,
    const int64_t[::1] counts,
    const int64_t[::1] slices,
    const int64_t[::1] slice_nodes,
    const int64_t[::1] offsets,
    const uint32_t[::1] arcs,
    double[:, ::1] estimates,
    Py_ssize_t first,
    Py_ssize_t last,
    double[:, ::1] sums,
    int64_t[:, ::1] exponents,
    Interrupt interrupt not None,
):
    """Run the E step: add the expected count of every piece in the slices [first, last) to column 1 of `estimates`.

    Returns the log-likelihood of these slices in nats, weighted by their counts.

    Parameters
    ----------
    lengths, shared, counts : int64[k], int32[k], int64[k]
        Number of symbols of each word, how many it shares with the word before it, and its count.
    slices, slice_nodes : int64[s + 1]
        First word and first node of each slice.
    offsets, arcs : int64, uint32
        Arcs of each node.
    estimates : double[v, 2]
        Probability and expected count of each piece.
    sums, exponents : double[3, m + 4], int64[2, m + 4]
        Buffers, where m is the maximum of the symbols of the longest word and the nodes of the largest slice.
        ``sums[1]`` is 0 before and after.
    interrupt : Interrupt
        Interrupt that is checked inside long words.
    """
    cdef Py_ssize_t s
    cdef int outcome
    cdef double log_likelihood = 0
    cdef Estimate *table = <Estimate *>&estimates[0, 0]
    cdef double *forward = &sums[0, 0]
    cdef double *backward = &sums[1, 0]
    cdef double *saved = &sums[2, 0]
    cdef Slice part
    with nogil:
        for s in range(first, last):
            part = get_slice(lengths, shared, counts, slices, slice_nodes, offsets, arcs, s)
            outcome = sum_forward(&part, table, forward, saved, interrupt)
            if outcome == DONE:
                outcome = sum_backward(&part, table, forward, backward, saved, &log_likelihood, interrupt)
            elif outcome == TOO_SMALL:
                outcome = expect_small(
                    &part, table, forward, backward, saved, &exponents[0, 0], &exponents[1, 0],
                    &log_likelihood, interrupt,
                )
            if outcome == STOPPED:
                with gil:
                    interrupt.raise_error()
    return log_likelihood


cdef inline void copy(double *target, const double *source, Py_ssize_t n) noexcept nogil:
    """Copy `n` values, and up to three more; this is faster than a call for the few values of a word."""
    cdef Py_ssize_t i = 0
    while i < n:
        target[i] = source[i]
        target[i + 1] = source[i + 1]
        target[i + 2] = source[i + 2]
        target[i + 3] = source[i + 3]
        i += 4


cdef int sum_forward(
    const Slice *part, const Estimate *table, double *forward, double *saved, Interrupt interrupt
) noexcept nogil:
    """Compute the forward sums of a slice; `forward` has those of the last word in the end, `saved` the others.

    Return TOO_SMALL if a sum is too small, so that they are of no use.
    """
    cdef Py_ssize_t w, j, depth = 0, fresh
    cdef int64_t k
    cdef uint32_t arc
    cdef double total
    cdef const int64_t *offsets = part.offsets
    forward[0] = 1
    for w in range(part.first, part.last):
        fresh = part.shared[w] + 1
        copy(saved, forward + fresh, depth + 1 - fresh)
        saved += depth + 1 - fresh
        depth = part.lengths[w]
        for j in range(fresh, depth + 1):
            if j & CHECK_MASK == CHECK_MASK and interrupt.check():
                return STOPPED
            total = 0
            for k in range(offsets[0], offsets[1]):
                arc = part.arcs[k]
                total += forward[j - (arc >> 24)] * table[arc & PIECE].probability
            if total < SMALL:
                return TOO_SMALL
            forward[j] = total
            offsets += 1
    return DONE


cdef int sum_backward(
    const Slice *part,
    Estimate *table,
    double *forward,
    double *backward,
    double *saved,
    double *log_likelihood,
    Interrupt interrupt,
) noexcept nogil:
    """Add the expected counts of a slice to `table`, and its log-likelihood; `sum_forward` has been run.

    A backward sum is the sum over all words that pass the node, each divided by its likelihood and multiplied by
    its count.
    """
    cdef Py_ssize_t w, j, depth, fresh, before
    cdef int64_t k
    cdef uint32_t arc
    cdef double total, product
    cdef Estimate *estimate
    cdef const int64_t *offsets = part.offsets + part.n_nodes
    for w in range(part.first, part.last - 1):
        saved += (part.lengths[w] - part.shared[w + 1])
    for w in range(part.last - 1, part.first - 1, -1):
        fresh = part.shared[w] + 1
        depth = part.lengths[w]
        log_likelihood[0] += part.counts[w] * log(forward[depth])
        backward[depth] += part.counts[w] / forward[depth]
        for j in range(depth, fresh - 1, -1):
            if j & CHECK_MASK == CHECK_MASK and interrupt.check():
                return STOPPED
            offsets -= 1
            total = backward[j]
            backward[j] = 0
            for k in range(offsets[0], offsets[1]):
                arc = part.arcs[k]
                estimate = &table[arc & PIECE]
                product = estimate.probability * total
                estimate.expected += forward[j - (arc >> 24)] * product
                backward[j - (arc >> 24)] += product
        if w > part.first:
            before = part.lengths[w - 1] + 1 - fresh
            saved -= before
            copy(forward + fresh, saved, before)
    backward[0] = 0
    return DONE


cdef int expect_small(
    const Slice *part,
    Estimate *table,
    double *forward,
    double *backward,
    double *saved,
    int64_t *exponents,
    int64_t *saved_exponents,
    double *log_likelihood,
    Interrupt interrupt,
) noexcept nogil:
    """Do the work of `sum_forward` and `sum_backward` with an exponent for each sum.

    A forward sum is ``forward[j] * SMALL**exponents[j]``, a backward sum ``backward[j] / SMALL**exponents[j]``.
    """
    cdef Py_ssize_t w, i, j, depth = 0, fresh, before
    cdef int64_t k, least
    cdef uint32_t arc
    cdef double total, product
    cdef Estimate *estimate
    cdef const int64_t *offsets = part.offsets
    forward[0] = 1
    exponents[0] = 0
    for w in range(part.first, part.last):
        fresh = part.shared[w] + 1
        for i in range(depth + 1 - fresh):
            saved[i] = forward[fresh + i]
            saved_exponents[i] = exponents[fresh + i]
        saved += depth + 1 - fresh
        saved_exponents += depth + 1 - fresh
        depth = part.lengths[w]
        for j in range(fresh, depth + 1):
            if j & CHECK_MASK == CHECK_MASK and interrupt.check():
                return STOPPED
            least = exponents[j - 1]
            for k in range(offsets[0], offsets[1]):
                least = min(least, exponents[j - (part.arcs[k] >> 24)])
            total = 0
            for k in range(offsets[0], offsets[1]):
                arc = part.arcs[k]
                i = j - (arc >> 24)
                total += forward[i] * table[arc & PIECE].probability * power(least - exponents[i])
            while 0 < total < SMALL:
                total *= SCALE
                least += 1
            forward[j] = total
            exponents[j] = least
            offsets += 1
    for w in range(part.last - 1, part.first - 1, -1):
        fresh = part.shared[w] + 1
        depth = part.lengths[w]
        log_likelihood[0] += part.counts[w] * (log(forward[depth]) + exponents[depth] * log(SMALL))
        backward[depth] += part.counts[w] / forward[depth]
        for j in range(depth, fresh - 1, -1):
            if j & CHECK_MASK == CHECK_MASK and interrupt.check():
                return STOPPED
            offsets -= 1
            total = backward[j]
            backward[j] = 0
            for k in range(offsets[0], offsets[1]):
                arc = part.arcs[k]
                i = j - (arc >> 24)
                estimate = &table[arc & PIECE]
                product = estimate.probability * total * power(exponents[j] - exponents[i])
                estimate.expected += forward[i] * product
                backward[i] += product
        if w > part.first:
            before = part.lengths[w - 1] + 1 - fresh
            saved -= before
            saved_exponents -= before
            for i in range(before):
                forward[fresh + i] = saved[i]
                exponents[fresh + i] = saved_exponents[i]
    backward[0] = 0
    return DONE


cdef inline double power(int64_t exponent) noexcept nogil:
    """Return ``SCALE**exponent``, which is 0 if it is too small; no path has a factor that is too large."""
    return 1 if exponent == 0 else ldexp(1, BITS * <int>max(min(exponent, 2), -3))


def count_best(
    const int64_t[::1] lengths,
    const int32_t[::1] shared,
    const int64_t[::1] counts,
    const int64_t[::1] slices,
    const int64_t[::1] slice_nodes,
    const int64_t[::1] offsets,
    const uint32_t[::1] arcs,
    const double[::1] scores,
    Py_ssize_t first,
    Py_ssize_t last,
    double[::1] best,
    uint32_t[::1] last_arcs,
    int64_t[::1] weights,
    int64_t[::1] occurrences,
    Interrupt interrupt not None,
):
    """Add the counts of each piece in the best paths of the slices [first, last) to `occurrences`.

    The best path has the highest sum of scores. Ties go to the path whose last arc starts earliest, then to
    the one whose second-last arc starts earliest, and so on.

    Parameters
    ----------
    lengths, shared, counts, slices, slice_nodes, offsets, arcs, interrupt
        See `expect`.
    scores : double[v]
        Score of each piece.
    best, weights : double, int64
        Buffers with one entry more than the longest word has symbols; `weights` is 0 before and after.
    last_arcs : uint32
        Buffer with one entry per node of the largest slice.
    occurrences : int64[v]
        Counts to add to.
    """
    cdef Py_ssize_t s, w, j, node, depth
    cdef int64_t k
    cdef uint32_t arc, last_arc
    cdef double score, highest
    cdef Slice part
    best[0] = 0
    with nogil:
        for s in range(first, last):
            part = get_slice(lengths, shared, counts, slices, slice_nodes, offsets, arcs, s)
            node = 0
            for w in range(part.first, part.last):
                for j in range(part.shared[w] + 1, part.lengths[w] + 1):
                    if j & CHECK_MASK == CHECK_MASK and interrupt.check():
                        with gil:
                            interrupt.raise_error()
                    highest = -INFINITY
                    last_arc = 0
                    for k in range(part.offsets[node], part.offsets[node + 1]):
                        arc = part.arcs[k]
                        score = best[j - (arc >> 24)] + scores[arc & PIECE]
                        last_arc = arc if score > highest else last_arc
                        highest = score if score > highest else highest
                    best[j] = highest
                    last_arcs[node] = last_arc
                    node += 1
            for w in range(part.last - 1, part.first - 1, -1):
                depth = part.lengths[w]
                weights[depth] += part.counts[w]
                for j in range(depth, part.shared[w], -1):
                    node -= 1
                    if weights[j]:
                        arc = last_arcs[node]
                        occurrences[arc & PIECE] += weights[j]
                        weights[j - (arc >> 24)] += weights[j]
                        weights[j] = 0
            weights[0] = 0


def find_pieces(
    const int64_t[::1] slice_nodes,
    const int64_t[::1] offsets,
    const uint32_t[::1] arcs,
    int64_t[::1] ends,
):
    """Write a node where each piece ends to `ends` (int64[v]); pieces without an arc are left out."""
    cdef Py_ssize_t s
    cdef int64_t x, k
    with nogil:
        for s in range(slice_nodes.shape[0] - 1):
            for x in range(slice_nodes[s], slice_nodes[s + 1] - 1):
                for k in range(offsets[x], offsets[x + 1]):
                    ends[arcs[k] & PIECE] = x


def measure_losses(
    const int64_t[::1] ends,
    const uint32_t[::1] pieces,
    const int64_t[::1] parents,
    const int64_t[::1] offsets,
    const uint32_t[::1] arcs,
    const double[::1] scores,
    const double[::1] occurrences,
    double total,
    double token_cost,
    Py_ssize_t first,
    double[::1] best,
    uint32_t[::1] last_arcs,
    int64_t[::1] path,
    double[::1] out,
):
    """Write the loss from the removal of each of k pieces, numbered from `first` on, to `out`.

    If a piece is removed, each of its occurrences becomes the best other path through its string. The loss is the
    decrease in log-likelihood, in nats, plus `token_cost` per additional token. The loss is infinity if there
    is no other path. It is minus infinity if the other path has a higher score than the piece, or if the piece
    does not occur.

    Parameters
    ----------
    ends : int64[k]
        Node at the end of one occurrence of each piece.
    pieces : uint32[k]
        Arc of each piece: number and length.
    parents : int64
        Node before each node.
    offsets, arcs, scores
        See `count_best`.
    occurrences : double[v], total : double
        Count of each piece in the best paths of the corpus, and the sum of these counts.
    best, last_arcs, path : double, uint32, int64
        Buffers with one entry more than the longest piece has symbols.
    out : double[k]
        Array for the losses.
    """
    cdef Py_ssize_t p, j, n, n_pieces
    cdef int64_t k, node
    cdef uint32_t arc, last_arc
    cdef double score, highest, f, loss
    best[0] = 0
    with nogil:
        for p in range(pieces.shape[0]):
            f = occurrences[first + p]
            if f == 0:
                out[p] = -INFINITY
                continue
            n = pieces[p] >> 24
            node = ends[p]
            for j in range(n, 0, -1):
                path[j] = node
                node = parents[node]
            for j in range(1, n + 1):
                highest = -INFINITY
                last_arc = 0
                for k in range(offsets[path[j]], offsets[path[j] + 1]):
                    arc = arcs[k]
                    if <Py_ssize_t>(arc >> 24) > j or arc == pieces[p]:
                        continue
                    score = best[j - (arc >> 24)] + scores[arc & PIECE]
                    if score > highest:
                        highest = score
                        last_arc = arc
                best[j] = highest
                last_arcs[j] = last_arc
            if best[n] == -INFINITY:
                out[p] = INFINITY
                continue
            if best[n] > scores[pieces[p] & PIECE]:
                out[p] = -INFINITY
                continue
            loss = log(f) - log(total)
            n_pieces = 0
            j = n
            while j > 0:
                loss -= log(occurrences[last_arcs[j] & PIECE] + f)
                n_pieces += 1
                j -= last_arcs[j] >> 24
            loss += n_pieces * log(total + f * (n_pieces - 1)) + token_cost * (n_pieces - 1)
            out[p] = f * loss


def keep_arcs(
    const int64_t[::1] slice_nodes,
    int64_t[::1] offsets,
    uint32_t[::1] arcs,
    const uint32_t[::1] new_numbers,
    Py_ssize_t first,
    Py_ssize_t last,
):
    """Compact the arcs of each of the slices [first, last) in place.

    Kept arcs get the new number of their piece. Arcs of a removed piece, whose entry in ``new_numbers``
    (uint32[v]) is 0xFFFFFFFF, are dropped. Other parameters are those of `expect`.
    """
    cdef Py_ssize_t s
    cdef int64_t k, x, end, n, start
    cdef uint32_t piece
    with nogil:
        for s in range(first, last):
            n = start = offsets[slice_nodes[s]]
            for x in range(slice_nodes[s], slice_nodes[s + 1] - 1):
                end = offsets[x + 1]
                for k in range(start, end):
                    piece = new_numbers[arcs[k] & PIECE]
                    arcs[n] = (arcs[k] & ~PIECE) | (piece & PIECE)
                    n += piece <= PIECE
                start = end
                offsets[x + 1] = n
