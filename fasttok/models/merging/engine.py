"""`learn_merges`: learn merges from counts, by calling the kernels slice by slice.

A slice is one call of the merging kernel, which returns after about `SLICE` postings. This module allocates
and enlarges the arrays in NumPy, which costs no compile time. Between slices, it moves the progress bar and
lets Python handle Ctrl-C.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.progress import Bar
from fasttok.core.ragged import Ragged
from fasttok.models.merging import kernels as k
from fasttok.models.merging.orders import Frequency, Histogram, Order, check_total
from fasttok.models.merging.watching import N_CANDIDATES, SymbolMerge, Watch

SLICE = 200_000  # postings per slice: a few milliseconds
PASS = 1 << 22  # cells per call of the kernels that run before the first merge
SMALLEST = 1 << 15  # smallest number of pairs for which there is space at first
CELLS_PER_PAIR = 4  # number of cells per pair of natural text


def estimate_bytes(n_cells: int, n_symbols: int, order: Order) -> int:
    """Estimate the memory in bytes that `learn_merges` takes on natural text.

    Parameters
    ----------
    n_cells : int
        Number of symbols in the words.
    n_symbols : int
        Maximum number of different symbols, as in `learn_merges`.
    order : Order
        Order of merging.
    """
    n_pairs = n_cells // CELLS_PER_PAIR
    return 28 * n_cells + order.bytes_per_pair * n_pairs + 80 * n_symbols


def learn_merges(
    words: Ragged,
    counts: NDArray[np.int64],
    n_alphabet: int,
    n_symbols: int,
    *,
    min_count: int = 1,
    max_length: int | None = None,
    order: Order = Frequency(),  # noqa: B008  (immutable)
    strings: Ragged | None = None,
    veto: Ragged | None = None,
    frequencies: NDArray[np.int64] | None = None,
    unmerged: list[Ragged] | None = None,
    observer: Callable[[SymbolMerge], object] | None = None,
    progress: bool = False,
) -> NDArray[np.uint32]:
    """Repeatedly merge the pair of neighbouring symbols that comes first in an order.

    Parameters
    ----------
    words : Ragged of uint32
        Symbols of each word, less than `n_alphabet`. A word is a distinct pretoken, or a part of one. Pairs
        do not cross words.
    counts : ndarray of int64
        Number of occurrences of each word.
    n_alphabet : int
        Number of symbols before the first merge.
    n_symbols : int
        Maximum number of symbols, including the alphabet; merging stops when it is reached.
    min_count : int
        Minimum count of a pair; rarer pairs are not merged.
    max_length : int, optional
        Maximum length of the string of a merged symbol; default: no limit.
    order : Order
        Order of merging: `Frequency` or `Likelihood`.
    strings : Ragged of uint32, optional
        String of each symbol of the alphabet; default: the symbol itself. The string of a merged symbol is
        the joined strings of its parts.
    veto : Ragged of uint32, optional
        Strings that no merge is allowed to produce.
    frequencies : ndarray of int64, shape (k, 2), optional
        Array with at least one row per merge, ``n_symbols - n_alphabet`` rows are enough. For each merge, the
        count of the pair just before it is merged and the number of its occurrences that are merged are
        written to it. They differ only for a pair of two equal symbols, whose occurrences may overlap.
    unmerged : list, optional
        List to which the strings are appended that other pairs would have produced, as one Ragged of uint32,
        if no pair is left to merge before `n_symbols` is reached; only with `Frequency`. They are the strings
        of all pairs that were neighbours at some time, even while a merge was under way, and that may be
        merged, each once and sorted, without those of merged symbols.
    observer : callable, optional
        Function that is called with a `SymbolMerge` after each merge. The best pairs are found before each
        merge; with `Likelihood`, all pairs are visited for that.
    progress : bool
        Whether to show a progress bar on standard error.

    Returns
    -------
    ndarray of uint32, shape (m, 2)
        Left and right symbol of each merge; merge i creates symbol ``n_alphabet + i``.

    Raises
    ------
    OverflowError
        If the total count of all pairs is 2^63 or more; with `Likelihood` or an `observer`, also if that of
        all symbols is.
    ValueError
        If there are 2^32 - 1 symbols or more in the words.

    Notes
    -----
    Overlapping occurrences count (``aaa`` contains the pair ``aa`` twice) and are merged from the left. A
    merge takes time proportional to the occurrences of its pair, plus the heap operations: O(n log n) in
    total for n symbols. With `Likelihood`, a merge also takes time proportional to the number of pairs with
    one of its two symbols. The memory is 28 bytes per symbol, for cells and postings, plus the memory of the
    order per distinct pair, and up to twice that while arrays grow. See `estimate_bytes`.
    """
    loop = order.loop
    n_cells = len(words.values)
    if n_cells >= 0xFFFFFFFF:
        raise ValueError(f"distinct pretokens have {n_cells:,} symbols; the maximum is {0xFFFFFFFE:,}")
    check_total("pairs", counts, np.maximum(words.lengths - 1, 0))
    counts = np.ascontiguousarray(counts)
    # Every merge removes at least one symbol of the words.
    n_symbols = max(n_alphabet, min(n_symbols, n_alphabet + n_cells))
    reg = np.zeros(k.N_REG, np.int64)
    reg[[k.N_SYMBOLS, k.TARGET, k.MIN_COUNT]] = n_alphabet, n_symbols, min_count
    reg[k.MAX_LENGTH] = np.iinfo(np.int64).max if max_length is None else max_length
    reg[k.CURRENT] = -1

    cells, count, pairs = _count_pairs(words, counts, reg)
    postings = _fill_postings(cells, pairs, reg)
    events = np.empty((1 << 10, 2), np.uint32)
    scratch = np.full((2, n_symbols), k.NONE, np.uint32)
    if strings is None:
        strings = Ragged(np.arange(n_alphabet, dtype=np.uint32), np.arange(n_alphabet + 1))
    piece_values = np.empty(max(len(strings.values), 16 * n_symbols), np.uint32)
    piece_values[: len(strings.values)] = strings.values
    piece_offsets = np.empty(n_symbols + 1, np.int64)
    piece_offsets[: n_alphabet + 1] = strings.offsets
    vetoed = set() if veto is None else {row.astype(np.uint32).tobytes() for row in veto}
    watch = None if observer is None else Watch(observer, words, counts, n_symbols)
    reg[k.CHECK_VETO] = bool(vetoed) or watch is not None
    merges = np.empty((n_symbols - n_alphabet, 4), np.int64)
    by_pair, by_symbol = order.begin(Histogram(words, counts, count, pairs, piece_offsets, reg))

    status = k.PAUSED
    with Bar(total=n_symbols - n_alphabet, desc="merging", unit="merge", disable=not progress) as bar:
        while status in (k.PAUSED, k.FULL, k.BEGUN):
            status = loop(
                cells, counts, count, pairs, postings, events, scratch, piece_values, piece_offsets, merges,
                reg, SLICE, *by_pair, *by_symbol,
            )  # fmt: skip
            if status == k.BEGUN:
                start, end = piece_offsets[reg[k.N_SYMBOLS] - 1 : reg[k.N_SYMBOLS] + 1]
                if piece_values[start:end].tobytes() in vetoed:
                    # Cancel the merge. A pair with a count of 0 is dropped from the heap.
                    count[reg[k.CURRENT]] = 0
                    reg[k.CURRENT] = -1
                    reg[k.N_SYMBOLS] -= 1
                elif watch is not None:
                    slot, texts = int(reg[k.CURRENT]), (piece_values, piece_offsets)
                    # The merge before this one has ended; before the first merge, nothing is reported.
                    watch.end(int(reg[k.N_SYMBOLS]) - 2, int(merges[reg[k.N_SYMBOLS] - n_alphabet - 2, 3]))
                    best = _find_best(order, count, pairs, texts, by_pair, by_symbol, reg, vetoed)
                    watch.begin(
                        pairs[best, :2], count[best], _count_words(cells, pairs[slot], postings, slot)
                    )
            bar.update(int(reg[k.N_SYMBOLS]) - n_alphabet - bar.n)
            if status == k.FULL:
                if reg[k.NEED_EVENTS] > len(events):
                    events = np.empty((int(reg[k.NEED_EVENTS]), 2), np.uint32)
                count = _with_capacity(count, reg[k.NEED_PAIRS])
                pairs = _with_capacity(pairs, reg[k.NEED_PAIRS])
                postings = _with_capacity(postings, reg[k.NEED_POSTINGS])
                by_pair = [_with_capacity(array, len(count)) for array in by_pair]
                piece_values = _with_capacity(piece_values, reg[k.NEED_VALUES])
    merges = merges[: reg[k.N_SYMBOLS] - n_alphabet]
    if watch is not None and len(merges):
        watch.end(int(reg[k.N_SYMBOLS]) - 1, int(merges[-1, 3]))
    if unmerged is not None and status == k.EXHAUSTED and isinstance(order, Frequency):
        found = order.find_pairs(pairs, by_symbol, reg)
        unmerged.append(_join_strings(found, Ragged(piece_values, piece_offsets[: reg[k.N_SYMBOLS] + 1])))
    if frequencies is not None:
        frequencies[: len(merges)] = merges[:, 2:]
    return merges[:, :2].astype(np.uint32)


def load_kernels(order: Order) -> None:
    """Load the kernels of `learn_merges`. At their first use on a machine, this compiles them."""
    words = Ragged(np.array([0, 1, 0, 1], np.uint32), np.array([0, 2, 4], np.int64))
    learn_merges(words, np.ones(2, np.int64), n_alphabet=2, n_symbols=3, order=order)


def _count_pairs(
    words: Ragged, counts: NDArray[np.int64], reg: NDArray[np.int64]
) -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.int64]]:
    """Count the initial pairs; return the arrays `cells`, `count` and `pairs` of the kernels."""
    symbols, offsets = words.values, words.offsets
    n_cells = len(symbols)
    cells = np.empty((n_cells, 4), np.uint32)
    # As many pairs as merging makes in natural text, so that the arrays need not grow. Memory is not in use
    # before it is written.
    n_pairs, n_keys = max(SMALLEST, n_cells // CELLS_PER_PAIR), 2 * SMALLEST
    firsts = range(0, n_cells, PASS)
    first_words = np.searchsorted(offsets, firsts, side="right") - 1
    while True:
        keys, slots = np.full(n_keys, k.NO_PAIR), np.empty(n_keys, np.uint32)
        count, pairs = np.empty(n_pairs, np.int64), np.empty((n_pairs, 4), np.int64)
        reg[k.N_PAIRS] = 0
        if all(
            k.count_pairs(
                symbols, offsets, counts, cells, keys, slots, count, pairs, reg,
                first, min(first + PASS, n_cells), word,
            )
            for first, word in zip(firsts, first_words.tolist(), strict=True)
        ):  # fmt: skip
            return cells, count, pairs
        n_keys *= 4
        n_pairs = max(n_pairs, n_keys // 2)


def _fill_postings(
    cells: NDArray[np.uint32], pairs: NDArray[np.int64], reg: NDArray[np.int64]
) -> NDArray[np.uint32]:
    """Return the array `postings` of the kernels, with free space for later pairs."""
    known = pairs[: reg[k.N_PAIRS]]
    ends = np.cumsum(known[:, k.SIZE])
    known[:, k.START] = ends - known[:, k.SIZE]
    reg[k.N_POSTINGS] = known[:, k.SIZE].sum()
    postings = np.empty(2 * len(cells) + 1, np.uint32)
    for first in range(0, len(cells), PASS):
        k.fill_postings(cells, pairs, postings, first, min(first + PASS, len(cells)))
    known[:, k.START] -= known[:, k.SIZE]
    return postings


def _find_best(
    order: Order,
    count: NDArray[np.int64],
    pairs: NDArray[np.int64],
    strings: tuple[NDArray[np.uint32], NDArray[np.int64]],
    by_pair: list[NDArray[Any]],
    by_symbol: list[NDArray[Any]],
    reg: NDArray[np.int64],
    vetoed: set[bytes],
) -> NDArray[np.int64]:
    """Return the slots of the best pairs; the counts of those whose string is vetoed are set to 0."""
    values, offsets = strings
    while True:
        best = order.find_best(N_CANDIDATES, count, pairs, strings, by_pair, by_symbol, reg)
        parts = [[values[offsets[i] : offsets[i + 1]].tobytes() for i in pair] for pair in pairs[best, :2]]
        is_vetoed = [left + right in vetoed for left, right in parts] if vetoed else [False] * len(best)
        if not any(is_vetoed):
            return best
        count[best[is_vetoed]] = 0


def _count_words(
    cells: NDArray[np.uint32], pair: NDArray[np.int64], postings: NDArray[np.uint32], slot: int
) -> int:
    """Return the number of words that contain a pair, given as its row of `pairs` and its slot."""
    places = postings[pair[k.START] : pair[k.START] + pair[k.SIZE]]
    words = cells[places[cells[places, k.PAIR] == slot], k.WORD]
    return int(np.count_nonzero(np.diff(words))) + 1  # postings are in ascending order


def _join_strings(pairs: NDArray[np.int64], strings: Ragged) -> Ragged:
    """Return the joined strings of pairs that are not strings already, each once and sorted."""
    rows = [tuple(row.tolist()) for row in strings]
    joined = {rows[left] + rows[right] for left, right in pairs.tolist()}
    return Ragged.from_rows(sorted(joined - set(rows)))


def _with_capacity(array: NDArray[Any], needed: int) -> NDArray[Any]:
    """Return the array if it is long enough, else a copy with twice the needed length."""
    if needed <= len(array):
        return array
    larger = np.empty((2 * int(needed), *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger
