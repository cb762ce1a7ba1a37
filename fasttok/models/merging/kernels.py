"""The merge engine in Numba: pair histograms, then merges in place.

The text is one flat array of cells, a cell a symbol of the input, 16 bytes each::

    cells[p] = SYMBOL  the symbol that starts at p
               PAIR    the slot of the pair it forms with its right neighbour, NONE where there is none
               LENGTH  how many cells it covers; also written in the last of them, to be found from there
               WORD    the pretoken p belongs to; neighbours are only neighbours within one

Merging overwrites the left symbol and lengthens it; nothing moves. Every occurrence of a pair (x, y)
comes into being in the step that creates the newer of x and y. So the positions of a pair (its postings)
are written once, contiguously and ascending, at the end of that step, and from then on its count only
falls: a max-heap whose stale entries are corrected when they surface is exact. A position is stale when
its cell no longer names the slot. Nothing in the loop is hashed: the pairs that a merge into z creates all
contain z, so two dense arrays indexed by the neighbour find their slots.

The heap holds only pairs that occur at least FLOOR times, so that it stays in the nearest cache: of the pairs
in natural text more than half occur once. When it is empty the floor is lowered by a quarter, and the pairs
between the new floor and the old one are found by looking through all counts.

No two merges join to the same string. Suppose (u, v) and (x, y) both join to w. Where u and v have come to
stand side by side, every earlier merge inside these bytes stayed inside, as nothing has crossed their ends;
so the merges made there are those that the bytes of w would have undergone alone, and they would end in the
same two symbols wherever w stands so. Hence (x, y) is (u, v). This holds whatever the first symbols are, as
long as equal strings begin with equal symbols: bytes, characters, or what a model's merges make of bytes. But
such a model may know strings that its merges never make, and a merge may join to one of these: hence ASK.

All state is in arrays and in `reg`, so that the loop can pause inside a merge, be resumed, and have its
arrays enlarged in between. Symbols count from 0 in the order that ties go by.
"""

from __future__ import annotations

import numpy as np

from fasttok.core.jit import njit

SYMBOL, PAIR, LENGTH, WORD = 0, 1, 2, 3
NONE = np.uint32(0xFFFFFFFF)
NO_PAIR = np.uint64(0xFFFFFFFFFFFFFFFF)
NO_CEILING = np.int64(0x7FFFFFFFFFFFFFFF)
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)

# Columns of `pairs`; the counts of pairs are an array of their own, which stays small in cache.
LEFT, RIGHT, START, SIZE = 0, 1, 2, 3

# reg: the registers of a paused loop.
N_SYMBOLS = 0  # symbols in use
N_PAIRS = 1
N_POSTINGS = 2
N_EVENTS = 3
N_HEAP = 4
CURRENT = 5  # the slot being merged, -1 between merges
NEXT = 6  # its next posting
FIRST_NEW_PAIR = 7
TARGET = 8  # stop at this many symbols
MIN_COUNT = 9
MAX_LENGTH = 10
BY_LENGTH = 11  # 1: ties go to the shorter piece, then the lesser one; 0: to the lesser symbols
NEED_PAIRS = 12  # what the next merge may need at most, when a run ends for want of room
NEED_POSTINGS = 13
NEED_EVENTS = 14
NEED_VALUES = 15
FLOOR = 16  # pairs that occur less often are not on the heap
ASK = 17  # 1: a run ends as BEGUN before it merges the first occurrence of a pair
MERGED = 18  # how often the pair being merged has been, each occurrence as often as its word
N_REG = 19

DONE, EXHAUSTED, PAUSED, NO_ROOM, BEGUN = 0, 1, 2, 3, 4


