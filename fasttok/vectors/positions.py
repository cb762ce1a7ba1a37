"""Positions of tokens as a model sees them: vectors to add, rotations, and biases of attention.

All functions return float32. The numbers are computed in float64 and rounded once. They have the same bits on
every platform.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_choice, checked_dimension, checked_flag, checked_number
from fasttok.core.ids import as_id_array
from fasttok.vectors.elementary import compute_powers, compute_sines
from fasttok.vectors.initial import BIAS, POSITIONS, make_random

Init = Literal["normal", "uniform", "xavier"]
Layout = Literal["half", "interleaved"]

_CHUNK = 1 << 16  # angles computed at a time
_MOST_BUCKETS = 1024  # the limits between buckets need integers of as many powers


# Vectors that are added to those of tokens


def sinusoidal(n: int, dim: int, *, base: float = 10000.0) -> NDArray[np.float32]:
    """Return the sinusoidal position vectors of Vaswani et al. (2017), section 3.5.

    Column 2i of row p is ``sin(p / base ** (2i / dim))``, and column 2i + 1 is the cosine of the same angle.

    Parameters
    ----------
    n : int
        Number of positions, from 0 to ``n - 1``.
    dim : int
        Number of columns; if it is odd, the last column is a sine.
    base : float
        Longest wavelength divided by 2 pi; at least 1.

    Returns
    -------
    ndarray of float32, shape (n, dim)

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or is out of range.

    Notes
    -----
    Takes O(n * dim) time.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.vectors.sinusoidal(3, 4).round(3)
    array([[ 0.   ,  1.   ,  0.   ,  1.   ],
           [ 0.841,  0.54 ,  0.01 ,  1.   ],
           [ 0.909, -0.416,  0.02 ,  1.   ]], dtype=float32)
    """
    n, dim = checked_dimension("n", n), checked_dimension("dim", dim)
    base = checked_number("base", base, 1)
    sines, cosines = _rotate(n, dim, (dim + 1) // 2, base)
    result = np.empty((n, dim), np.float32)
    result[:, ::2] = sines
    result[:, 1::2] = cosines[:, : dim // 2]
    return result


def learned(
    n: int, dim: int, seed: int, *, init: Init = "normal", scale: float | None = None
) -> NDArray[np.float32]:
    """Return random position vectors with which training begins, as in BERT and GPT-2.

    Parameters
    ----------
    n : int
        Number of positions.
    dim : int
        Number of columns.
    seed : int
        Seed of the random numbers, from 0 to 2^64 - 1. The numbers are made as in `EmbeddingTable.random`,
        but from another initial state, ``h(h(seed) ^ 1)``, so the same seed gives other numbers.
    init, scale
        As in `EmbeddingTable.random`.

    Returns
    -------
    ndarray of float32, shape (n, dim)

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or is out of range.

    Examples
    --------
    >>> import fasttok as ft
    >>> positions = ft.vectors.learned(512, 768, seed=7)
    >>> positions.shape, round(positions.std().item(), 3)
    ((512, 768), 0.02)
    """
    n, dim = checked_dimension("n", n), checked_dimension("dim", dim)
    return make_random(n, dim, seed, POSITIONS, init, scale)


# Rotations


@dataclass(frozen=True, eq=False)
class Rotary:
    """Rotary position embedding of Su et al. (2021): rotates queries and keys by their positions.

    `rotary` makes it. The scalar product of a rotated query and a rotated key depends on their positions only
    by the difference of the two.

    Attributes
    ----------
    cosines, sines : ndarray of float32, shape (n, dim / 2)
        Cosine and sine of the angle of each pair of columns at each position.
    layout : {"half", "interleaved"}
        Columns that form a pair; see `rotary`.

    Examples
    --------
    >>> import numpy as np
    >>> import fasttok as ft
    >>> rotation = ft.vectors.rotary(8, 4)
    >>> query, key = np.array([[1.0, 2.0, 3.0, 4.0]]), np.array([[4.0, 3.0, 2.0, 1.0]])
    >>> for p, q in [(5, 3), (2, 0), (5, 4)]:
    ...     rotated = rotation.apply(query, [p]) @ rotation.apply(key, [q]).T
    ...     print(p - q, rotated.item().__round__(4))
    2 -3.4564
    2 -3.4564
    1 6.8878
    """

    cosines: NDArray[np.float32]
    sines: NDArray[np.float32]
    layout: Layout

    def apply(self, vectors: NDArray[Any], positions: Any = None) -> NDArray[Any]:
        """Return vectors rotated by the angles of their positions.

        Parameters
        ----------
        vectors : ndarray of float, shape (..., t, dim)
            Queries or keys, such as an array of shape (batch, heads, t, dim).
        positions : ndarray of int, optional
            Position of each vector, from 0 to ``n - 1``. The shape is (t,), or any shape that broadcasts to
            that of `vectors` without the last axis. Default: 0, 1, ..., t - 1.

        Returns
        -------
        ndarray
            Copy of `vectors`, rotated, with the same dtype and shape.

        Raises
        ------
        TypeError
            If `vectors` is not an array of floating-point numbers, or `positions` are not integers.
        ValueError
            If the shapes do not fit, or there are more positions than `rotary` was asked for.
        IndexError
            If a position is not from 0 to ``n - 1``.

        Examples
        --------
        >>> import numpy as np
        >>> import fasttok as ft
        >>> ft.vectors.rotary(8, 2).apply(np.array([[1.0, 0.0], [1.0, 0.0]])).round(3)
        array([[1.   , 0.   ],
               [0.54 , 0.841]])
        """
        n, half = self.cosines.shape
        if not isinstance(vectors, np.ndarray) or vectors.dtype.kind != "f":
            given = vectors.dtype if isinstance(vectors, np.ndarray) else type(vectors).__name__
            raise TypeError(f"vectors must be an array of floating-point numbers, not {given}")
        if vectors.ndim < 2 or vectors.shape[-1] != 2 * half:
            raise ValueError(f"vectors must have the shape (..., t, {2 * half}), not {vectors.shape}")
        length = vectors.shape[-2]
        if positions is None:
            if length > n:
                raise ValueError(
                    f"vectors have {length:,} positions, but the angles of only {n:,} are known; "
                    f"make them with rotary({length}, {2 * half})"
                )
            rows: Any = slice(length)
        else:
            rows = as_id_array(positions, n, "positions", f"the {n:,} positions of these rotations")
            try:
                np.broadcast_to(rows, vectors.shape[:-1])
            except ValueError:
                raise ValueError(
                    f"positions of shape {rows.shape} do not broadcast to {vectors.shape[:-1]}, "
                    "the shape of vectors without its last axis"
                ) from None
        cosines, sines = self.cosines[rows], self.sines[rows]
        kind = np.result_type(vectors, np.float32)
        result = np.empty(vectors.shape, kind)
        if self.layout == "half":
            parts = [(array[..., :half], array[..., half:]) for array in (vectors, result)]
        else:
            parts = [(array[..., ::2], array[..., 1::2]) for array in (vectors, result)]
        (x, y), (out_x, out_y) = parts
        np.subtract(x * cosines, y * sines, out=out_x)
        np.add(x * sines, y * cosines, out=out_y)
        return result.astype(vectors.dtype, copy=False)


def rotary(n: int, dim: int, *, base: float = 10000.0, layout: Layout = "half") -> Rotary:
    """Return the rotary position embedding of Su et al. (2021): the angles of n positions.

    Pair i of the columns of a vector at position p is rotated by the angle ``p * base ** (-2i / dim)``.

    Parameters
    ----------
    n : int
        Number of positions, from 0 to ``n - 1``.
    dim : int
        Number of columns of one head; even.
    base : float
        Base of the angles, at least 1; Llama 3 has 500,000.
    layout : {"half", "interleaved"}
        Columns of pair i. "half": i and i + dim / 2, as in GPT-NeoX and in the Llama of Hugging Face.
        "interleaved": 2i and 2i + 1, as in the paper and in GPT-J.

    Returns
    -------
    Rotary
        Cosines and sines, and a method that applies them.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or is out of range, or `dim` is odd.

    Examples
    --------
    >>> import fasttok as ft
    >>> rotation = ft.vectors.rotary(2048, 128, base=500_000)
    >>> rotation.cosines.shape
    (2048, 64)
    """
    n, dim = checked_dimension("n", n), checked_dimension("dim", dim)
    base = checked_number("base", base, 1)
    name = checked_choice("layout", layout, "half", "interleaved")
    if dim % 2:
        raise ValueError(f"dim must be even, because pairs of columns are rotated, not {dim}")
    sines, cosines = _rotate(n, dim, dim // 2, base)
    return Rotary(cosines, sines, "half" if name == "half" else "interleaved")


def _rotate(n: int, dim: int, n_columns: int, base: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return sines and cosines of the angles ``p * base ** (-2i / dim)``, each of shape (n, n_columns)."""
    sines, cosines = np.empty((2, n, n_columns), np.float32)
    frequencies = compute_powers(base, [(-2 * i, dim) for i in range(n_columns)])
    step = max(1, _CHUNK // n_columns)
    for start in range(0, n, step):
        positions = np.arange(start, min(start + step, n), dtype=np.float64)
        rows = slice(start, start + step)
        sines[rows], cosines[rows] = compute_sines(positions[:, None] * frequencies)
    return sines, cosines


# Biases of attention


def relative_buckets(
    n: int,
    n_keys: int | None = None,
    *,
    n_buckets: int = 32,
    max_distance: int = 128,
    bidirectional: bool = True,
) -> NDArray[np.int64]:
    """Return the bucket of each pair of a query and a key, as in T5 (Raffel et al. 2020, section 2.1).

    The bucket depends on the distance between the two. Small distances have buckets of their own; larger ones
    share buckets whose widths grow exponentially; all distances from `max_distance` on share the last bucket.

    Parameters
    ----------
    n : int
        Number of positions of queries.
    n_keys : int, optional
        Number of positions of keys; default: `n`.
    n_buckets : int
        Number of buckets. With `bidirectional`, half of them are for keys after the query.
    max_distance : int
        Distance from which on all have the same bucket.
    bidirectional : bool
        Whether keys after the query have buckets of their own, as in an encoder. If not, they are all in
        bucket 0, as for the masked keys of a decoder.

    Returns
    -------
    ndarray of int64, shape (n, n_keys)
        Buckets from 0 to ``n_buckets - 1``, by query and key.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or is out of range. `n_buckets` must be at most 1,024 and a multiple
        of 2, or of 4 with `bidirectional`. `max_distance` must be more than half of the buckets of one
        direction.

    Notes
    -----
    Of the m buckets for one direction, those for distances below e = m / 2 hold one distance each. A larger
    distance d is in bucket ``e + floor((m - e) * log(d / e) / log(max_distance / e))``, at most m - 1. The
    limits between buckets are computed with integers, so no rounding moves a distance.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.vectors.relative_buckets(4, n_buckets=8, max_distance=8)
    array([[0, 5, 6, 6],
           [1, 0, 5, 6],
           [2, 1, 0, 5],
           [2, 2, 1, 0]])
    """
    n = checked_dimension("n", n)
    n_keys = n if n_keys is None else checked_dimension("n_keys", n_keys)
    n_buckets = checked_dimension("n_buckets", n_buckets, 2)
    max_distance = checked_dimension("max_distance", max_distance)
    checked_flag("bidirectional", bidirectional)
    n_directions = 2 if bidirectional else 1
    if n_buckets % (2 * n_directions) or n_buckets > _MOST_BUCKETS:
        raise ValueError(
            f"n_buckets must be a multiple of {2 * n_directions} with bidirectional={bidirectional}, and at "
            f"most {_MOST_BUCKETS:,}, not {n_buckets:,}"
        )
    m = n_buckets // n_directions
    if max_distance <= m // 2:
        raise ValueError(
            f"max_distance must be more than {m // 2}, the number of distances with a bucket of their own, "
            f"not {max_distance}"
        )
    limits = _find_limits(m, max_distance)
    before = np.searchsorted(limits, np.arange(n), side="right")
    after = np.zeros(n_keys, np.int64)
    if bidirectional:
        after = np.searchsorted(limits, np.arange(n_keys), side="right") + m
    # Bucket of each difference key - query, from 1 - n to n_keys - 1; row q of the result is a window of it.
    by_difference = np.concatenate([before[:0:-1], before[:1], after[1:]]).astype(np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(by_difference, n_keys)
    return windows[::-1].copy()


def _find_limits(m: int, max_distance: int) -> NDArray[np.int64]:
    """Return the smallest distance of each of the buckets 1 to m - 1 of one direction."""
    e = m // 2
    limits = [*range(1, e + 1)]
    for k in range(1, m - e):
        # The smallest d with log(d / e) / log(max_distance / e) >= k / (m - e), by powers of integers.
        target = max_distance**k * e ** (m - e - k)
        low, high = limits[-1], max_distance
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if middle ** (m - e) >= target else (middle + 1, high)
        limits.append(low)
    return np.array(limits, np.int64)


def relative_bias(
    n: int,
    n_heads: int,
    seed: int,
    *,
    n_keys: int | None = None,
    n_buckets: int = 32,
    max_distance: int = 128,
    bidirectional: bool = True,
    init: Init = "normal",
    scale: float | None = None,
) -> NDArray[np.float32]:
    """Return a random relative position bias as in T5, to be added to the scores of attention.

    All pairs of a query and a key with the same bucket have the same bias. For a table of biases that has
    been trained, take its rows: ``table[relative_buckets(n)]`` has the shape (n, n, n_heads).

    Parameters
    ----------
    n : int
        Number of positions of queries.
    n_heads : int
        Number of heads of attention.
    seed : int
        Seed of the random numbers, from 0 to 2^64 - 1. The numbers are made as in `EmbeddingTable.random`,
        but from the initial state ``h(h(seed) ^ 2)``.
    n_keys, n_buckets, max_distance, bidirectional
        As in `relative_buckets`.
    init, scale
        As in `EmbeddingTable.random`, for a table with one row per bucket and one column per head.

    Returns
    -------
    ndarray of float32, shape (n_heads, n, n_keys)

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or is out of range.

    Examples
    --------
    >>> import fasttok as ft
    >>> bias = ft.vectors.relative_bias(6, 8, seed=7)
    >>> bias.shape, bool(bias[0, 0, 1] == bias[0, 4, 5])
    ((8, 6, 6), True)
    """
    n_heads = checked_dimension("n_heads", n_heads)
    buckets = relative_buckets(
        n, n_keys, n_buckets=n_buckets, max_distance=max_distance, bidirectional=bidirectional
    )
    table = make_random(n_buckets, n_heads, seed, BIAS, init, scale)
    return np.ascontiguousarray(table.T).take(buckets, axis=1)


def alibi_slopes(n_heads: int) -> NDArray[np.float32]:
    """Return the slope of each head of ALiBi (Press et al. 2022).

    For a power of two, they are ``2 ** (-8 * (h + 1) / n_heads)`` for head h. For other numbers, the slopes
    of the largest power of two below come first, followed by the first, third, fifth, ... slopes of twice
    this power, as in the authors' code.

    Parameters
    ----------
    n_heads : int
        Number of heads of attention.

    Returns
    -------
    ndarray of float32, shape (n_heads,)

    Raises
    ------
    TypeError, ValueError
        If `n_heads` is not an integer from 1 to 2^31 - 1.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.vectors.alibi_slopes(6).tolist()
    [0.25, 0.0625, 0.015625, 0.00390625, 0.5, 0.125]
    """
    n_heads = checked_dimension("n_heads", n_heads)
    power = 1 << (n_heads.bit_length() - 1)
    exponents = [(-8 * i, power) for i in range(1, power + 1)]
    exponents += [(-8 * i, 2 * power) for i in range(1, 2 * (n_heads - power), 2)]
    return compute_powers(2, exponents).astype(np.float32)


def alibi(n: int, n_heads: int) -> NDArray[np.float32]:
    """Return the bias of ALiBi (Press et al. 2022), to be added to the scores of attention.

    It is minus the slope of the head times the distance between query and key, also for keys after the query;
    a causal model masks these.

    Parameters
    ----------
    n : int
        Number of positions of queries and keys.
    n_heads : int
        Number of heads of attention.

    Returns
    -------
    ndarray of float32, shape (n_heads, n, n)

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or is out of range.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.vectors.alibi(3, 8)[0].tolist()
    [[0.0, -0.5, -1.0], [-0.5, 0.0, -0.5], [-1.0, -0.5, 0.0]]
    """
    n, slopes = checked_dimension("n", n), alibi_slopes(n_heads)
    positions = np.arange(n, dtype=np.float32)
    distances = np.abs(positions[:, None] - positions)
    bias: NDArray[np.float32] = 0 - slopes[:, None, None] * distances  # 0 - x, so that no zero is negative
    return bias
