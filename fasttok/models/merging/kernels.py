"""The merge engine in Numba: pair histograms and in-place merges.

**Cells.** A word is a distinct pretoken, or a part of one, as a row of symbols. The words are one flat array
of cells, with one 16-byte cell per input symbol::

    cells[p] = SYMBOL  symbol that starts at p
               PAIR    slot of the pair of this symbol and its right neighbour; NONE if there is no neighbour
               LENGTH  number of cells of the symbol, also written to the symbol's last cell
               WORD    word that contains p; symbols are neighbours only within one word

A merge overwrites the left symbol and lengthens it; nothing is moved.

**Postings.** All occurrences of a pair (x, y) are created in the merge that creates the newer of x and y, or
exist before the first merge. The positions of a pair, its postings, are therefore written once, contiguously
and in ascending order, at the end of that merge or before the first one. A posting is stale if its cell no
longer has the slot of the pair.

**Heap.** Once the postings of a pair are written, its count can only fall. A max-heap whose stale entries are
corrected when they reach the top is therefore exact. Only pairs with a count of at least FLOOR are pushed,
which keeps the heap in the L1 cache: more than half of the pairs in natural text occur once. The floor starts
above the highest count. When the heap is empty, the floor is lowered by a quarter, and a scan of all counts
pushes the pairs between the new floor and the old one.

**New pairs.** The loop needs no hash table. All pairs that a merge into z creates contain z, so two dense
arrays, indexed by the neighbour, give their slots.

**No two merges produce the same string.** Suppose that (u, v) and (x, y) both join to w, and that (u, v) is
merged first. In an occurrence of w whose ends no merge has crossed, the symbols are those of w alone. From
the merge of (u, v) on, w alone is one symbol, so such an occurrence can no longer be x followed by y. The
proof assumes that equal strings start as equal sequences of symbols. This holds for bytes and for characters.
It also holds when merging continues from a model, if the merges of the model count as the first ones.

**Veto.** The caller can forbid strings, for example pieces that a model has but that its merges never
produce. With CHECK_VETO, the loop stops after it has created a symbol and before it merges the first
occurrence, so that the caller can cancel the merge.

**Ties.** Of equally frequent pairs, the register TIES says which one is merged first; see `precedes`.

**Traits.** Some pairs must not be merged, because their string would be too long, mix scripts, or have a ▁ in
the wrong place. Whether it does follows from one integer per symbol, its traits; see
`fasttok.models.merging.joins`. Such pairs are counted, but never pushed.

**State.** All state is in the arrays and in `reg`. The loop can therefore stop inside a merge and be resumed,
even with larger arrays. Symbols are numbered from 0.

**Arrays.** The kernels do not check their arguments. For n cells, w words, s symbols at the end, m merges,
and p slots::

    cells          uint32[n, 4]    see above
    weights        int64[w]        number of occurrences of each word
    count          int64[p]        number of occurrences of each pair
    pairs          int64[p, 4]     LEFT, RIGHT, START and SIZE of each pair
    postings       uint32[..]      positions of all pairs
    events         uint32[.., 2]   slot and position of each new occurrence of a pair in the current merge
    scratch        uint32[2, s]    slot of the new pair with a left (0) or right (1) neighbour; else NONE
    piece_values   uint32[..]      strings of the symbols
    piece_offsets  int64[s + 1]    start of each symbol's string in `piece_values`; the last entry is the end
    merges         int64[m, 4]     left and right symbol of each merge, count of the pair when it was merged,
                                   and total weight of the occurrences that were merged
    reg            int64[N_REG]    registers
    heap           int64[p, 3]     count, ``left << 32 | right`` and slot of each entry
    traits         int64[s]        traits of each symbol
"""

from __future__ import annotations

import numpy as np

from fasttok.core.jit.kernel import njit
from fasttok.models.merging.joins import join_traits, may_join

SYMBOL, PAIR, LENGTH, WORD = 0, 1, 2, 3  # columns of `cells`
NONE = np.uint32(0xFFFFFFFF)  # slot of a cell without a pair
NO_PAIR = np.uint64(0xFFFFFFFFFFFFFFFF)  # key of an unused entry of the hash table
NO_CEILING = np.int64(0x7FFFFFFFFFFFFFFF)  # a ceiling above every count
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # multiplier of the hash function

# Columns of `pairs`: the two symbols, the index of the first posting and the number of postings. The counts
# are in a separate array, which takes less of the cache.
LEFT, RIGHT, START, SIZE = 0, 1, 2, 3

