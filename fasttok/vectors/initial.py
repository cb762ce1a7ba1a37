"""Random arrays with which the training of a model begins."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_choice, checked_number, checked_seed
from fasttok.vectors._random import fill_normal, fill_uniform, hash_seed

# Streams of random numbers: the same seed gives different numbers in each.
TABLE, POSITIONS, BIAS, WORDS, CONTEXTS, START = range(6)
# Default of `scale` by distribution: the standard deviation of GPT-2 and BERT, the bound of Keras, no factor.
_SCALES = {"normal": 0.02, "uniform": 0.05, "xavier": 1.0}
_SLICE = 1 << 22  # numbers per call of a kernel, which cannot be interrupted


def make_random(
    n_rows: int, n_columns: int, seed: Any, stream: int, init: Any, scale: Any
) -> NDArray[np.float32]:
    """Return a random matrix; see `EmbeddingTable.random`. The seed, `init` and `scale` are checked first.

    Row i depends on its index and the number of columns, but not on the number of rows, except for
    `init` "xavier".
    """
    state = hash_seed(checked_seed("seed", seed), stream)
    init = checked_choice("init", init, *_SCALES)
    factor = float(_SCALES[init] if scale is None else checked_number("scale", scale, 0, 1e30))
    if init == "xavier":
        factor *= math.sqrt(6 / (n_rows + n_columns))
    fill = fill_normal if init == "normal" else fill_uniform
    result = np.empty((n_rows, n_columns), np.float32)
    flat = result.reshape(-1)
    for start in range(0, len(flat), _SLICE):
        fill(flat[start : start + _SLICE], state, start, factor)
    return result
