"""`Dropout` and `Sampling`: segmentations that are drawn by chance, and what the chance depends on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Dropout:
    """BPE-dropout: skip merges by chance.

    Parameters
    ----------
    probability : float or Fraction
        The probability of skipping a merge, from 0, which gives the ids of encoding without dropout, to 1,
        which leaves the bytes or characters.
    seed, epoch : int
        What the draws depend on, besides the document and the position in it; from 0 to 2^64 - 1.

    Raises
    ------
    ValueError
        If `probability` is not from 0 to 1, or a number is out of range.

    Notes
    -----
    As in Provilkov et al. (2020), section 3: in every pretoken, the merges that are possible are gone through
    by rank, then position. Each is skipped with the given probability; the first that is not is made, and
    all that are then possible, those skipped before among them, are gone through anew. The pretoken is done
    when all are skipped. One that is a piece is not taken whole.

    Each pretoken has a generator of its own, SplitMix64 (Steele et al. 2014), which draws once for every
    merge gone through. All arithmetic is modulo 2^64. To draw is ``s += G; return mix(s)``, where G is
    0x9E3779B97F4A7C15 and ``mix(x)`` is ::

        x ^= x >> 30; x *= 0xBF58476D1CE4E5B9
        x ^= x >> 27; x *= 0x94D049BB133111EB
        return x ^ x >> 31

    The merge is skipped if what was drawn, shifted right by one, is below ``probability * 2**63``. At first s
    is ``h(h(h(h(seed) ^ epoch) ^ document) ^ byte)``, where ``h(x)`` is ``mix(x + G)``, ``document`` is the
    number of the document from 0, and ``byte`` is where in the document, in UTF-8, the pretoken begins; the
    texts of special tokens count. Where text is rewritten first, it is a byte of the document that came out,
    and special tokens do not count.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.Dropout(0.1, seed=7, epoch=3)
    Dropout(probability=0.1, seed=7, epoch=3)
    """

    probability: float | Fraction
    seed: int
    epoch: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError(f"dropout must be a probability, from 0 to 1, not {self.probability}")
        check_seeds(self.seed, self.epoch)

    @property
    def limit(self) -> int:
        """The number, from 0 to 2^63, below which a draw of 63 bits skips a merge."""
        return math.ceil(Fraction(self.probability) * (1 << 63))


@dataclass(frozen=True)
class Sampling:
    """Subword regularization: how the segmentations of a Unigram model are drawn.

    Parameters
    ----------
    alpha : float
        Each segmentation is drawn with a probability in proportion to the power `alpha` of its own, not below
        0: 0 makes all of them equal, 1 leaves the model's distribution, and the larger the closer to the best
        one alone.
    seed, epoch : int
        What the draws depend on, besides the document and the position in it; from 0 to 2^64 - 1.

    Raises
    ------
    ValueError
        If `alpha` is negative or not finite, or a number is out of range.

    Notes
    -----
    Kudo (2018), section 3.3, with all segmentations instead of some of the best. Each pretoken has a
    generator of its own, the one of `Dropout`. It draws once for every piece, from the
    front of the pretoken to its end. What was drawn, shifted right by 11 and divided by 2^53, is u. Of the
    pieces that could stand next, from the shortest to the longest, an unknown character last, the first is
    taken with which the sum of their chances is more than u.

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
        check_alpha(self.alpha)
        check_seeds(self.seed, self.epoch)


Sampler = Dropout | Sampling


def check_alpha(alpha: float, largest_score: float = 0.0) -> None:
    """Refuse what makes no distribution, or not one over segmentations with such scores.

    Raises
    ------
    ValueError
        If `alpha` is negative or not finite, or its product with the score so large that sums of as many as
        there can be are not finite.
    """
    if isinstance(alpha, bool) or not isinstance(alpha, (int, float)):
        raise TypeError(f"alpha must be a number, not {alpha!r}")
    if not (alpha >= 0 and math.isfinite(alpha)):
        raise ValueError(f"alpha must be a number from 0 on, not {alpha!r}")
    if alpha * largest_score > 1e290:
        raise ValueError(f"alpha is {alpha}, and with scores of up to {largest_score} that is too much")


def check_seeds(seed: int, epoch: int) -> None:
    """Refuse numbers that do not fit the generator.

    Raises
    ------
    ValueError
        If one is not an integer from 0 to 2^64 - 1.
    """
    for name, number in (("seed", seed), ("epoch", epoch)):
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < 1 << 64:
            raise ValueError(f"{name} must be an integer from 0 to 2^64 - 1, not {number!r}")
