"""`Dropout`: merges that are skipped by chance, and what the chance depends on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Dropout:
    """BPE-dropout as the kernels take it.

    Attributes
    ----------
    limit : int
        A merge is skipped where a number drawn from 0 to 2^63 - 1 is below this.
    seed, epoch : int
        What the draws depend on, besides the document and the position in it; from 0 to 2^64 - 1.

    Notes
    -----
    As in Provilkov et al. (2020), section 3: in every pretoken, the merges that are possible are gone through
    by rank, then position. Each is skipped with the probability `dropout`; the first that is not is made, and
    all that are then possible, those skipped before among them, are gone through anew. The pretoken is done
    when all are skipped. One that is a piece is not taken whole.

    Each pretoken has a generator of its own, SplitMix64 (Steele et al. 2014), which draws once for every
    merge gone through. All arithmetic is modulo 2^64. To draw is ``s += G; return mix(s)``, where G is
    0x9E3779B97F4A7C15 and ``mix(x)`` is ::

        x ^= x >> 30; x *= 0xBF58476D1CE4E5B9
        x ^= x >> 27; x *= 0x94D049BB133111EB
        return x ^ x >> 31

    The merge is skipped if what was drawn, shifted right by one, is below ``dropout * 2**63``. At first s is
    ``h(h(h(h(seed) ^ epoch) ^ document) ^ byte)``, where ``h(x)`` is ``mix(x + G)``, ``document`` is the
    number of the document from 0, and ``byte`` is where in the document, in UTF-8, the pretoken begins; the
    texts of special tokens count. Where text is rewritten first, it is a byte of the document that came out,
    and special tokens do not count.
    """

    limit: int
    seed: int
    epoch: int


def resolve_dropout(dropout: float | Fraction | None, seed: int | None, epoch: int) -> Dropout | None:
    """Check the arguments of `Tokenizer.encode`; None where no merge is skipped.

    Raises
    ------
    ValueError
        If the probability is not from 0 to 1, a number is out of range, or one of `dropout` and `seed` is
        given without the other.
    """
    if dropout is None:
        if seed is not None or epoch != 0:
            raise ValueError("seed and epoch are for dropout, and there is none; pass dropout=0.1, say")
        return None
    if not 0 <= dropout <= 1:
        raise ValueError(f"dropout must be a probability, from 0 to 1, not {dropout}")
    if seed is None:
        raise ValueError("dropout needs a seed, by which the same ids can be had again; pass seed=0, say")
    check_seeds(seed, epoch)
    limit = math.ceil(Fraction(dropout) * (1 << 63))
    return Dropout(limit, seed, epoch) if limit else None


def check_seeds(seed: int, epoch: int) -> None:
    """Refuse numbers that do not fit the generator.

    Raises
    ------
    ValueError
        If one is no integer from 0 to 2^64 - 1.
    """
    for name, number in (("seed", seed), ("epoch", epoch)):
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < 1 << 64:
            raise ValueError(f"{name} must be an integer from 0 to 2^64 - 1, not {number!r}")
