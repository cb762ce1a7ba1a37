"""Counts of n-grams in sorted arrays, one `Level` per length.

The n-grams form a trie: an n-gram is the n-gram without its last symbol, its *context*, followed by that
symbol. The nodes of a level are numbered in the order of their keys, so those with the same context are
neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NO_NODE = -1  # in arrays of nodes: the n-gram does not occur
WORD_BITS = 64
MOST_SYMBOLS = 1 << 32  # of a training text; keys have 32 bits for the node of the context


@dataclass(frozen=True, eq=False)
class Level:
    """All n-grams of one length n that occur.

    Attributes
    ----------
    keys : ndarray of uint64, shape (m,)
        Node of the context in the level of length n - 1, times 2^32, plus the last symbol; in ascending
        order. The context of a single symbol is node 0.
    counts : ndarray of int64, shape (m,)
        For the longest n-grams, and for those that begin with the begin symbol, the number of occurrences.
        For others, the number of different symbols before them. 0 for the begin symbol alone.
    """

    keys: NDArray[np.uint64]
    counts: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.keys)

    def symbols_of(self, nodes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the last symbols of n-grams."""
        return (self.keys[nodes] & np.uint64(0xFFFFFFFF)).astype(np.int64)

    def find(self, contexts: NDArray[np.int64], symbols: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Return the node of each context followed by a symbol, `NO_NODE` if it does not occur.

        O(k log k + k log m) for k symbols: the keys are sorted first, since a search in order is much faster.
        """
        nodes = np.full(len(symbols), NO_NODE, np.int64)
        asked = np.flatnonzero(contexts != NO_NODE)
        keys = make_keys(contexts[asked], symbols[asked])
        order = np.argsort(keys)
        keys = keys[order]
        places = np.searchsorted(self.keys, keys)
        is_known = places < len(self)
        is_known[is_known] = self.keys[places[is_known]] == keys[is_known]
        nodes[asked[order[is_known]]] = places[is_known]
        return nodes

    def find_children(self, n_contexts: int) -> NDArray[np.int64]:
        """Return the first node of each context, followed by the number of nodes: shape (n_contexts + 1,)."""
        contexts = np.arange(n_contexts + 1, dtype=np.uint64) << np.uint64(32)
        return np.searchsorted(self.keys, contexts)


def make_keys(contexts: NDArray[Any], symbols: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """Return the keys of n-grams, from the nodes of their contexts and their last symbols."""
    keys = contexts.astype(np.uint64)
    keys <<= np.uint64(32)
    keys |= symbols
    return keys


def sort_grams(
    contexts: NDArray[np.uint32],
    symbols: NDArray[np.uint32],
    ends: NDArray[np.int64],
    n_contexts: int,
    begin: int,
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Sort n-grams by their keys.

    Parameters
    ----------
    contexts, symbols : ndarray of uint32, shape (n,)
        Node of the context, below `n_contexts`, and last symbol, at most `begin`, of each n-gram.
    ends : ndarray of int64, shape (n,)
        Position of the last symbol of each n-gram; ascending.
    n_contexts, begin : int
        Limits of `contexts` and `symbols`.

    Returns
    -------
    places : ndarray of int64, shape (n,)
        Positions in the order of the keys. The order of equal n-grams is not defined.
    keys : ndarray of uint64, shape (n,)
        Keys in ascending order.

    Notes
    -----
    If the numbers of an n-gram and its position fit 64 bits together, they are sorted as one number. This is
    several times as fast as sorting the positions by the keys.
    """
    symbol_bits = begin.bit_length()
    place_bits = int(ends[-1]).bit_length() if len(ends) else 0
    if (n_contexts - 1).bit_length() + symbol_bits + place_bits > WORD_BITS:
        keys = make_keys(contexts, symbols)
        order = np.argsort(keys)
        return ends[order], keys[order]
    packed = contexts.astype(np.uint64)
    packed <<= np.uint64(symbol_bits)
    packed |= symbols
    packed <<= np.uint64(place_bits)
    packed |= ends.astype(np.uint64)
    packed.sort()
    places = (packed & np.uint64((1 << place_bits) - 1)).astype(np.int64)
    packed >>= np.uint64(place_bits)
    keys = packed >> np.uint64(symbol_bits)
    keys <<= np.uint64(32)
    packed &= np.uint64((1 << symbol_bits) - 1)
    keys |= packed
    return places, keys


def count_levels(symbols: NDArray[np.uint32], begin: int, order: int) -> list[Level]:
    """Count the n-grams of the lengths from 1 to `order`.

    Parameters
    ----------
    symbols : ndarray of uint32, shape (n,)
        Symbols of all documents. Each document starts with the symbol `begin`, which is nowhere else, and no
        n-gram crosses the start of a document.
    begin : int
        The begin symbol, larger than all other symbols.
    order : int
        Length of the longest n-grams.

    Returns
    -------
    list of Level
        One per length.

    Notes
    -----
    Each length takes one sort of the keys of all positions: O(n log n) time, and about 60 n bytes of memory.
    """
    levels: list[Level] = []
    nodes = np.zeros(len(symbols), np.uint32)  # node of the n-gram that ends at each position
    ends = np.arange(len(symbols))  # positions at which an n-gram ends
    is_first = np.zeros(0, np.bool_)  # whether each shorter n-gram is at the beginning of a document
    for length in range(1, order + 1):
        if length > 1:
            ends = ends[ends < len(symbols) - 1] + 1
            ends = ends[symbols[ends] != begin]
        n_contexts = len(levels[-1]) if levels else 1
        places, keys = sort_grams(nodes[ends - 1], symbols[ends], ends, n_contexts, begin)
        firsts = np.flatnonzero(np.concatenate([np.ones(min(1, len(keys)), np.bool_), keys[1:] != keys[:-1]]))
        occurrences = np.diff(firsts, append=len(keys))
        examples = places[firsts]  # position of one occurrence of each n-gram
        if length > 1:  # count the symbols before each shorter n-gram
            shorter = levels[-1].counts
            before = np.bincount(nodes[examples], minlength=len(shorter))
            np.copyto(shorter, before, where=~is_first)
        nodes[places] = np.repeat(np.arange(len(firsts), dtype=np.uint32), occurrences)
        is_first = symbols[examples - length + 1] == begin
        if length == 1:
            occurrences[is_first] = 0
        levels.append(Level(keys[firsts], occurrences))
    return levels
