"""`Lattices`: lattices of all words of the corpus, with the sums and best paths that training needs."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fasttok.core._interrupt import Interrupt
from fasttok.core.parallel import end_if_stopped, map_all, map_ordered
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.models.substrings import Chains, sort_words
from fasttok.models.unigram import _em

MAX_PIECES = 1 << 24  # an arc stores the piece in 24 bits
MAX_LENGTH = 255  # an arc stores the length of the piece in 8 bits
SLICE_NODES = 1 << 12  # minimum number of nodes per slice but the last, for sums that fit the L1 cache
SHARD_ARCS = 1 << 18  # minimum number of arcs per shard
MAX_SHARDS = 8  # maximum number of shards
CALL_SLICES = 1 << 4  # slices per call of a kernel, about 5 ms, after which the stop flag is checked
ARCS_PER_NODE = 8  # number of arcs per node for which there is space at first
SLICE_PIECES = 1 << 14  # pieces per call of `_em.measure_losses`
PADDING = 4  # entries that the kernels may write after the end of a buffer

Integers: TypeAlias = NDArray[np.int64]
# First arguments of the kernels that visit slices.
Arguments: TypeAlias = tuple[
    Integers, NDArray[np.int32], Integers, Integers, Integers, Integers, NDArray[np.uint32]
]


@dataclass(frozen=True, eq=False)
class PrefixTree:
    """Tree of the prefixes of the words, in slices; see `_em.pyx`.

    Attributes
    ----------
    starts : ndarray of int64, shape (k,)
        Position of the first symbol of each word, in sorted order.
    lengths, shared, counts : ndarray of int64, int32, int64, shape (k,)
        Length of each word, number of symbols that it shares with the word before it, and its count.
    nodes : ndarray of int64, shape (k,)
        First node of each word that it does not share.
    slices, slice_nodes : ndarray of int64, shape (s + 1,)
        First word and first node of each slice.
    """

    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    shared: NDArray[np.int32]
    counts: NDArray[np.int64]
    nodes: NDArray[np.int64]
    slices: NDArray[np.int64]
    slice_nodes: NDArray[np.int64]

    @classmethod
    def from_words(cls, words: Ragged, counts: NDArray[np.int64], n_symbols: int, workers: int) -> PrefixTree:
        """Sort the words and find their shared prefixes; symbols are numbered from 0."""
        order, shared = sort_words(words, n_symbols, workers)
        lengths = words.lengths[order]
        # The first word of a slice shares nothing, so it gets nodes for all of its symbols.
        slice_of = (lengths_to_offsets(lengths - shared)[:-1]) // SLICE_NODES
        slices = np.append(np.flatnonzero(np.diff(slice_of, prepend=-1)), len(order))
        shared[slices[:-1]] = 0
        ends = lengths_to_offsets(lengths - shared)
        gaps = np.arange(len(slices))  # one number after each slice is not used
        nodes = ends[:-1] + np.repeat(gaps[:-1], np.diff(slices))
        starts = words.offsets[:-1][order]
        return cls(starts, lengths, shared, counts[order], nodes, slices, ends[slices] + gaps)


class Lattices:
    """Lattices of all words: for each node of their prefix tree, the arcs of the pieces that end there.

    The slices of the tree are divided into shards, which are the same for any number of threads. Each shard
    has its own sums, which are added in the order of the shards, so floating-point results are also the same.

    Parameters
    ----------
    words : Ragged of uint32
        Symbols of each word, numbered from 0.
    counts : ndarray of int64
        Count of each word.
    n_symbols : int
        Number of different symbols.
    chains : Chains
        Pieces of several symbols by position.
    positions : ndarray of int64, shape (v,)
        Position of one occurrence of each piece.
    lengths : ndarray of int64, shape (v,)
        Length of each piece in symbols.
    workers : int
        Number of threads.

    Attributes
    ----------
    tree : PrefixTree
        Words as a tree.
    offsets : ndarray of int64, shape (n + 1,)
        Offsets of the arcs of n nodes.
    arcs : ndarray of uint32
        Piece and length of each arc, the longest first for each node.
    """

    def __init__(
        self,
        words: Ragged,
        counts: NDArray[np.int64],
        n_symbols: int,
        chains: Chains,
        positions: NDArray[np.int64],
        lengths: NDArray[np.int64],
        workers: int,
    ) -> None:
        self.words, self.positions, self.lengths, self.workers = words, positions, lengths, workers
        self.tree = PrefixTree.from_words(words, counts, n_symbols, workers)
        self._capacity = int(words.lengths.max(initial=0)) + 1 + PADDING
        self._slice_capacity = int(np.diff(self.tree.slice_nodes).max(initial=0)) + 1 + PADDING
        self._fill(chains)
        self._ends: NDArray[np.int64] | None = None  # node at the end of each piece, found when it is needed
        tree = self.tree
        n_shards = min(max(len(self.arcs) // SHARD_ARCS, 1), MAX_SHARDS)
        bounds = np.linspace(0, len(self.arcs), n_shards + 1)[1:-1]
        middle = np.searchsorted(self.offsets[tree.slice_nodes[:-1]], bounds).tolist()
        n_slices = len(tree.slices) - 1
        # The calls of each shard: index of the first slice and index after the last slice.
        self._shards = [
            [(i, min(i + CALL_SLICES, last)) for i in range(first, last, CALL_SLICES)]
            for first, last in pairwise([0, *middle, n_slices])
        ]

    def _fill(self, chains: Chains) -> None:
        """List the arcs of all nodes."""
        tree = self.tree
        n_nodes = int(tree.slice_nodes[-1])
        self.offsets, self._parents = np.zeros(n_nodes + 1, np.int64), np.empty(n_nodes, np.int64)
        given = (chains.representatives, chains.longest, chains.links)
        words = (tree.starts, tree.lengths, tree.shared, tree.nodes)

        def run(call: tuple[int, int]) -> NDArray[np.uint32]:
            end_if_stopped()
            word, last = tree.slices[list(call)].tolist()
            first_node, last_node = tree.slice_nodes[list(call)].tolist()
            path, next_arcs = np.empty(self._capacity, np.int64), np.empty(self._capacity, np.int64)
            arcs, n_arcs = np.empty(ARCS_PER_NODE * (last_node - first_node), np.uint32), 0
            while True:
                word, n_arcs = _em.list_arcs(
                    self.words.values, *words, *given, word, last,
                    path, next_arcs, self.offsets[1:], self._parents, arcs, n_arcs, Interrupt(),
                )  # fmt: skip
                if word == last:
                    return arcs[:n_arcs].copy()
                arcs = np.concatenate([arcs, np.empty(len(arcs), np.uint32)])

        n_slices = len(tree.slices) - 1
        calls = [(i, min(i + CALL_SLICES, n_slices)) for i in range(0, n_slices, CALL_SLICES)]
        self.arcs = np.concatenate([*map_all(run, calls, self.workers), np.empty(0, np.uint32)])
        np.cumsum(self.offsets, out=self.offsets)

    def _arguments(self) -> Arguments:
        """Return the first arguments of the kernels that visit slices."""
        tree = self.tree
        words = (tree.lengths, tree.shared, tree.counts)
        return (*words, tree.slices, tree.slice_nodes, self.offsets, self.arcs)

    def expect(self, probabilities: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """Run the E step: return the expected count of each piece and the corpus log-likelihood in nats."""
        arguments = self._arguments()
        capacity = max(self._capacity, self._slice_capacity)

        def run(_: None, shard: list[tuple[int, int]]) -> tuple[NDArray[np.float64], float]:
            estimates = np.zeros((len(probabilities), 2))
            estimates[:, 0] = probabilities
            sums, exponents = np.empty((3, capacity)), np.empty((2, capacity), np.int64)
            sums[1] = 0
            log_likelihood = 0.0
            for call in shard:
                end_if_stopped()
                log_likelihood += _em.expect(*arguments, estimates, *call, sums, exponents, Interrupt())
            return estimates[:, 1], log_likelihood

        expected, log_likelihood = np.zeros(len(self.lengths)), 0.0
        with closing(map_ordered(run, self._shards, self.workers, lambda: None)) as parts:
            for part, likelihood in parts:
                expected += part
                log_likelihood += likelihood
        return expected, log_likelihood

    def count_best(self, scores: NDArray[np.float64]) -> NDArray[np.int64]:
        """Count the occurrences of each piece in the best segmentations of the corpus."""
        arguments = self._arguments()

        def run(_: None, shard: list[tuple[int, int]]) -> NDArray[np.int64]:
            occurrences = np.zeros(len(self.lengths), np.int64)
            best, weights = np.empty(self._capacity), np.zeros(self._capacity, np.int64)
            last_arcs = np.empty(self._slice_capacity, np.uint32)
            for call in shard:
                end_if_stopped()
                _em.count_best(*arguments, scores, *call, best, last_arcs, weights, occurrences, Interrupt())
            return occurrences

        with closing(map_ordered(run, self._shards, self.workers, lambda: None)) as parts:
            return sum(parts, np.zeros(len(self.lengths), np.int64))

    def measure_losses(
        self, scores: NDArray[np.float64], occurrences: NDArray[np.int64], first: int, token_cost: float
    ) -> NDArray[np.float64]:
        """Return the loss from the removal of each piece, from number `first` on; see `_em.pyx`."""
        n = len(self.lengths)
        if self._ends is None:
            self._ends = np.zeros(n, np.int64)
            _em.find_pieces(self.tree.slice_nodes, self.offsets, self.arcs, self._ends)
        losses = np.empty(n - first)
        arcs = (self.lengths[first:] << 24 | np.arange(first, n)).astype(np.uint32)
        ends = self._ends[first:]
        capacity = int(self.lengths.max()) + 1
        weights, total = occurrences.astype(np.float64), float(occurrences.sum())

        def run(begin: int) -> None:
            end_if_stopped()
            part = slice(begin, begin + SLICE_PIECES)
            _em.measure_losses(
                ends[part], arcs[part], self._parents, self.offsets, self.arcs, scores, weights, total,
                token_cost, first + begin, np.empty(capacity), np.empty(capacity, np.uint32),
                np.empty(capacity, np.int64), losses[part],
            )  # fmt: skip

        map_all(run, range(0, n - first, SLICE_PIECES), self.workers)
        return losses

    def strings(self, first: int = 0) -> Ragged:
        """Return the symbols of each piece, from number `first` on."""
        lengths, offsets = self.lengths[first:], lengths_to_offsets(self.lengths[first:])
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        return Ragged(self.words.values[np.repeat(self.positions[first:], lengths) + within], offsets)

    def keep(self, is_kept: NDArray[np.bool_]) -> None:
        """Keep the pieces of a mask: remove the others with their arcs, and renumber the kept ones."""
        new_numbers = np.full(len(is_kept), 0xFFFFFFFF, np.uint32)
        new_numbers[is_kept] = np.arange(np.count_nonzero(is_kept), dtype=np.uint32)

        def run(call: tuple[int, int]) -> None:
            end_if_stopped()
            _em.keep_arcs(self.tree.slice_nodes, self.offsets, self.arcs, new_numbers, *call)

        map_all(run, chain(*self._shards), self.workers)
        self.positions, self.lengths = self.positions[is_kept], self.lengths[is_kept]
        if self._ends is not None:
            self._ends = self._ends[is_kept]
