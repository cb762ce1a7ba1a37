"""`Sampling`: segmentations that are drawn by chance, and what the chance depends on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from fasttok.models.dropout import Dropout, check_seeds, resolve_dropout


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
    generator of its own, the one of `fasttok.models.dropout.Dropout`. It draws once for every piece, from the
    front of the pretoken to its end. What was drawn, shifted right by 11 and divided by 2^53, is u. Of the
    pieces that could stand next, from the shortest to the longest, an unknown character last, the first is
    taken with which the sum of their chances is more than u.

    Examples
    --------
    >>> import fasttok as ft
    >>> model = ft.UnigramModel([*"abc", "ab", "bc"], [-2, -2, -2, -3, -3])
    >>> tok = ft.Tokenizer(model, ft.get_pretokenizer("none"))
    >>> for epoch in range(3):
    ...     [tok.id_to_piece(i) for i in tok.encode("abc", sample=ft.Sampling(0.5, seed=7, epoch=epoch))]
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


def resolve_draws(
    dropout: float | Fraction | None, seed: int | None, epoch: int, sample: Sampling | None
) -> Dropout | Sampling | None:
    """Check the arguments of `Tokenizer.encode`; None where nothing is drawn.

    Raises
    ------
    TypeError
        If `sample` is no `Sampling`.
    ValueError
        If both kinds are asked for, or as for `resolve_dropout`.
    """
    resolved = resolve_dropout(dropout, seed, epoch)
    if sample is None:
        return resolved
    if not isinstance(sample, Sampling):
        raise TypeError(f"sample must be a Sampling, not a {type(sample).__name__}")
    if dropout is not None:
        raise ValueError("dropout is for BPE and sample for Unigram; pass one of them")
    return sample


Sampler = Dropout | Sampling
