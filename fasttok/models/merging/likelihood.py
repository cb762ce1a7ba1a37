"""The merge engine's other order: by likelihood, how often a pair occurs over how often its symbols do.

The score of a pair (x, y) is f(xy) / (f(x) f(y)), where f counts what is left in the text. Merging (x, y)
lowers f(x) and f(y), so the scores of all other pairs with x or y rise, and a heap that corrects its entries
only when they surface is wrong. Here each pair knows its place in the heap, and each symbol has two chains of
pairs, those it is the left part of and those it is the right part of: at the end of a merge, the pairs in the
chains of x and y move. That a pair itself has become rarer lets its score fall, and is still found when it
surfaces. In natural text a merge touches some hundred pairs.

Pairs are ordered by their keys, the three numbers as they were when the pair was last moved. So they stay in
order while some of them are still to be moved.
"""

from __future__ import annotations

import numpy as np

from fasttok.core.jit import njit
from fasttok.models.merging.kernels import (
    ASK,
    BEGUN,
    CURRENT,
    DONE,
    EXHAUSTED,
    FIRST_NEW_PAIR,
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

# By pair: the heap, its places in it, its key, the score of that, the next pairs in its chains.
BY_PAIR = (((), np.int64), ((), np.int64), ((3,), np.int64), ((), np.float64), ((2,), np.int64))
LOW = np.uint64(0xFFFFFFFF)
CERTAIN = 1 + 2.0**-48  # scores in float64, each off by a factor of less than 1 + 2^-50, differ beyond it
SMALL = 2.0**61  # a product within a hair of one below this, too, fits 63 bits


@njit
def multiply(a, b):
    """The product of two numbers below 2^64: the upper 64 bits and the lower."""
    shift = np.uint64(32)
    a_high, a_low = a >> shift, a & LOW
    b_high, b_low = b >> shift, b & LOW
    low = a_low * b_low
    middle = a_high * b_low + (low >> shift)
    other = a_low * b_high + (middle & LOW)
    return a_high * b_high + (middle >> shift) + (other >> shift), (other << shift) | (low & LOW)


@njit
def multiply_three(a, b, c):
    """The product of three numbers below 2^63: its three words of 64 bits, the upper first."""
    high, low = multiply(np.uint64(a), np.uint64(b))
    middle_high, low = multiply(low, np.uint64(c))
    high, middle = multiply(high, np.uint64(c))
    middle += middle_high
    if middle < middle_high:
        high += np.uint64(1)
    return high, middle, low


@njit
def scores_above(keys, scores, x, y):
    """Whether the score of pair x is above that of pair y (1), equal (0) or below (-1), exactly."""
    if scores[x] > scores[y] * CERTAIN:
        return 1
    if scores[y] > scores[x] * CERTAIN:
        return -1
    n_x, left_x, right_x = keys[x, 0], keys[x, 1], keys[x, 2]
    n_y, left_y, right_y = keys[y, 0], keys[y, 1], keys[y, 2]
    # n_x / (left_x right_x) against n_y / (left_y right_y), crosswise.
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
    """Whether pair x is merged before pair y, by their keys."""
    above = scores_above(keys, scores, x, y)
    if above != 0:
        return above > 0
    if pairs[x, LEFT] != pairs[y, LEFT]:
        return pairs[x, LEFT] < pairs[y, LEFT]
    return pairs[x, RIGHT] < pairs[y, RIGHT]


@njit
def move_up(heap, places, keys, scores, pairs, slot):
    """Let a pair whose key has risen, or is new, rise from its place in the heap."""
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
    """Let a pair whose key has fallen sink from its place in the heap."""
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
    """Bring the key of a pair up to date; whether a symbol of it became rarer, and whether the pair did."""
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
    """Add the slots from `first` on, of those frequent and short enough, to the heap and to the chains."""
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
    """Move the pairs with a symbol that occurs less often now; those that are too rare leave its chains."""
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
    """The slot of the best pair, which stays on top of the heap; -1 if there is none."""
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
    """Merge by likelihood; otherwise as `run_merges`.

    `BY_PAIR` says what the arrays from `heap` to `links` are; a key is f(xy), f(x) and f(y). By symbol are
    `frequencies`, and in `heads` the first of each chain. A chain ends with -1.
    """
    while True:
        if reg[CURRENT] < 0:
            if reg[N_SYMBOLS] == reg[TARGET]:
                return DONE
            slot = find_likeliest(count, pairs, reg, heap, places, keys, scores, frequencies)
            if slot < 0:
                return EXHAUSTED
            status = begin_merge(
                slot, count, pairs, postings, events, piece_values, piece_offsets, merges, reg
            )
            if status != PAUSED:
                return status
            if reg[ASK]:
                return BEGUN
        current, start = reg[CURRENT], reg[NEXT]
        end = pairs[current, START] + pairs[current, SIZE]
        merge_occurrences(
            cells, weights, count, pairs, postings, events, scratch, reg, min(end, start + budget)
        )
        budget -= reg[NEXT] - start + 50
        if reg[NEXT] == end:
            end_merge(cells, count, pairs, postings, events, scratch, reg)
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