# Registers: indices into `reg`, the state of a paused loop.
N_SYMBOLS = 0  # number of symbols
N_PAIRS = 1  # number of slots in use
N_POSTINGS = 2  # number of postings
N_EVENTS = 3  # number of events of the current merge (see `events`)
N_HEAP = 4  # number of heap entries
CURRENT = 5  # slot of the current merge; -1 between merges
NEXT = 6  # next posting of the current merge
FIRST_NEW_PAIR = 7  # first slot that the current merge created
TARGET = 8  # number of symbols at which the loop stops
MIN_COUNT = 9  # minimum count of a pair
MAX_LENGTH = 10  # maximum length of the string of a merged symbol
TIES = 11  # order of equally frequent pairs: BY_SYMBOLS, SHORTEST or LARGEST
NEED_PAIRS = 12  # length of `count` that the next merge may need
NEED_POSTINGS = 13  # length of `postings` that the next merge may need
NEED_EVENTS = 14  # length of `events` that the next merge needs
NEED_VALUES = 15  # length of `piece_values` that the next merge needs
FLOOR = 16  # pairs with a smaller count are not pushed onto the heap
# 1: return BEGUN before the first occurrence is merged, so that the caller can cancel the merge.
CHECK_VETO = 17
MERGED = 18  # total weight of the occurrences that the current merge has merged
# Pairs that must not be merged; see `may_join`.
FORBIDDEN_LEFT = 19
FORBIDDEN_RIGHT = 20
MARKS_ALONE = 21
N_REG = 22  # number of registers

BY_SYMBOLS, SHORTEST, LARGEST = 0, 1, 2  # values of TIES

# Statuses that the loop returns.
DONE = 0  # TARGET is reached
EXHAUSTED = 1  # no pair is left that is frequent and short enough
PAUSED = 2  # the budget is used up
FULL = 3  # an array is too small for the next merge; the NEED registers have the lengths
BEGUN = 4  # a merge has begun (only with CHECK_VETO)

FIXED_COST = 50  # cost of a merge, or a part of one, in addition to its postings; the unit is one posting


@njit
def count_pairs(symbols, offsets, weights, cells, keys, slots, count, pairs, reg, first, last, word):
    """Write the cells `first` to ``last - 1`` and count their pairs; return False if an array is too short.

    The count must then be restarted with longer arrays. Word w is ``symbols[offsets[w]:offsets[w + 1]]``,
    with uint32 symbols and int64 offsets; `word` is the word of cell `first`. ``keys`` (uint64[h]) and
    ``slots`` (uint32[h]) are a hash table from pairs to slots, where h is a power of two. Unused keys are
    NO_PAIR.
    """
    mask = np.uint64(len(keys) - 1)
    n_pairs = reg[N_PAIRS]
    for p in range(first, last):
        while offsets[word + 1] <= p:
            word += 1
        cells[p, SYMBOL] = symbols[p]
        cells[p, PAIR] = NONE
        cells[p, LENGTH] = 1
        cells[p, WORD] = word
        if p + 1 == offsets[word + 1]:
            continue
        key = np.uint64(symbols[p]) << np.uint64(32) | np.uint64(symbols[p + 1])
        i = (key * MULTIPLIER >> np.uint64(32)) & mask
        while keys[i] != key and keys[i] != NO_PAIR:
            i = (i + np.uint64(1)) & mask
        if keys[i] == NO_PAIR:
            if n_pairs == len(count) or 2 * n_pairs >= len(keys):
                return False
            keys[i] = key
            slots[i] = n_pairs
            pairs[n_pairs, LEFT] = symbols[p]
            pairs[n_pairs, RIGHT] = symbols[p + 1]
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
    """Append each of the positions `first` to ``last - 1`` to the postings of its pair.

    START is advanced with each posting; at the end, it is the index after the last posting of the pair.
    """
    for p in range(first, last):
        slot = cells[p, PAIR]
        if slot != NONE:
            postings[pairs[slot, START]] = p
            pairs[slot, START] += 1


@njit
def write_postings(cells, pairs, postings, events, reg):
    """Convert the events of a merge to the postings of the new pairs, in ascending order."""
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
def compare_strings(piece_values, piece_offsets, x, y):
    """Compare the strings of two symbols lexicographically: return -1, 0 or 1."""
    at_x, end_x = piece_offsets[x], piece_offsets[x + 1]
    at_y, end_y = piece_offsets[y], piece_offsets[y + 1]
    while at_x < end_x and at_y < end_y:
        if piece_values[at_x] != piece_values[at_y]:
            return -1 if piece_values[at_x] < piece_values[at_y] else 1
        at_x += 1
        at_y += 1
    return 1 if at_x < end_x else -1 if at_y < end_y else 0


