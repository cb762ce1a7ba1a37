"""Order of the windows of an epoch: shuffled by a seed, computed without memory from any place on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_seed, checked_size, describe
from fasttok.tokens._windows import shuffle_positions


def shuffled(n: int, positions: NDArray[np.int64], seed: int | None, epoch: int = 0) -> NDArray[np.int64]:
    """Return the numbers at the given positions of ``range(n)`` after shuffling it.

    The whole order is never computed, so any part of the order of a billion numbers takes time and memory for
    this part only.

    Parameters
    ----------
    n : int
        Number of items, from 0 to 2^62.
    positions : ndarray of int64, shape (k,)
        Positions in the shuffled order, from 0 to n - 1.
    seed : int or None
        Seed of the order, from 0 to 2^64 - 1; with None, nothing is shuffled.
    epoch : int
        Number of the epoch, from 0 to 2^64 - 1; every epoch has another order.

    Returns
    -------
    ndarray of int64, shape (k,)
        For each position, the number at this position.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or is out of range.
    IndexError
        If a position is not from 0 to n - 1.

    Notes
    -----
    Takes O(k) time, about 0.1 µs per position. The order is the same on every machine and for every version
    of NumPy. It is a permutation of the numbers of 2w bits, w the smallest number of at least 4 with
    ``4**w >= n``, applied to a position until the result is below n. One application is a Feistel network
    with six rounds: ``left, right = right, left ^ (h(right ^ key) % 2**w)`` on the upper and lower w bits.
    With ``h(x)`` as in `Dropout`, round r has the key ``h(h(h(seed) ^ epoch) + r * 0x9E3779B97F4A7C15)``.

    Examples
    --------
    >>> import numpy as np
    >>> from fasttok.tokens.order import shuffled
    >>> order = shuffled(10, np.arange(10), seed=7)
    >>> sorted(order.tolist()) == list(range(10))
    True
    >>> shuffled(10, np.array([8, 3]), seed=7).tolist() == [order[8], order[3]]
    True
    """
    n = checked_size("n", n, 0)
    epoch = checked_seed("epoch", epoch)
    if not isinstance(positions, np.ndarray) or positions.ndim != 1 or positions.dtype.kind not in "iu":
        raise TypeError("positions must be a 1-d ndarray of integers")
    numbers = positions.astype(np.int64)
    if len(numbers) and not 0 <= numbers.min() <= numbers.max() < n:
        bad = numbers[(numbers < 0) | (numbers >= n)][0]
        raise IndexError(f"position {bad} does not exist: there are {n} items, counted from 0")
    if seed is not None:
        shuffle_positions(n, checked_seed("seed", seed), epoch, numbers)
    return numbers


def other_batches(name: str, there: Any, here: Any) -> ValueError:
    """Return the error for a state in which an option has another value than in the batches."""
    if name in ("windows_per_step", "rows_per_step"):
        name = "batch_size * world_size"
    return ValueError(
        f"start is the state of other batches: {name} is {describe(there)} there, and {describe(here)} here"
    )
