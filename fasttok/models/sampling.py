"""`Dropout` and `Sampling`: options for random segmentations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from fasttok.core.checks import checked_fraction, checked_number, checked_seed


@dataclass(frozen=True)
class Dropout:
    """BPE-dropout: skip merges at random.

    Parameters
    ----------
    probability : float or Fraction
        Probability of skipping a merge, from 0 to 1. With 0, the ids are those of encoding without dropout;
        with 1, no merge is applied.
    seed, epoch : int
        Seed of the random numbers and number of the training epoch, each from 0 to 2^64 - 1. The same
        numbers give the same ids.

    Raises
    ------
    ValueError
        If `probability` is outside 0 to 1, or `seed` or `epoch` is out of range.

    Notes
    -----
    The algorithm is that of Provilkov et al. (2020), section 3. In each pretoken, the possible merges are
    visited by rank, then by position. Each is skipped with the given probability. The first merge that is not
    skipped is applied, and the visit starts again with all merges that are then possible. The pretoken is
    finished when all of them are skipped. With a probability above 0, `ignore_merges` has no effect: a
    pretoken that is itself a piece is segmented as well.

    Each pretoken has its own random number generator, SplitMix64 (Steele et al. 2014), which draws one number
    per visited merge. All arithmetic is modulo 2^64. A draw is ``s += G; return mix(s)``, where G is
    0x9E3779B97F4A7C15 and ``mix(x)`` is ::

        x ^= x >> 30; x *= 0xBF58476D1CE4E5B9
        x ^= x >> 27; x *= 0x94D049BB133111EB
        return x ^ x >> 31

    The merge is skipped if the drawn number, shifted right by one, is less than ``probability * 2**63``. The
    initial value of s is ``h(h(h(h(seed) ^ epoch) ^ document) ^ byte)``, where ``h(x)`` is ``mix(x + G)``.
    ``document`` is the number of the document, from 0. ``byte`` is the offset of the pretoken in the document
    in UTF-8, including the texts of special tokens. If a pipeline rewrites the text, the offset is in the
    rewritten document, without special tokens.

    Examples
    --------
    >>> import fasttok as ft
    >>> counts = ft.PretokenCounts.from_dict({"lowest": 5, "low": 9, "west": 4})
    >>> tok = ft.train(counts, vocab_size=262)
    >>> for epoch in range(3):
    ...     [tok.id_to_piece(i) for i in tok.encode("lowest", sampling=ft.Dropout(0.5, seed=7, epoch=epoch))]
    [b'lowest']
    [b'low', b'e', b's', b't']
    [b'lo', b'w', b'e', b's', b't']
    """

    probability: float | Fraction
    seed: int
    epoch: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "probability", checked_fraction("probability", self.probability))
        _store_seeds(self)

    @property
    def limit(self) -> int:
        """Threshold from 0 to 2^63: a merge is skipped if a random 63-bit number is below it."""
        return math.ceil(Fraction(self.probability) * (1 << 63))


@dataclass(frozen=True)
class Sampling:
    """Subword regularization: sample segmentations from a Unigram model.

    Parameters
    ----------
    alpha : float
        Exponent, at least 0. Each segmentation is sampled with a probability proportional to ``p ** alpha``,
        where p is its probability in the model. With 0, all segmentations are equally likely; with 1, the
        distribution is the model's. Values above 1 favour the most probable segmentations.
    seed, epoch : int
        Seed of the random numbers and number of the training epoch, each from 0 to 2^64 - 1. The same
        numbers give the same ids.

    Raises
    ------
    TypeError
        If `alpha` is not a number.
    ValueError
        If `alpha` is negative or not finite, or `seed` or `epoch` is out of range.

    Notes
    -----
    The method is that of Kudo (2018), section 3.3, except that all segmentations can be sampled, not only the
    n best. As for `Dropout`, each pretoken has its own random number generator. It draws one number per
    piece, from the start of the pretoken to its end. The number, shifted right by 11 and divided by 2^53, is
    u. The candidates for the next piece are ordered from the shortest to the longest, followed by an unknown
    character. The sampled piece is the first one at which the cumulative probability exceeds u.

    Examples
    --------
    >>> import fasttok as ft
    >>> model = ft.UnigramModel([*"abc", "ab", "bc"], [-2, -2, -2, -3, -3])
    >>> tok = ft.Tokenizer(model, ft.get_pretokenizer("none"))
    >>> for epoch in range(3):
    ...     [tok.id_to_piece(i) for i in tok.encode("abc", sampling=ft.Sampling(0.5, seed=7, epoch=epoch))]
    [b'a', b'bc']
    [b'a', b'bc']
    [b'ab', b'c']
    """

    alpha: float
    seed: int
    epoch: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", checked_alpha(self.alpha))
        _store_seeds(self)


Sampler = Dropout | Sampling


def checked_alpha(alpha: Any, largest_score: float = 0.0) -> float:
    """Return `alpha` as a float or int, if it gives a distribution over segmentations.

    Raises
    ------
    TypeError
        If `alpha` is not a number.
    ValueError
        If `alpha` is negative or not finite, or so large that sums of scores times `alpha` would overflow.
    """
    number = checked_number("alpha", alpha, 0)
    if number * largest_score > 1e290:
        raise ValueError(
            f"alpha {number} is too large for scores of up to {largest_score}: sums would overflow"
        )
    return number


def _store_seeds(sampling: Dropout | Sampling) -> None:
    """Check the seed and the epoch, and store them as Python integers."""
    for name in ("seed", "epoch"):
        object.__setattr__(sampling, name, checked_seed(name, getattr(sampling, name)))
