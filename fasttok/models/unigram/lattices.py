"""`Lattices`: all segmentations of all words into the pieces there are, and what training asks of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fasttok.core._interrupt import Interrupt
from fasttok.core.parallel import end_if_stopped, map_ordered
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.models.unigram import _em

MOST_PIECES = 1 << 24  # what an arc has room for,
LONGEST = 255  # and for its length
LANE_ARCS = 1 << 20
MOST_LANES = 8
SLICE_ARCS = 1 << 21  # a kernel walks over between two looks at whether to go on: some 10 ms,
SLICE_PIECES = 1 << 14  # and so many pieces


@dataclass
class Lattices:
    """The arcs of words, by position; see `_em.pyx`.

    Words are shared out to lanes that add for themselves, and whose sums are added in order: so sums of
    floating-point numbers do not depend on the number of threads.

    Parameters
    ----------
    words : Ragged of uint32
        Symbols, a row per distinct pretoken.
    counts : ndarray of int64
        How often each word occurs.
    offsets : ndarray of int64
        Where the arcs of each position begin.
    arcs : ndarray of uint32
        Piece and length.
    places : ndarray of int64, shape (v,)
        A position at which each piece stands.
    lengths : ndarray of int64, shape (v,)
        The symbols of each piece.
    workers : int
        Threads.
    """

    words: Ragged
    counts: NDArray[np.int64]
    offsets: NDArray[np.int64]
    arcs: NDArray[np.uint32]
    places: NDArray[np.int64]
    lengths: NDArray[np.int64]
    workers: int
    # Of each lane its slices: the first word, and one past the last.
    _lanes: list[list[tuple[int, int]]] = field(init=False)

    def __post_init__(self) -> None:
        n_lanes = min(max(len(self.arcs) // LANE_ARCS, 1), MOST_LANES)
        bounds = self._words_of_arcs(np.linspace(0, len(self.arcs), n_lanes + 1))
        self._lanes = [self._slices(first, last) for first, last in pairwise(bounds)]
        self._room = int(self.words.lengths.max(initial=0)) + 1

    def _words_of_arcs(self, arcs: NDArray[np.float64]) -> list[int]:
        """The words at which so many arcs are behind, from the first to past the last."""
        begins = self.offsets[self.words.offsets]
        bounds = np.searchsorted(begins, arcs)
        bounds[0], bounds[-1] = 0, len(self.words)
        listed: list[int] = bounds.tolist()
        return listed

    def _slices(self, first: int, last: int) -> list[tuple[int, int]]:
        """Words in parts that take not too long; as arcs go, they take less."""
        begin, end = self.offsets[self.words.offsets[[first, last]]]
        bounds = self._words_of_arcs(np.arange(begin, end + SLICE_ARCS, SLICE_ARCS, dtype=np.float64))
        return list(pairwise([first, *[b for b in bounds[1:-1] if first < b < last], last]))

    def expect(self, probabilities: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """The expected occurrences of each piece, and the log likelihood of the corpus in nats."""
        longest = int(self.lengths.max())

        def run(_: int, lane: list[tuple[int, int]]) -> tuple[NDArray[np.float64], float]:
            expected = np.zeros(len(self.lengths))
            room = np.empty((2, self._room))
            lifted = np.empty(self._room, np.int64)
            log_likelihood = 0.0
            for first, last in lane:
                end_if_stopped()
                log_likelihood += _em.expect(
                    self.words.offsets, self.counts, self.offsets, self.arcs, longest, probabilities,
                    first, last, room[0], room[1], lifted, expected, Interrupt(),
                )  # fmt: skip
            return expected, log_likelihood

        expected, log_likelihood = np.zeros(len(self.lengths)), 0.0
        for part, likelihood in map_ordered(run, self._lanes, range(self.workers)):
            expected += part
            log_likelihood += likelihood
        return expected, log_likelihood

    def count_best(self, scores: NDArray[np.float64]) -> NDArray[np.int64]:
        """How often each piece stands in the best segmentations of the corpus."""

        def run(_: int, lane: list[tuple[int, int]]) -> NDArray[np.int64]:
            occurrences = np.zeros(len(self.lengths), np.int64)
            best, arrived = np.empty(self._room), np.empty(self._room, np.uint32)
            for first, last in lane:
                end_if_stopped()
                _em.count_best(
                    self.words.offsets, self.counts, self.offsets, self.arcs, scores,
                    first, last, best, arrived, occurrences, Interrupt(),
                )  # fmt: skip
            return occurrences

        return sum(map_ordered(run, self._lanes, range(self.workers)), np.zeros(len(self.lengths), np.int64))

    def measure_losses(
        self, scores: NDArray[np.float64], occurrences: NDArray[np.int64], first: int, token_cost: float
    ) -> NDArray[np.float64]:
        """What the corpus would lose without each of the pieces from number `first` on; see `_em.pyx`."""
        n = len(self.lengths)
        losses = np.empty(n - first)
        arcs = (self.lengths[first:] << 24 | np.arange(first, n)).astype(np.uint32)
        places = self.places[first:]
        room = int(self.lengths.max()) + 1
        weights, total = occurrences.astype(np.float64), float(occurrences.sum())

        def run(_: int, begin: int) -> None:
            end_if_stopped()
            part = slice(begin, begin + SLICE_PIECES)
            _em.measure_losses(
                places[part], arcs[part], self.offsets, self.arcs, scores, weights, total, token_cost,
                first + begin, np.empty(room), np.empty(room, np.uint32), losses[part],
            )  # fmt: skip

        for _ in map_ordered(run, range(0, n - first, SLICE_PIECES), range(self.workers)):
            pass
        return losses

    def strings(self, first: int = 0) -> Ragged:
        """The symbols of each piece from number `first` on."""
        lengths, offsets = self.lengths[first:], lengths_to_offsets(self.lengths[first:])
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        return Ragged(self.words.values[np.repeat(self.places[first:], lengths) + within], offsets)

    def keep(self, is_kept: NDArray[np.bool_]) -> None:
        """Let the other pieces go; those that remain are numbered anew, in order."""
        renamed = np.full(len(is_kept), 0xFFFFFFFF, np.uint32)
        renamed[is_kept] = np.arange(np.count_nonzero(is_kept), dtype=np.uint32)
        arcs, offsets, n_positions = self.arcs, self.offsets, len(self.offsets) - 1
        middle = n_positions // 2 if len(arcs) > LANE_ARCS else n_positions
        begin = int(offsets[middle])

        def run(_: int, part: tuple[int, int, int]) -> int:
            return _em.keep_arcs(offsets, arcs, renamed, *part)

        parts = [(0, middle, 0), (middle, n_positions, begin)]
        n_first, n_second = map_ordered(run, parts, range(self.workers if middle < n_positions else 1))
        arcs[n_first : n_first + n_second] = arcs[begin : begin + n_second]
        offsets[middle + 1 :] -= begin - n_first
        self.arcs = arcs[: n_first + n_second]
        self.places, self.lengths = self.places[is_kept], self.lengths[is_kept]
