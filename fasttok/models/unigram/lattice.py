"""`Lattice`: all segmentations of a text under a Unigram model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import read_only
from fasttok.models.sampling import check_alpha, check_seeds
from fasttok.models.unigram import _lattice
from fasttok.models.unigram._elementary import exp
from fasttok.models.unigram._viterbi import UnigramEncoder


@dataclass(frozen=True)
class Segmentation:
    """One way to cut a text into pieces.

    Attributes
    ----------
    ids : tuple of int
        What the pieces are written as: of an unknown character the bytes or the unknown token, one for a run.
    pieces : tuple of str
        The pieces, an unknown character being one. A byte that is not UTF-8 is U+DC80 to U+DCFF.
    score : float
        The sum of the scores of the pieces, from the left.
    """

    ids: tuple[int, ...]
    pieces: tuple[str, ...]
    score: float


class Lattice:
    """All segmentations of a text, taken as one pretoken. Made by `UnigramModel.lattice`; immutable.

    An arc is a piece that could stand at some place in the text, or a character that is no piece, and a
    segmentation is a way along arcs from the start of the text to its end. Its score is the sum of the scores
    of its arcs, in double precision; its probability is the exponential of its score, divided by the sum of
    these over all segmentations.

    Attributes
    ----------
    text : bytes
        The text in UTF-8.
    starts, ends : ndarray of int64, shape (a,)
        Where each arc begins and ends in the text, in bytes; sorted by start, then end, an unknown character
        last of those with its start.
    ids : ndarray of int64, shape (a,)
        The id of each arc; -1 for an unknown character.
    scores : ndarray of float64, shape (a,)
        The score of each arc.

    Notes
    -----
    Kudo (2018), section 3. Everything takes O(a) and memory in proportion, but for `nbest` and `sample`,
    which take up to O(a) for each segmentation; `nbest` goes by Jiménez and Marzal (1999). Sums over
    segmentations are logarithms throughout, so that a text may be as long as you like.

    Examples
    --------
    >>> import fasttok as ft
    >>> model = ft.UnigramModel([*"abc", "ab", "bc"], [-2, -2, -2, -3, -3.5])
    >>> lattice = model.lattice("abc")
    >>> lattice.viterbi()
    Segmentation(ids=(3, 2), pieces=('ab', 'c'), score=-5.0)
    >>> [(way.pieces, way.score) for way in lattice.nbest(5)]
    [(('ab', 'c'), -5.0), (('a', 'bc'), -5.5), (('a', 'b', 'c'), -6.0)]
    >>> [(int(id), round(float(chance), 3)) for id, chance in zip(lattice.ids, lattice.marginals())]
    [(0, 0.494), (3, 0.506), (1, 0.186), (4, 0.307), (2, 0.693)]
    >>> round(lattice.log_likelihood(), 3), round(lattice.entropy(), 3)
    (-4.32, 1.02)
    """

    def __init__(self, encoder: UnigramEncoder, text: bytes) -> None:
        self.text = text
        self._encoder = encoder
        self._bytes = np.frombuffer(text, np.uint8)
        starts, ends, pieces, scores = _lattice.list_arcs(encoder, self._bytes)
        self._pieces = pieces  # as the kernels have it
        self.starts, self.ends, self.scores = map(read_only, (starts, ends, scores))
        self.ids = read_only(np.maximum(pieces, -1))

    def __len__(self) -> int:
        return len(self.starts)

    def __repr__(self) -> str:
        return f"Lattice({len(self.text):,} bytes, {len(self):,} arcs)"

    def viterbi(self) -> Segmentation:
        """The best segmentation, in double precision.

        Of several with this score, it is the one whose last piece starts earliest, and so on towards the
        front. Encoding gives it, but where near ties are settled by rounding (see `UnigramModel`), or if the
        model goes by the fewest pieces.

        Raises
        ------
        UnknownCharacterError
            At a character in it that has no id, as in encoding.
        """
        return self.nbest(1)[0]

    def nbest(self, n: int) -> list[Segmentation]:
        """The n best segmentations, or all if they are fewer; all different, the best first.

        Of those with equal scores, the one whose last piece starts earliest comes first; where that is the
        same, the one that comes first without it.

        Raises
        ------
        ValueError
            If `n` is not positive.
        UnknownCharacterError
            At a character in any of them that has no id.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1, not {n}")
        found = _lattice.find_best(self.starts, self.ends, self.scores, len(self.text), n)
        return [self._segmentation(arcs) for arcs in found]

    def sample(self, n: int, *, alpha: float = 1.0, seed: int) -> list[Segmentation]:
        """Segmentations drawn by chance, each by itself.

        Parameters
        ----------
        n : int
            How many.
        alpha : float
            As in `Sampling`.
        seed : int
            What the draws depend on, from 0 to 2^64 - 1. The first k of n are the k with the same seed.

        Raises
        ------
        ValueError
            If an argument is out of range.
        UnknownCharacterError
            At a character in any of them that has no id.
        """
        if n < 0:
            raise ValueError(f"n must not be negative, but is {n}")
        check_seeds(seed, 0)
        weights = self._weights(alpha)
        backward = _lattice.sum_backward(self.starts, self.ends, weights, len(self.text))
        drawn = _lattice.sample_arcs(self.starts, self.ends, weights, backward, n, seed)
        return [self._segmentation(arcs) for arcs in drawn]

    def marginals(self, alpha: float = 1.0) -> NDArray[np.float64]:
        """The probability that a segmentation holds the arc, of every arc.

        Parameters
        ----------
        alpha : float
            As in `Sampling`, for the distribution that it makes.

        Returns
        -------
        ndarray of float64, shape (a,)
        """
        weights, n = self._weights(alpha), len(self.text)
        forward = _lattice.sum_forward(self.starts, self.ends, weights, n)
        backward = _lattice.sum_backward(self.starts, self.ends, weights, n)
        logarithms = forward[self.starts] + weights + backward[self.ends] - forward[n]
        return exp(np.minimum(logarithms, 0))

    def log_likelihood(self) -> float:
        """The logarithm of the sum of the exponentials of all scores: that of the text's probability."""
        return float(_lattice.sum_forward(self.starts, self.ends, self.scores, len(self.text))[-1])

    def entropy(self, alpha: float = 1.0) -> float:
        """The entropy of the distribution over segmentations, in nats; `alpha` as in `Sampling`."""
        weights = self._weights(alpha)
        forward = _lattice.sum_forward(self.starts, self.ends, weights, len(self.text))
        return _lattice.sum_entropy(self.starts, self.ends, weights, forward)

    def _segmentation(self, arcs: NDArray[np.int64]) -> Segmentation:
        ids = _lattice.ids_of_arcs(self._encoder, self._bytes, self._pieces[arcs])
        places = zip(self.starts[arcs].tolist(), self.ends[arcs].tolist(), strict=True)
        pieces = [self.text[start:end].decode(errors="surrogateescape") for start, end in places]
        sums = np.cumsum(self.scores[arcs])  # from the left, where other sums are not
        return Segmentation(tuple(ids.tolist()), tuple(pieces), float(sums[-1]) if len(sums) else 0.0)

    def _weights(self, alpha: float) -> NDArray[np.float64]:
        """The scores that make the distribution.

        Raises
        ------
        ValueError
            If `alpha` is negative or not finite, or too large for the scores.
        """
        check_alpha(alpha, float(np.abs(self.scores).max(initial=0)))
        return alpha * self.scores
