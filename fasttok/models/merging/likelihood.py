"""The merge loop for the order by likelihood.

The score of a pair (x, y) is f(xy) / (f(x) f(y)), where f is the current number of occurrences. Merging (x,
y) lowers f(x) and f(y), so the scores of other pairs with x or y can rise. A heap that corrects its entries
only at the top, as in `fasttok.models.merging.kernels`, would therefore be wrong. Here, the heap index of
each pair is stored, and each symbol has two chains (linked lists) of pairs: those with the symbol on the
left, and those with it on the right. At the end of a merge, the pairs in the chains of x and y are moved in
the heap. A pair whose f(xy) alone has fallen has a lower score, which can still be corrected at the top. In
natural text, a merge moves a few hundred pairs.

Pairs are compared by their keys: f(xy), f(x) and f(y) at the time of the pair's last move. The heap therefore
stays in order while some pairs have yet to be moved.

The kernels use the arrays of `fasttok.models.merging.kernels`, except that `heap` has slots only, and these,
for p slots and s symbols at the end::

    heap         int64[p]      slots of the pairs in the heap
    places       int64[p]      heap index of each pair
    keys         int64[p, 3]   key of each pair
    scores       float64[p]    score of each pair in double precision, from its key
    links        int64[p, 2]   next pair in the chain of the left and of the right symbol; -1 at the end
    frequencies  int64[s]      f of each symbol
    heads        int64[s, 2]   first pair in each symbol's chain as left, and as right symbol; -1 if empty
"""

from __future__ import annotations

import numpy as np

from fasttok.core.jit.kernel import njit
from fasttok.models.merging.kernels import (
    BEGUN,
    CHECK_VETO,
    CURRENT,
    DONE,
    EXHAUSTED,
    FIRST_NEW_PAIR,
    FIXED_COST,
    FULL,
    LEFT,
    MAX_LENGTH,
    MERGED,
    MIN_COUNT,
    N_HEAP,
    N_PAIRS,
    N_SYMBOLS,
    NEXT,
    PAUSED,
    RIGHT,
    SIZE,
    START,
    TARGET,
    begin_merge,
    end_merge,
    merge_occurrences,
)

# Shapes and types of the entries of `heap`, `places`, `keys`, `scores` and `links`.
BY_PAIR = (((), np.int64), ((), np.int64), ((3,), np.int64), ((), np.float64), ((2,), np.int64))
LOW = np.uint64(0xFFFFFFFF)  # mask of the lower 32 bits
# If the quotient of two scores in float64 is larger, the exact scores differ too: rounding changes a score by
# a factor of less than 1 + 2^-50.
CERTAIN = 1 + 2.0**-48
SMALL = 2.0**61  # if the float64 value of a product is smaller, it and nearly equal products fit 63 bits


@njit
def multiply(a, b):
    """Return the product of two numbers below 2^64: its upper and lower 64 bits."""
    shift = np.uint64(32)
    a_high, a_low = a >> shift, a & LOW
    b_high, b_low = b >> shift, b & LOW
    low = a_low * b_low
    middle = a_high * b_low + (low >> shift)
    other = a_low * b_high + (middle & LOW)
    return a_high * b_high + (middle >> shift) + (other >> shift), (other << shift) | (low & LOW)


@njit
def multiply_three(a, b, c):
    """Return the product of three numbers below 2^63: three 64-bit integers, most significant first."""
    high, low = multiply(np.uint64(a), np.uint64(b))
    middle_high, low = multiply(low, np.uint64(c))
    high, middle = multiply(high, np.uint64(c))
    middle += middle_high
    if middle < middle_high:
        high += np.uint64(1)
    return high, middle, low


@njit
def scores_above(keys, scores, x, y):
    """Compare the exact scores of two pairs: return 1 if that of x is higher, 0 if equal, -1 if lower."""
    if scores[x] > scores[y] * CERTAIN:
        return 1
    if scores[y] > scores[x] * CERTAIN:
        return -1
    n_x, left_x, right_x = keys[x, 0], keys[x, 1], keys[x, 2]
    n_y, left_y, right_y = keys[y, 0], keys[y, 1], keys[y, 2]
    # Compare n_x / (left_x right_x) and n_y / (left_y right_y) by cross-multiplication.
    if np.float64(n_x) * np.float64(left_y) * np.float64(right_y) < SMALL:
        of_x, of_y = n_x * left_y * right_y, n_y * left_x * right_x
        return 1 if of_x > of_y else -1 if of_x < of_y else 0
    high_x, middle_x, low_x = multiply_three(n_x, left_y, right_y)
    high_y, middle_y, low_y = multiply_three(n_y, left_x, right_x)
    if high_x != high_y:
        return 1 if high_x > high_y else -1
    if middle_x != middle_y:
        return 1 if middle_x > middle_y else -1
    return 1 if low_x > low_y else -1 if low_x < low_y else 0


@njit
def precedes(keys, scores, pairs, x, y):
    """Return whether pair x is merged before pair y, according to their keys."""
    above = scores_above(keys, scores, x, y)
    if above != 0:
        return above > 0
    if pairs[x, LEFT] != pairs[y, LEFT]:
        return pairs[x, LEFT] < pairs[y, LEFT]
    return pairs[x, RIGHT] < pairs[y, RIGHT]


@njit
def move_up(heap, places, keys, scores, pairs, slot):
    """Move a pair up in the heap from ``places[slot]``, after it was added or its score has risen."""
    i = places[slot]
    while i > 0:
        parent = (i - 1) >> 1
        other = heap[parent]
        if not precedes(keys, scores, pairs, slot, other):
            break
        heap[i] = other
        places[other] = i
        i = parent
    heap[i] = slot
    places[slot] = i


