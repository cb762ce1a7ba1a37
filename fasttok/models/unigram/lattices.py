"""`Lattices`: lattices of all words of the corpus, with the sums and best paths that training needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fasttok.core._interrupt import Interrupt
from fasttok.core.parallel import end_if_stopped, map_ordered
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.models.unigram import _em

MAX_PIECES = 1 << 24  # an arc stores the piece in 24 bits
MAX_LENGTH = 255  # an arc stores the length of the piece in 8 bits
SHARD_ARCS = 1 << 20  # minimum number of arcs per shard
MAX_SHARDS = 8  # maximum number of shards
SLICE_ARCS = 1 << 21  # arcs per call of a kernel, about 10 ms, after which the stop flag is checked
SLICE_PIECES = 1 << 14  # pieces per call of `_em.measure_losses`


@dataclass
class Lattices:
    """Lattices of all words: for each position, the arcs of the pieces that start there (see `_em.pyx`).

    The words are divided into shards, which are the same for any number of threads. Each shard has its own
    sums, which are added in the order of the shards, so floating-point results are also the same.

    Parameters
    ----------
    words : Ragged of uint32
        Symbols of each word.
    counts : ndarray of int64
        Count of each word.
    offsets : ndarray of int64, shape (n + 1,)
        Offsets of each position's arcs, for n symbols.
    arcs : ndarray of uint32
        Piece and length of each arc, the shortest first for each position.
    positions : ndarray of int64, shape (v,)
        Position of one occurrence of each piece.
    lengths : ndarray of int64, shape (v,)
        Length of each piece in symbols.
    workers : int
        Number of threads.
    """

    words: Ragged
    counts: NDArray[np.int64]
    offsets: NDArray[np.int64]
    arcs: NDArray[np.uint32]
    positions: NDArray[np.int64]
    lengths: NDArray[np.int64]
    workers: int
    # The slices of each shard: index of the first word and index after the last word.
    _shards: list[list[tuple[int, int]]] = field(init=False)

    def __post_init__(self) -> None:
        n_shards = min(max(len(self.arcs) // SHARD_ARCS, 1), MAX_SHARDS)
        bounds = self._words_of_arcs(np.linspace(0, len(self.arcs), n_shards + 1))
        self._shards = [self._slices(first, last) for first, last in pairwise(bounds)]
        self._capacity = int(self.words.lengths.max(initial=0)) + 1

    def _words_of_arcs(self, arcs: NDArray[np.float64]) -> list[int]:
        """Return the first word after each given number of arcs; the outermost bounds enclose all words."""
        begins = self.offsets[self.words.offsets]
        bounds = np.searchsorted(begins, arcs)
        bounds[0], bounds[-1] = 0, len(self.words)
        listed: list[int] = bounds.tolist()
        return listed

    def _slices(self, first: int, last: int) -> list[tuple[int, int]]:
        """Divide the words `first` to ``last - 1`` into slices of about `SLICE_ARCS` arcs.

        Pruning removes arcs, so slices later have fewer.
        """
        begin, end = self.offsets[self.words.offsets[[first, last]]]
        bounds = self._words_of_arcs(np.arange(begin, end + SLICE_ARCS, SLICE_ARCS, dtype=np.float64))
        return list(pairwise([first, *[b for b in bounds[1:-1] if first < b < last], last]))

    def expect(self, probabilities: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """Run the E step: return the expected count of each piece and the corpus log-likelihood in nats."""
        longest = int(self.lengths.max())
        most_arcs = int(np.diff(self.offsets[self.words.offsets]).max(initial=0))

        def run(_: int, shard: list[tuple[int, int]]) -> tuple[NDArray[np.float64], float]:
            expected = np.zeros(len(self.lengths))
            forward, backward = np.empty(self._capacity), np.empty(self._capacity)
            values, rescaled = np.empty(most_arcs), np.empty(self._capacity, np.int64)
            log_likelihood = 0.0
            for first, last in shard:
                end_if_stopped()
                log_likelihood += _em.expect(
                    self.words.offsets, self.counts, self.offsets, self.arcs, longest, probabilities,
                    first, last, forward, backward, values, rescaled, expected, Interrupt(),
                )  # fmt: skip
            return expected, log_likelihood

        expected, log_likelihood = np.zeros(len(self.lengths)), 0.0
        for part, likelihood in map_ordered(run, self._shards, self.workers, int):
            expected += part
            log_likelihood += likelihood
        return expected, log_likelihood

    def count_best(self, scores: NDArray[np.float64]) -> NDArray[np.int64]:
        """Count the occurrences of each piece in the best segmentations of the corpus."""

        def run(_: int, shard: list[tuple[int, int]]) -> NDArray[np.int64]:
            occurrences = np.zeros(len(self.lengths), np.int64)
            best, last_arcs = np.empty(self._capacity), np.empty(self._capacity, np.uint32)
            for first, last in shard:
                end_if_stopped()
                _em.count_best(
                    self.words.offsets, self.counts, self.offsets, self.arcs, scores,
                    first, last, best, last_arcs, occurrences, Interrupt(),
                )  # fmt: skip
            return occurrences

        return sum(map_ordered(run, self._shards, self.workers, int), np.zeros(len(self.lengths), np.int64))

    def measure_losses(
        self, scores: NDArray[np.float64], occurrences: NDArray[np.int64], first: int, token_cost: float
    ) -> NDArray[np.float64]:
        """Return the loss from the removal of each piece, from number `first` on; see `_em.pyx`."""
        n = len(self.lengths)
        losses = np.empty(n - first)
        arcs = (self.lengths[first:] << 24 | np.arange(first, n)).astype(np.uint32)
        positions = self.positions[first:]
        capacity = int(self.lengths.max()) + 1
        weights, total = occurrences.astype(np.float64), float(occurrences.sum())

        def run(_: int, begin: int) -> None:
            end_if_stopped()
            part = slice(begin, begin + SLICE_PIECES)
            _em.measure_losses(
                positions[part], arcs[part], self.offsets, self.arcs, scores, weights, total, token_cost,
                first + begin, np.empty(capacity), np.empty(capacity, np.uint32), losses[part],
            )  # fmt: skip

        for _ in map_ordered(run, range(0, n - first, SLICE_PIECES), self.workers, int):
            pass
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
        arcs, offsets, n_positions = self.arcs, self.offsets, len(self.offsets) - 1
        middle = n_positions // 2 if len(arcs) > SHARD_ARCS else n_positions
        begin = int(offsets[middle])

        def run(_: int, part: tuple[int, int, int]) -> int:
            return _em.keep_arcs(offsets, arcs, new_numbers, *part)

        parts = [(0, middle, 0), (middle, n_positions, begin)]
        n_first, n_second = map_ordered(run, parts, self.workers if middle < n_positions else 1, int)
        arcs[n_first : n_first + n_second] = arcs[begin : begin + n_second]
        offsets[middle + 1 :] -= begin - n_first
        self.arcs = arcs[: n_first + n_second]
        self.positions, self.lengths = self.positions[is_kept], self.lengths[is_kept]