@njit
def count_pairs(cells, weights, keys, slots, count, pairs, reg, first, last):
    """The pair histogram of the cells from `first` to `last`: slots, counts and numbers of occurrences.

    `keys` and `slots` are a hash table of the pairs so far, a power of two long; an empty place has the key
    NO_PAIR. False means that it, or `count`, is too small.
    """
    n_cells = len(cells)
    mask = np.uint64(len(keys) - 1)
    n_pairs = reg[N_PAIRS]
    for p in range(first, last):
        word = cells[p, WORD]
        if p + 1 == n_cells or cells[p + 1, WORD] != word:
            continue
        key = np.uint64(cells[p, SYMBOL]) << np.uint64(32) | np.uint64(cells[p + 1, SYMBOL])
        i = (key * MULTIPLIER >> np.uint64(32)) & mask
        while keys[i] != key and keys[i] != NO_PAIR:
            i = (i + np.uint64(1)) & mask
        if keys[i] == NO_PAIR:
            if n_pairs == len(count) or 2 * n_pairs >= len(keys):
                return False
            keys[i] = key
            slots[i] = n_pairs
            pairs[n_pairs, LEFT] = cells[p, SYMBOL]
            pairs[n_pairs, RIGHT] = cells[p + 1, SYMBOL]
            pairs[n_pairs, SIZE] = 0
            count[n_pairs] = 0
            n_pairs += 1
        slot = slots[i]
        count[slot] += weights[word]
        pairs[slot, SIZE] += 1
        cells[p, PAIR] = slot
    reg[N_PAIRS] = n_pairs
    return True


@njit
def fill_postings(cells, pairs, postings, first, last):
    """Write the cells from `first` to `last` to the postings of their pairs; START moves on with them."""
    for p in range(first, last):
        slot = cells[p, PAIR]
        if slot != NONE:
            postings[pairs[slot, START]] = p
            pairs[slot, START] += 1


@njit
def write_postings(cells, pairs, postings, events, reg):
    """Turn the events of a merge into the postings of the pairs it created, ascending in each."""
    first = reg[FIRST_NEW_PAIR]
    for e in range(reg[N_EVENTS]):
        if cells[events[e, 1], PAIR] == events[e, 0]:
            pairs[events[e, 0], SIZE] += 1
    place = reg[N_POSTINGS]
    for slot in range(first, reg[N_PAIRS]):
        pairs[slot, START] = place
        place += pairs[slot, SIZE]
    reg[N_POSTINGS] = place
    for e in range(reg[N_EVENTS]):
        if cells[events[e, 1], PAIR] == events[e, 0]:
            postings[pairs[events[e, 0], START]] = events[e, 1]
            pairs[events[e, 0], START] += 1
    for slot in range(first, reg[N_PAIRS]):
        pairs[slot, START] -= pairs[slot, SIZE]


@njit
def precedes(count_a, pair_a, count_b, pair_b, piece_values, piece_offsets, by_length):
    """Whether pair a is merged before pair b, at these counts."""
    if count_a != count_b:
        return count_a > count_b
    if by_length:
        left_a, right_a = pair_a >> 32, pair_a & 0xFFFFFFFF
        left_b, right_b = pair_b >> 32, pair_b & 0xFFFFFFFF
        length_la = piece_offsets[left_a + 1] - piece_offsets[left_a]
        length_lb = piece_offsets[left_b + 1] - piece_offsets[left_b]
        length_a = length_la + piece_offsets[right_a + 1] - piece_offsets[right_a]
        length_b = length_lb + piece_offsets[right_b + 1] - piece_offsets[right_b]
        if length_a != length_b:
            return length_a < length_b
        for i in range(length_a):
            at_a = piece_offsets[left_a] + i if i < length_la else piece_offsets[right_a] + i - length_la
            at_b = piece_offsets[left_b] + i if i < length_lb else piece_offsets[right_b] + i - length_lb
            if piece_values[at_a] != piece_values[at_b]:
                return piece_values[at_a] < piece_values[at_b]
    return pair_a < pair_b


@njit
def push(heap, piece_values, piece_offsets, reg, count, pair, slot):
    """Add an entry to the heap."""
    i = reg[N_HEAP]
    reg[N_HEAP] += 1
    while i > 0:
        parent = (i - 1) >> 1
        if not precedes(
            count, pair, heap[parent, 0], heap[parent, 1], piece_values, piece_offsets, reg[BY_LENGTH]
        ):
            break
        for column in range(3):
            heap[i, column] = heap[parent, column]
        i = parent
    heap[i, 0], heap[i, 1], heap[i, 2] = count, pair, slot


@njit
def replace_top(heap, piece_values, piece_offsets, reg, count, pair, slot):
    """Put an entry in the place of the heap's first and let it sink."""
    n = reg[N_HEAP]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= n:
            break
        if child + 1 < n and precedes(
            heap[child + 1, 0], heap[child + 1, 1], heap[child, 0], heap[child, 1],
            piece_values, piece_offsets, reg[BY_LENGTH],
        ):  # fmt: skip
            child += 1
        if not precedes(
            heap[child, 0], heap[child, 1], count, pair, piece_values, piece_offsets, reg[BY_LENGTH]
        ):
            break
        for column in range(3):
            heap[i, column] = heap[child, column]
        i = child
    heap[i, 0], heap[i, 1], heap[i, 2] = count, pair, slot


@njit
def push_pairs(heap, pairs, count, piece_values, piece_offsets, reg, first, ceiling):
    """Add the slots from `first` on to the heap whose counts are in reach and that are not too long."""
    for slot in range(first, reg[N_PAIRS]):
        if count[slot] < reg[FLOOR] or count[slot] >= ceiling:
            continue
        left, right = pairs[slot, LEFT], pairs[slot, RIGHT]
        length = (
            piece_offsets[left + 1] - piece_offsets[left] + piece_offsets[right + 1] - piece_offsets[right]
        )
        if length <= reg[MAX_LENGTH]:
            push(heap, piece_values, piece_offsets, reg, count[slot], left << 32 | right, slot)