@njit
def precedes(count_a, pair_a, count_b, pair_b, piece_values, piece_offsets, ties):
    """Return whether pair a is merged before pair b; a pair is ``left << 32 | right``.

    The pair with the higher count comes first. If the counts are equal, TIES decides:

    - BY_SYMBOLS: the pair with the smaller left symbol, then the one with the smaller right symbol.
    - SHORTEST: the pair with the shorter joined string, then the one whose string is lexicographically
      smaller.
    - LARGEST: the pair whose left string is lexicographically larger, then the one whose right string is.

    If the strings do not decide, the symbols do.
    """
    if count_a != count_b:
        return count_a > count_b
    if ties == BY_SYMBOLS:
        return pair_a < pair_b
    left_a, right_a = pair_a >> 32, pair_a & 0xFFFFFFFF
    left_b, right_b = pair_b >> 32, pair_b & 0xFFFFFFFF
    if ties == LARGEST:
        order = compare_strings(piece_values, piece_offsets, left_a, left_b)
        if order == 0:
            order = compare_strings(piece_values, piece_offsets, right_a, right_b)
        return order > 0 if order != 0 else pair_a < pair_b
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
    """Push an entry onto the heap; its three columns are the last parameters."""
    i = reg[N_HEAP]
    reg[N_HEAP] += 1
    while i > 0:
        parent = (i - 1) >> 1
        if not precedes(
            count, pair, heap[parent, 0], heap[parent, 1], piece_values, piece_offsets, reg[TIES]
        ):
            break
        for column in range(3):
            heap[i, column] = heap[parent, column]
        i = parent
    heap[i, 0], heap[i, 1], heap[i, 2] = count, pair, slot


@njit
def replace_top(heap, piece_values, piece_offsets, reg, count, pair, slot):
    """Replace the top entry by a new one, with the given columns, and restore the heap order."""
    n = reg[N_HEAP]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= n:
            break
        if child + 1 < n and precedes(
            heap[child + 1, 0], heap[child + 1, 1], heap[child, 0], heap[child, 1],
            piece_values, piece_offsets, reg[TIES],
        ):  # fmt: skip
            child += 1
        if not precedes(heap[child, 0], heap[child, 1], count, pair, piece_values, piece_offsets, reg[TIES]):
            break
        for column in range(3):
            heap[i, column] = heap[child, column]
        i = child
    heap[i, 0], heap[i, 1], heap[i, 2] = count, pair, slot


@njit
def push_pairs(heap, pairs, count, piece_values, piece_offsets, traits, reg, first, ceiling):
    """Push each pair with slot >= `first` and FLOOR <= count < `ceiling` that may be merged."""
    for slot in range(first, reg[N_PAIRS]):
        if count[slot] < reg[FLOOR] or count[slot] >= ceiling:
            continue
        left, right = pairs[slot, LEFT], pairs[slot, RIGHT]
        if may_join(
            traits[left], traits[right], reg[MAX_LENGTH], reg[FORBIDDEN_LEFT], reg[FORBIDDEN_RIGHT],
            reg[MARKS_ALONE],
        ):  # fmt: skip
            push(heap, piece_values, piece_offsets, reg, count[slot], left << 32 | right, slot)


@njit
def mark_joinable(pairs, traits, reg, out):
    """Set ``out[slot]`` to whether the pair in each slot may be merged."""
    for slot in range(reg[N_PAIRS]):
        out[slot] = may_join(
            traits[pairs[slot, LEFT]], traits[pairs[slot, RIGHT]], reg[MAX_LENGTH], reg[FORBIDDEN_LEFT],
            reg[FORBIDDEN_RIGHT], reg[MARKS_ALONE],
        )  # fmt: skip


