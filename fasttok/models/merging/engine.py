"""`learn_merges`: from symbols and counts to merges, driving the kernels slice by slice.

The driver allocates and enlarges the arrays (in NumPy, where that costs no compile time), moves the
progress bar, and between slices lets Python handle Ctrl-C.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.jit import announce_compilation
from fasttok.core.progress import Bar
from fasttok.core.ragged import Ragged
from fasttok.models.merging import kernels as k
from fasttok.models.merging.orders import Frequency, Histogram, Order, check_total

SLICE = 200_000  # postings a slice looks at: a few milliseconds
PASS = 1 << 22  # cells a call looks at before the merges begin


def estimate_bytes(n_cells: int, n_symbols: int, order: Order) -> int:
    """About how much memory `learn_merges` takes on natural text; see its notes.

    Parameters
    ----------
    n_cells : int
        Symbols in the words.
    n_symbols : int
        How many different ones there are to be in the end.
    order : Order
        The order of merging.
    """
    n_pairs = n_cells // 4
    return 28 * n_cells + order.bytes_per_pair * n_pairs + 80 * n_symbols


def learn_merges(
    words: Ragged,
    counts: NDArray[np.int64],
    n_alphabet: int,
    n_symbols: int,
    *,
    min_count: int = 1,
    max_length: int | None = None,
    order: Order = Frequency(),  # noqa: B008  (a value that does not change)
    strings: Ragged | None = None,
    veto: Ragged | None = None,
    progress: bool = False,
) -> NDArray[np.uint32]:
    """Merge the pair of neighbours that comes first in an order, again and again.

    Parameters
    ----------
    words : Ragged of uint32
        Symbols below `n_alphabet`, a row per pretoken. Pairs do not reach across rows.
    counts : ndarray of int64
        How often each row occurs.
    n_alphabet : int
        How many symbols there are to begin with.
    n_symbols : int
        How many there are to be in the end, those of the alphabet included.
    min_count : int
        A pair that occurs less often is not merged.
    max_length : int, optional
        The longest string that a merged symbol may stand for.
    order : Order
        The order of merging: `Frequency` or `Likelihood`.
    strings : Ragged of uint32, optional
        What each symbol of the alphabet stands for; itself by default. A merged symbol stands for the
        strings of its two joined.
    veto : Ragged of uint32, optional
        Strings that no merge may join to.
    progress : bool
        Show a bar on the standard error stream.

    Returns
    -------
    ndarray of uint32, shape (m, 2)
        Left and right symbol of each merge; merge i makes symbol ``n_alphabet + i``.

    Notes
    -----
    Overlapping occurrences count (``aaa`` holds the pair ``aa`` twice) and are merged from the left.
    Each step costs time in the occurrences of its pair, the heap aside: O(n log n) in all for n symbols.
    By likelihood a step takes, besides, as long as there are pairs with one of its two symbols.
    Memory: 28 bytes a symbol (cells and postings), then those of the order for each distinct pair, and up
    to as much again while arrays grow. `estimate_bytes` puts that into a number.

    Raises
    ------
    OverflowError
        If the pairs, or the symbols, together occur 2^63 times or more.
    """
    loop = order.loop
    announce_compilation(loop, "the trainer of merges")
    n_cells = len(words.values)
    if n_cells >= 0xFFFFFFFF:
        raise ValueError(f"{n_cells:,} symbols in distinct pretokens; the most is {0xFFFFFFFE:,}")
    check_total("pairs", counts, np.maximum(words.lengths - 1, 0))
    counts = counts.copy()  # the kernels are compiled for arrays that can be written
    # Every new symbol takes a cell away.
    n_symbols = max(n_alphabet, min(n_symbols, n_alphabet + n_cells))
    cells = _lay_out(words)
    reg = np.zeros(k.N_REG, np.int64)
    reg[[k.N_SYMBOLS, k.TARGET, k.MIN_COUNT]] = n_alphabet, n_symbols, min_count
    reg[k.MAX_LENGTH] = np.iinfo(np.int64).max if max_length is None else max_length
    reg[k.CURRENT] = -1

    count, pairs = _count_pairs(cells, counts, reg)
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
    reg[k.ASK] = bool(vetoed)
    merges = np.empty((n_symbols - n_alphabet, 2), np.uint32)
    by_pair, by_symbol = order.begin(Histogram(words, counts, count, pairs, piece_offsets, reg))

    status = k.PAUSED
    with Bar(total=n_symbols - n_alphabet, desc="merging", unit="merge", disable=not progress) as bar:
        while status in (k.PAUSED, k.NO_ROOM, k.BEGUN):
            status = loop(
                cells, counts, count, pairs, postings, events, scratch, piece_values, piece_offsets, merges,
                reg, SLICE, *by_pair, *by_symbol,
            )  # fmt: skip
            if status == k.BEGUN:
                start, end = piece_offsets[reg[k.N_SYMBOLS] - 1 : reg[k.N_SYMBOLS] + 1]
                if piece_values[start:end].tobytes() in vetoed:
                    # As if it had not begun; its entry is dropped, as its count is too low from now on.
                    count[reg[k.CURRENT]] = 0
                    reg[k.CURRENT] = -1
                    reg[k.N_SYMBOLS] -= 1
            bar.update(int(reg[k.N_SYMBOLS]) - n_alphabet - bar.n)
            if status == k.NO_ROOM:
                if reg[k.NEED_EVENTS] > len(events):
                    events = np.empty((int(reg[k.NEED_EVENTS]), 2), np.uint32)
                count = _with_room(count, reg[k.NEED_PAIRS])
                pairs = _with_room(pairs, reg[k.NEED_PAIRS])
                postings = _with_room(postings, reg[k.NEED_POSTINGS])
                by_pair = [_with_room(array, len(count)) for array in by_pair]
                piece_values = _with_room(piece_values, reg[k.NEED_VALUES])
    return merges[: reg[k.N_SYMBOLS] - n_alphabet].copy()


def _lay_out(words: Ragged) -> NDArray[np.uint32]:
    """The cells to begin with: one symbol each, no pairs yet."""
    offsets, n_cells = words.offsets, len(words.values)
    cells = np.empty((n_cells, 4), np.uint32)
    for first in range(0, n_cells, PASS):
        part = cells[first : first + PASS]
        part[:, k.SYMBOL] = words.values[first : first + PASS]
        part[:, k.PAIR] = k.NONE
        part[:, k.LENGTH] = 1
        a, b = np.searchsorted(offsets, [first, first + len(part)], side="right") - 1
        within = np.clip(offsets[a : b + 2], first, first + len(part))
        part[:, k.WORD] = np.repeat(np.arange(a, a + len(within) - 1, dtype=np.uint32), np.diff(within))
    return cells


def _count_pairs(
    cells: NDArray[np.uint32], counts: NDArray[np.int64], reg: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The counts of the pairs to begin with, and what else is known of them."""
    n_cells = len(cells)
    n_pairs = 1 << 15
    while True:
        keys, slots = np.full(2 * n_pairs, k.NO_PAIR), np.empty(2 * n_pairs, np.uint32)
        count, pairs = np.empty(n_pairs, np.int64), np.empty((n_pairs, 4), np.int64)
        reg[k.N_PAIRS] = 0
        if all(
            k.count_pairs(cells, counts, keys, slots, count, pairs, reg, first, min(first + PASS, n_cells))
            for first in range(0, n_cells, PASS)
        ):
            return count, pairs
        n_pairs *= 4


def _fill_postings(
    cells: NDArray[np.uint32], pairs: NDArray[np.int64], reg: NDArray[np.int64]
) -> NDArray[np.uint32]:
    """The positions of each pair, with room for those of the pairs to come."""
    known = pairs[: reg[k.N_PAIRS]]
    ends = np.cumsum(known[:, k.SIZE])
    known[:, k.START] = ends - known[:, k.SIZE]
    reg[k.N_POSTINGS] = known[:, k.SIZE].sum()
    postings = np.empty(2 * len(cells) + 1, np.uint32)
    for first in range(0, len(cells), PASS):
        k.fill_postings(cells, pairs, postings, first, min(first + PASS, len(cells)))
    known[:, k.START] -= known[:, k.SIZE]
    return postings


def _with_room(array: NDArray[Any], needed: int) -> NDArray[Any]:
    """The array itself if it is long enough, else a copy of twice the length needed."""
    if needed <= len(array):
        return array
    larger = np.empty((2 * int(needed), *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger
