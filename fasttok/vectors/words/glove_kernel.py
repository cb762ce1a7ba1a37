"""Kernel of GloVe: steps of AdaGrad for a row of pairs."""

from __future__ import annotations

import math

import numpy as np

from fasttok.core.jit.kernel import njit


@njit
def update(rows, columns, logs, pair_weights, first, last, words, contexts, word_sums, context_sums, rate):  # type: ignore[no-untyped-def]
    """Make one step for each of the pairs from `first` to ``last - 1``, and return their loss.

    `rows` and `columns` are int32[n], `logs` and `pair_weights` float32[n]. `words`, `contexts` and the sums
    of their squared gradients, `word_sums` and `context_sums`, are float32[n_ids, dim + 1]; the last column
    is the bias. They are changed. `rate` is float32. The scalar product is the sum of four sums, so that its
    order does not depend on the processor.
    """
    dim = len(words[0]) - 1
    whole = dim - dim % 4
    total = 0.0
    for n in range(first, last):
        i, j = rows[n], columns[n]
        w, v, w_sums, v_sums = words[i], contexts[j], word_sums[i], context_sums[j]
        a = b = c = d = np.float32(0)
        for k in range(0, whole, 4):
            a += w[k] * v[k]
            b += w[k + 1] * v[k + 1]
            c += w[k + 2] * v[k + 2]
            d += w[k + 3] * v[k + 3]
        for k in range(whole, dim):
            a += w[k] * v[k]
        error = ((a + b) + (c + d)) + ((w[dim] + v[dim]) - logs[n])
        gradient = pair_weights[n] * error
        total += np.float64(gradient) * np.float64(error)
        gradient *= rate
        for k in range(dim):
            w_change, v_change = gradient * v[k], gradient * w[k]
            w[k] -= w_change / math.sqrt(w_sums[k])
            v[k] -= v_change / math.sqrt(v_sums[k])
            w_sums[k] += w_change * w_change
            v_sums[k] += v_change * v_change
        w[dim] -= gradient / math.sqrt(w_sums[dim])
        v[dim] -= gradient / math.sqrt(v_sums[dim])
        w_sums[dim] += gradient * gradient
        v_sums[dim] += gradient * gradient
    return total