@njit
def find_most_frequent(count, pairs, heap, piece_values, piece_offsets, traits, reg):
    """Return the slot of the pair to merge next, which stays on top of the heap; -1 if there is none."""
    while True:
        while reg[N_HEAP] == 0:
            ceiling = reg[FLOOR]
            if ceiling == reg[MIN_COUNT]:
                return -1
            floor = ceiling - (ceiling // 4 + 1)
            reg[FLOOR] = floor if floor > reg[MIN_COUNT] else reg[MIN_COUNT]
            push_pairs(heap, pairs, count, piece_values, piece_offsets, traits, reg, 0, ceiling)
        slot = heap[0, 2]
        if heap[0, 0] == count[slot]:
            return slot
        # The entry is stale: correct its count; if that is below the floor, remove the entry instead.
        top_count, pair = count[slot], heap[0, 1]
        if top_count < reg[FLOOR]:
            reg[N_HEAP] -= 1
            n = reg[N_HEAP]
            top_count, pair, slot = heap[n, 0], heap[n, 1], heap[n, 2]
        replace_top(heap, piece_values, piece_offsets, reg, top_count, pair, slot)


@njit
def begin_merge(slot, count, pairs, postings, events, piece_values, piece_offsets, merges, reg):
    """Create the symbol of a pair; return whether the arrays are large enough for the merge.

    If not, nothing is created, and the registers NEED_PAIRS to NEED_VALUES have the lengths that are needed.
    """
    symbol = reg[N_SYMBOLS]
    left, right = pairs[slot, LEFT], pairs[slot, RIGHT]
    n_values = piece_offsets[symbol]
    length_l = piece_offsets[left + 1] - piece_offsets[left]
    length = length_l + piece_offsets[right + 1] - piece_offsets[right]

    n_events = 2 * pairs[slot, SIZE]
    n_new_pairs = n_events if n_events < 2 * symbol + 2 else 2 * symbol + 2
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
        return False

    # The heap entry is not removed: `end_merge` sets the count to 0, and `find_most_frequent` then drops the
    # entry as stale.
    for i in range(length):
        at = piece_offsets[left] + i if i < length_l else piece_offsets[right] + i - length_l
        piece_values[n_values + i] = piece_values[at]
    piece_offsets[symbol + 1] = n_values + length
    merge = symbol - (reg[TARGET] - len(merges))  # the difference is the number of symbols of the alphabet
    merges[merge, 0] = left
    merges[merge, 1] = right
    merges[merge, 2] = count[slot]
    reg[N_SYMBOLS] += 1
    reg[CURRENT] = slot
    reg[NEXT] = pairs[slot, START]
    reg[FIRST_NEW_PAIR] = reg[N_PAIRS]
    reg[N_EVENTS] = 0
    reg[MERGED] = 0
    return True


@njit
def merge_occurrences(cells, weights, count, pairs, postings, events, scratch, reg, end):
    """Merge the occurrences of the current pair at the postings NEXT to ``end - 1``, leftmost first."""
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
        for side in range(2):  # first the left neighbour, then the right one
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
def end_merge(cells, count, pairs, postings, events, scratch, merges, reg):
    """End the current merge: write the postings of the new pairs and clear `scratch`."""
    merges[reg[N_SYMBOLS] - 1 - (reg[TARGET] - len(merges)), 3] = reg[MERGED]
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
    traits,
):
    """Run merges until about `budget` postings are visited; return DONE, EXHAUSTED, PAUSED, FULL or BEGUN.

    The module docstring describes the arrays. After FULL, the caller enlarges the arrays and calls again.
    """
    while True:
        if reg[CURRENT] < 0:
            if reg[N_SYMBOLS] == reg[TARGET]:
                return DONE
            slot = find_most_frequent(count, pairs, heap, piece_values, piece_offsets, traits, reg)
            if slot < 0:
                return EXHAUSTED
            if not begin_merge(
                slot, count, pairs, postings, events, piece_values, piece_offsets, merges, reg
            ):
                return FULL
            traits[reg[N_SYMBOLS] - 1] = join_traits(traits[pairs[slot, LEFT]], traits[pairs[slot, RIGHT]])
            if reg[CHECK_VETO]:
                return BEGUN
        start = reg[NEXT]
        end = pairs[reg[CURRENT], START] + pairs[reg[CURRENT], SIZE]
        stop = end if end < start + budget else start + budget
        merge_occurrences(cells, weights, count, pairs, postings, events, scratch, reg, stop)
        budget -= reg[NEXT] - start + FIXED_COST
        if reg[NEXT] == end:
            end_merge(cells, count, pairs, postings, events, scratch, merges, reg)
            push_pairs(
                heap, pairs, count, piece_values, piece_offsets, traits, reg, reg[FIRST_NEW_PAIR], NO_CEILING
            )
        if budget <= 0:
            return PAUSED
