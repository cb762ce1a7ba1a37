"""`Rounds`: metrics of the rounds of Unigram training, and their steps for those who watch it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged
from fasttok.models.base import Round
from fasttok.models.unigram.lattices import Lattices

Criterion = Literal["loss", "expected count", "probability"]


@dataclass(frozen=True, eq=False)
class EMStep:
    """One EM step of Unigram training.

    Attributes
    ----------
    round : int
        Number of the round, from 1. A round ends with pruning; the last one ends the training.
    step : int
        Number of the step in its round, from 1.
    pieces : ndarray of int64, shape (v,)
        Pieces before the step, as indices into `names`.
    probabilities : ndarray of float64, shape (v,)
        Probability of each of these pieces before the step.
    log_likelihood : float
        Log-likelihood of the corpus in nats, under these probabilities. With ``method="mingram"``, only the
        best segmentations count.
    n_characters, n_words : int
        Number of characters and of words of the corpus. A word is a pretoken, or a part of one between
        unknown characters.
    dropped : ndarray of int64
        Pieces that the step drops because their expected count is below 0.5, as indices into `names`.
    names : Ragged of uint8
        Seed pieces in UTF-8, the same for all steps of a training. The single characters come first.

    Examples
    --------
    >>> import fasttok as ft
    >>> counts = ft.PretokenCounts.from_dict({"low": 5, "lower": 2, "newest": 6, "widest": 3})
    >>> step = ft.trace(counts, model="unigram", vocab_size=15).steps[0]
    >>> len(step.pieces), step.n_words, round(step.objective, 3)
    (25, 16, 2.675)
    """

    round: int
    step: int
    pieces: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    log_likelihood: float
    n_characters: int
    n_words: int
    dropped: NDArray[np.int64]
    names: Ragged = field(repr=False)

    @property
    def objective(self) -> float:
        """Negative log-likelihood in nats per word, as in the log of sentencepiece; less is better."""
        return -self.log_likelihood / self.n_words


@dataclass(frozen=True, eq=False)
class PruningStep:
    """Pruning at the end of a round of Unigram training.

    Attributes
    ----------
    round : int
        Number of the round, from 1.
    criterion : {"loss", "expected count", "probability"}
        Measure of importance. The least important pieces are pruned.
    pieces : ndarray of int64, shape (v,)
        Pieces before pruning, as indices into `names`.
    n_single : int
        Number of them that are single characters. They come first and are always kept.
    importance : ndarray of float64, shape (v,)
        Importance of each piece. A loss is in nats: infinity for characters and for pieces that have no other
        segmentation; minus infinity for pieces that do not occur in the best segmentations, or have a more
        probable other segmentation.
    occurrences : ndarray of int64, shape (v,), or None
        Number of occurrences of each piece in the best segmentations of the corpus; None if they do not
        matter for the criterion.
    is_kept : ndarray of bool, shape (v,)
        Whether each piece is kept.
    names : Ragged of uint8
        Seed pieces in UTF-8, the same for all steps of a training.

    Examples
    --------
    >>> import fasttok as ft
    >>> counts = ft.PretokenCounts.from_dict({"low": 5, "lower": 2, "newest": 6, "widest": 3})
    >>> step = ft.trace(counts, model="unigram", vocab_size=15).steps[1]
    >>> [bytes(step.names[i]).decode() for i in step.pieces[~step.is_kept]]
    []
    """

    round: int
    criterion: Criterion
    pieces: NDArray[np.int64]
    n_single: int
    importance: NDArray[np.float64]
    occurrences: NDArray[np.int64] | None
    is_kept: NDArray[np.bool_]
    names: Ragged = field(repr=False)


class Rounds:
    """Metrics of the training rounds so far, also shown in a progress bar.

    Parameters
    ----------
    characters : ndarray of uint32
        Code point of each symbol of the corpus.
    n_characters : float
        Number of characters of the corpus.
    n_words : int
        Number of words of the corpus.
    bar : Bar
        Progress bar.
    observer : callable, optional
        Function that is called with each `EMStep` and `PruningStep`.
    """

    def __init__(
        self,
        characters: NDArray[np.uint32],
        n_characters: float,
        n_words: int,
        bar: Any,
        observer: Callable[[EMStep | PruningStep], object] | None = None,
    ) -> None:
        self.reported: list[Round] = []
        self._characters, self._n_characters, self._n_words = characters, n_characters, n_words
        self._bar, self._observer = bar, observer
        self._round, self._step = 1, 0
        self._names = Ragged.from_rows([])
        self._pieces = np.empty(0, np.int64)

    def begin(self, lattices: Lattices) -> None:
        """Record the seed pieces."""
        if self._observer is None:
            return
        # A character may occur in no word, so that its string is not in the lattices.
        strings = lattices.strings(len(self._characters))
        text = self._characters[strings.values].tobytes().decode("utf-32-le")
        names = [chr(character) for character in self._characters.tolist()]
        names += [text[start:end] for start, end in pairwise(strings.offsets.tolist())]
        self._names = Ragged.from_bytes([name.encode() for name in names])
        self._pieces = np.arange(len(names))

    @property
    def is_observed(self) -> bool:
        """Whether there is an observer."""
        return self._observer is not None

    def report_step(
        self,
        probabilities: NDArray[np.float64],
        log_likelihood: float,
        is_kept: NDArray[np.bool_] | None = None,
    ) -> None:
        """Report an EM step: the values before it, and the pieces that it keeps; default: all."""
        if self._observer is None:
            return
        self._step += 1
        before = self._pieces
        dropped = before[:0] if is_kept is None else before[~is_kept]
        self._pieces = before if is_kept is None else before[is_kept]
        place, corpus = (self._round, self._step), (int(self._n_characters), self._n_words)
        self._observer(EMStep(*place, before, probabilities, log_likelihood, *corpus, dropped, self._names))

    def report_pruning(
        self,
        criterion: Criterion,
        importance: NDArray[np.float64],
        occurrences: NDArray[np.int64] | None,
        is_kept: NDArray[np.bool_],
    ) -> None:
        """Report the pruning at the end of a round, and begin the next one."""
        if self._observer is None:
            return
        self._observer(
            PruningStep(
                self._round, criterion, self._pieces, len(self._characters), importance, occurrences,
                is_kept, self._names,
            )
        )  # fmt: skip
        self._pieces = self._pieces[is_kept]
        self._round, self._step = self._round + 1, 0

    def report(self, n_pieces: int, log_likelihood: float, n_tokens: int) -> None:
        """Record the metrics at the end of a round."""
        nats = log_likelihood / self._n_characters
        self.reported.append(Round(n_pieces=n_pieces, log_likelihood_per_character=nats, n_tokens=n_tokens))
        self._bar.update(self.reported[0]["n_pieces"] - n_pieces - self._bar.n)
        self._bar.set_postfix(pieces=n_pieces, nats=nats, tokens=n_tokens)
