"""Training of GloVe: weighted least squares by AdaGrad, on several threads and in a fixed order."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_dimension, checked_seed
from fasttok.core.parallel import end_if_stopped, map_all
from fasttok.models.unigram._elementary import log
from fasttok.tokens.order import shuffled
from fasttok.vectors.initial import CONTEXTS, WORDS, make_random

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = NDArray[np.float32]

_GROUPS = 8  # groups of rows, and of columns; the most threads that can work at the same time
_LARGEST = 100.0  # sum of weights from which on a pair has the full weight
_RATE = 0.05
_SLICE = 1 << 18  # pairs per call of the kernel, which cannot be interrupted


def train_glove(
    matrix: csr_array, dim: Any, epochs: Any, seed: Any, workers: int
) -> tuple[Floats, NDArray[np.float64]]:
    """Return the vectors of all ids and the loss of each epoch; see `Cooccurrence.glove`.

    Ids without neighbours have the vector zero.
    """
    dim = checked_dimension("dim", dim)
    epochs = checked_dimension("epochs", epochs)
    seed = checked_seed("seed", seed)
    if matrix.nnz == 0:
        raise ValueError("there are no pairs to train on: no document has two tokens")
    from fasttok.vectors.words.glove_kernel import update

    n = matrix.shape[0]
    lengths = np.diff(matrix.indptr)
    rows, columns = np.repeat(np.arange(n, dtype=np.int32), lengths), matrix.indices.astype(np.int32)
    order, borders = _order_pairs(rows, columns, seed)
    rows, columns, sums = rows[order], columns[order], matrix.data[order]
    logs = log(sums).astype(np.float32)
    shares = np.minimum(1, sums / _LARGEST)
    pair_weights = np.sqrt(shares * np.sqrt(shares)).astype(np.float32)  # to the power of 0.75

    # The last column is the bias.
    words = make_random(n, dim + 1, seed, WORDS, "uniform", 0.5 / dim)
    contexts = make_random(n, dim + 1, seed, CONTEXTS, "uniform", 0.5 / dim)
    word_sums, context_sums = np.ones_like(words), np.ones_like(contexts)
    pairs = rows, columns, logs, pair_weights
    arrays = words, contexts, word_sums, context_sums

    def train(group: tuple[int, int]) -> float:
        total = 0.0
        for first in range(*group, _SLICE):
            end_if_stopped()
            total += update(*pairs, first, min(first + _SLICE, group[1]), *arrays, np.float32(_RATE))
        return total

    # Compile before threads do, which Numba cannot do at once.
    update(*pairs, 0, 0, *arrays, np.float32(_RATE))
    losses = np.zeros(epochs)
    for epoch in range(epochs):
        for first in range(0, _GROUPS * _GROUPS, _GROUPS):
            groups = pairwise(borders[first : first + _GROUPS + 1])
            for loss in map_all(train, groups, workers):
                losses[epoch] += loss
    weights = words[:, :dim] + contexts[:, :dim]
    weights[lengths == 0] = 0
    return weights, losses / matrix.nnz


def _order_pairs(
    rows: NDArray[np.int32], columns: NDArray[np.int32], seed: int
) -> tuple[NDArray[np.int64], list[int]]:
    """Return the order in which pairs are trained, and the borders of the groups in it.

    Group ``8 * s + r`` has the pairs (i, j) with ``i % 8 == r`` and ``(j - i) % 8 == s``. So the eight groups
    with the same s have no row and no column in common.
    """
    n = len(rows)
    groups = ((columns - rows) % _GROUPS * _GROUPS + rows % _GROUPS).astype(np.uint8)
    order = shuffled(n, np.arange(n), seed)
    order = order[np.argsort(groups[order], kind="stable")]
    sizes = np.bincount(groups, minlength=_GROUPS * _GROUPS)
    return order, [0, *np.cumsum(sizes).tolist()]