@njit
def move_down(heap, places, keys, scores, pairs, reg, slot):
    """Move a pair down in the heap from ``places[slot]``, after its score has fallen."""
    n = reg[N_HEAP]
    i = places[slot]
    while True:
        child = 2 * i + 1
        if child >= n:
            break
        if child + 1 < n and precedes(keys, scores, pairs, heap[child + 1], heap[child]):
            child += 1
        other = heap[child]
        if not precedes(keys, scores, pairs, other, slot):
            break
        heap[i] = other
        places[other] = i
        i = child
    heap[i] = slot
    places[slot] = i


@njit
def set_key(keys, scores, pairs, count, frequencies, slot):
    """Update the key and score of a pair; return whether a symbol of it, and whether the pair, got rarer.

    If a symbol has become rarer, the score may have risen; if the pair has, the score may have fallen.
    """
    left, right = frequencies[pairs[slot, LEFT]], frequencies[pairs[slot, RIGHT]]
    rises = left < keys[slot, 1] or right < keys[slot, 2]
    falls = count[slot] < keys[slot, 0]
    keys[slot, 0] = count[slot]
    keys[slot, 1] = left
    keys[slot, 2] = right
    scores[slot] = np.float64(count[slot]) / (np.float64(left) * np.float64(right))
    return rises, falls


@njit
def add_pairs(count, pairs, piece_offsets, reg, first, heap, places, keys, scores, links, frequencies, heads):
    """Add each pair with slot >= `first` that is frequent and short enough to the heap and to its chains."""
    for slot in range(first, reg[N_PAIRS]):
        left, right = pairs[slot, LEFT], pairs[slot, RIGHT]
        length = (
            piece_offsets[left + 1] - piece_offsets[left] + piece_offsets[right + 1] - piece_offsets[right]
        )
        if count[slot] < reg[MIN_COUNT] or length > reg[MAX_LENGTH]:
            continue
        set_key(keys, scores, pairs, count, frequencies, slot)
        places[slot] = reg[N_HEAP]
        reg[N_HEAP] += 1
        move_up(heap, places, keys, scores, pairs, slot)
        links[slot, LEFT] = heads[left, LEFT]
        heads[left, LEFT] = slot
        links[slot, RIGHT] = heads[right, RIGHT]
        heads[right, RIGHT] = slot


@njit
def move_pairs_of(symbol, count, pairs, reg, heap, places, keys, scores, links, frequencies, heads):
    """Move the pairs of a symbol in the heap, after the symbol has become rarer.

    Pairs below MIN_COUNT are removed from the chains of the symbol instead.
    """
    for side in range(2):
        before = -1
        slot = heads[symbol, side]
        while slot >= 0:
            following = links[slot, side]
            if count[slot] < reg[MIN_COUNT]:
                if before < 0:
                    heads[symbol, side] = following
                else:
                    links[before, side] = following
            else:
                before = slot
                rises, falls = set_key(keys, scores, pairs, count, frequencies, slot)
                if rises:
                    move_up(heap, places, keys, scores, pairs, slot)
                if falls:
                    move_down(heap, places, keys, scores, pairs, reg, slot)
            slot = following


@njit
def find_likeliest(count, pairs, reg, heap, places, keys, scores, frequencies):
    """Return the slot of the pair to merge next, which stays on top of the heap; -1 if there is none."""
    while reg[N_HEAP] > 0:
        slot = heap[0]
        if keys[slot, 0] == count[slot]:
            return slot
        if count[slot] < reg[MIN_COUNT]:
            reg[N_HEAP] -= 1
            slot = heap[reg[N_HEAP]]
            places[slot] = 0
        else:
            set_key(keys, scores, pairs, count, frequencies, slot)
        move_down(heap, places, keys, scores, pairs, reg, slot)
    return -1


@njit
def run_likely_merges(
    cells,
    weights,
    count,
    pairs,
    postings,
    events,
    scratch,
    piece_values,
    piece_offsets,
    merges,
    reg,
    budget,
    heap,
    places,
    keys,
    scores,
    links,
    frequencies,
    heads,
):
    """Run merges by likelihood until about `budget` postings are visited; return the status of `run_merges`.

    The module docstring and that of `fasttok.models.merging.kernels` describe the arrays.
    """
    while True:
        if reg[CURRENT] < 0:
            if reg[N_SYMBOLS] == reg[TARGET]:
                return DONE
            slot = find_likeliest(count, pairs, reg, heap, places, keys, scores, frequencies)
            if slot < 0:
                return EXHAUSTED
            if not begin_merge(
                slot, count, pairs, postings, events, piece_values, piece_offsets, merges, reg
            ):
                return FULL
            if reg[CHECK_VETO]:
                return BEGUN
        current, start = reg[CURRENT], reg[NEXT]
        end = pairs[current, START] + pairs[current, SIZE]
        stop = end if end < start + budget else start + budget
        merge_occurrences(cells, weights, count, pairs, postings, events, scratch, reg, stop)
        budget -= reg[NEXT] - start + FIXED_COST
        if reg[NEXT] == end:
            end_merge(cells, count, pairs, postings, events, scratch, merges, reg)
            left, right = pairs[current, LEFT], pairs[current, RIGHT]
            frequencies[reg[N_SYMBOLS] - 1] = reg[MERGED]
            frequencies[left] -= reg[MERGED]
            frequencies[right] -= reg[MERGED]
            for symbol in (left, right):
                move_pairs_of(
                    symbol, count, pairs, reg, heap, places, keys, scores, links, frequencies, heads
                )
            add_pairs(
                count, pairs, piece_offsets, reg, reg[FIRST_NEW_PAIR], heap, places, keys, scores, links,
                frequencies, heads,
            )  # fmt: skip
        if budget <= 0:
            return PAUSED