@njit
def find_most_frequent(count, pairs, heap, piece_values, piece_offsets, reg):
    """The slot of the best pair, which stays on top of the heap; -1 if there is none."""
    while True:
        while reg[N_HEAP] == 0:
            ceiling = reg[FLOOR]
            if ceiling == reg[MIN_COUNT]:
                return -1
            reg[FLOOR] = max(reg[MIN_COUNT], ceiling - (ceiling // 4 + 1))
            push_pairs(heap, pairs, count, piece_values, piece_offsets, reg, 0, ceiling)
        slot = heap[0, 2]
        if heap[0, 0] == count[slot]:
            return slot
        # Stale: sink it to its present count, or drop it (put the last entry here) if below the floor.
        top_count, pair = count[slot], heap[0, 1]
        if top_count < reg[FLOOR]:
            reg[N_HEAP] -= 1
            n = reg[N_HEAP]
            top_count, pair, slot = heap[n, 0], heap[n, 1], heap[n, 2]
        replace_top(heap, piece_values, piece_offsets, reg, top_count, pair, slot)


@njit
def begin_merge(slot, count, pairs, postings, events, piece_values, piece_offsets, merges, reg):
    """Make a pair a symbol; PAUSED means that its merge has begun."""
    symbol = reg[N_SYMBOLS]
    left, right = pairs[slot, LEFT], pairs[slot, RIGHT]
    n_values = piece_offsets[symbol]
    length_l = piece_offsets[left + 1] - piece_offsets[left]
    length = length_l + piece_offsets[right + 1] - piece_offsets[right]

    n_events = 2 * pairs[slot, SIZE]
    n_new_pairs = min(n_events, 2 * symbol + 2)
    reg[NEED_EVENTS] = n_events
    reg[NEED_POSTINGS] = reg[N_POSTINGS] + n_events
    reg[NEED_PAIRS] = reg[N_PAIRS] + n_new_pairs
    reg[NEED_VALUES] = n_values + length
    if (
        reg[NEED_EVENTS] > len(events)
        or reg[NEED_POSTINGS] > len(postings)
        or reg[NEED_PAIRS] > len(count)
        or reg[NEED_VALUES] > len(piece_values)
    ):
        return NO_ROOM

    # The entry stays on the heap: with its count at 0 it is dropped when it surfaces.
    for i in range(length):
        at = piece_offsets[left] + i if i < length_l else piece_offsets[right] + i - length_l
        piece_values[n_values + i] = piece_values[at]
    piece_offsets[symbol + 1] = n_values + length
    merge = symbol - (reg[TARGET] - len(merges))
    merges[merge, 0] = left
    merges[merge, 1] = right
    reg[N_SYMBOLS] += 1
    reg[CURRENT] = slot
    reg[NEXT] = pairs[slot, START]
    reg[FIRST_NEW_PAIR] = reg[N_PAIRS]
    reg[N_EVENTS] = 0
    reg[MERGED] = 0
    return PAUSED


@njit
def merge_occurrences(cells, weights, count, pairs, postings, events, scratch, reg, end):
    """Merge the occurrences of the current pair up to posting `end`, leftmost first."""
    symbol = reg[N_SYMBOLS] - 1
    current = np.uint32(reg[CURRENT])
    n_pairs = reg[N_PAIRS]
    n_events = reg[N_EVENTS]
    merged = reg[MERGED]
    n_cells = len(cells)
    for i in range(reg[NEXT], end):
        p = np.int64(postings[i])
        if cells[p, PAIR] != current:
            continue
        middle = p + np.int64(cells[p, LENGTH])
        after = middle + np.int64(cells[middle, LENGTH])
        word = cells[p, WORD]
        weight = weights[word]
        merged += weight
        cells[p, PAIR] = NONE
        for side in range(2):  # the neighbour on the left, then the one on the right
            if side == 0:
                if p == 0 or cells[p - 1, WORD] != word:
                    continue
                start = p - np.int64(cells[p - 1, LENGTH])
                neighbour = np.int64(cells[start, SYMBOL])
                count[cells[start, PAIR]] -= weight
            else:
                if after == n_cells or cells[after, WORD] != word:
                    continue
                start = p
                neighbour = np.int64(cells[after, SYMBOL])
                count[cells[middle, PAIR]] -= weight
            slot = np.int64(scratch[side, neighbour])
            if scratch[side, neighbour] == NONE:
                slot = n_pairs
                n_pairs += 1
                scratch[side, neighbour] = slot
                pairs[slot, LEFT] = neighbour if side == 0 else symbol
                pairs[slot, RIGHT] = symbol if side == 0 else neighbour
                pairs[slot, SIZE] = 0
                count[slot] = 0
            count[slot] += weight
            cells[start, PAIR] = slot
            events[n_events, 0] = slot
            events[n_events, 1] = start
            n_events += 1
        cells[middle, PAIR] = NONE
        cells[p, SYMBOL] = symbol
        cells[p, LENGTH] = after - p
        cells[after - 1, LENGTH] = after - p
    reg[NEXT] = end
    reg[N_PAIRS] = n_pairs
    reg[N_EVENTS] = n_events
    reg[MERGED] = merged


@njit
def end_merge(cells, count, pairs, postings, events, scratch, reg):
    """Write the postings of the pairs that the merge created, and clear the scratch arrays."""
    count[reg[CURRENT]] = 0
    write_postings(cells, pairs, postings, events, reg)
    for slot in range(reg[FIRST_NEW_PAIR], reg[N_PAIRS]):
        scratch[0, pairs[slot, LEFT]] = NONE
        scratch[1, pairs[slot, RIGHT]] = NONE
    reg[CURRENT] = -1


@njit
def run_merges(
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
):
    """Merge until done, out of pairs, out of room, or until about `budget` postings have been looked at."""
    while True:
        if reg[CURRENT] < 0:
            if reg[N_SYMBOLS] == reg[TARGET]:
                return DONE
            slot = find_most_frequent(count, pairs, heap, piece_values, piece_offsets, reg)
            if slot < 0:
                return EXHAUSTED
            status = begin_merge(
                slot, count, pairs, postings, events, piece_values, piece_offsets, merges, reg
            )
            if status != PAUSED:
                return status
            if reg[ASK]:
                return BEGUN
        start = reg[NEXT]
        end = pairs[reg[CURRENT], START] + pairs[reg[CURRENT], SIZE]
        merge_occurrences(
            cells, weights, count, pairs, postings, events, scratch, reg, min(end, start + budget)
        )
        budget -= reg[NEXT] - start + 50
        if reg[NEXT] == end:
            end_merge(cells, count, pairs, postings, events, scratch, reg)
            push_pairs(heap, pairs, count, piece_values, piece_offsets, reg, reg[FIRST_NEW_PAIR], NO_CEILING)
        if budget <= 0:
            return PAUSED
