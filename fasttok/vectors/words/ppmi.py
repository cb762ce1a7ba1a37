"""`PPMIMatrix`: positive pointwise mutual information of ids, and its singular value decomposition."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_dimension, checked_number
from fasttok.models.unigram._elementary import exp, log
from fasttok.tokenizer.tokenizer import Tokenizer
from fasttok.vectors.initial import START, make_random
from fasttok.vectors.words.word_vectors import WordVectors

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_DENSE = 500  # ids up to which all singular vectors are computed


@dataclass(frozen=True, eq=False, repr=False)
class PPMIMatrix:
    """Positive pointwise mutual information of pairs of ids; `Cooccurrence.ppmi` makes it.

    Attributes
    ----------
    tokenizer : Tokenizer
        Tokenizer of the ids.
    matrix : scipy.sparse.csr_array of float64, shape (vocab_size, vocab_size)
        Value of each pair, in nats; rows are words, columns contexts.
    counts : ndarray of int64, shape (vocab_size,)
        Number of times that each id occurs.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["a b c"]), model="word", pretokenizer="whitespace_split")
    >>> ft.vectors.cooccurrence(["a b", "a b", "c c"], tok, window=1).ppmi()
    PPMIMatrix(3 ids, 3 positive values)
    """

    tokenizer: Tokenizer
    matrix: csr_array
    counts: NDArray[np.int64]

    def svd(self, dim: int = 100) -> WordVectors:
        """Return word vectors from the largest singular values of the matrix.

        Parameters
        ----------
        dim : int
            Number of columns, at most the number of ids that have a value.

        Returns
        -------
        WordVectors
            Column k is the k-th left singular vector times the square root of its singular value (Levy,
            Goldberg and Dagan 2015, section 3.3).

        Raises
        ------
        TypeError, ValueError
            If `dim` is not an integer, or is out of range.

        Notes
        -----
        The sign of a singular vector is not determined. It is chosen such that the number with the largest
        absolute value is positive. For more than 500 ids the singular vectors come from ARPACK, with a fixed
        initial vector; the last digits may depend on the libraries of linear algebra that are installed.

        Takes O(dim) products of the matrix and a vector, and O(vocab_size * dim**2) time besides.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["a b c"]), model="word", pretokenizer="whitespace_split")
        >>> co = ft.vectors.cooccurrence(["a b", "a b", "c c"], tok, window=1)
        >>> co.ppmi().svd(dim=2)
        WordVectors(2 of 3 ids, dim=2)
        """
        dim = checked_dimension("dim", dim)
        matrix = self.matrix
        has_row = np.diff(matrix.indptr) > 0
        n = np.count_nonzero(has_row)
        if dim > n:
            raise ValueError(
                f"dim must be at most {n:,}, the number of ids with a positive value, not {dim:,}"
            )
        # With a shift, an id may have values in its column only.
        used = np.flatnonzero(has_row | (np.bincount(matrix.indices, minlength=len(has_row)) > 0))
        vectors, values = find_singular(matrix[used][:, used], dim)
        weights = np.zeros((matrix.shape[0], dim), np.float32)
        weights[used] = vectors * np.sqrt(values)
        weights[~has_row] = 0
        return WordVectors(self.tokenizer, weights, self.counts)

    def __repr__(self) -> str:
        return f"PPMIMatrix({self.matrix.shape[0]:,} ids, {self.matrix.nnz:,} positive values)"


def compute_ppmi(
    tokenizer: Tokenizer, matrix: csr_array, counts: NDArray[np.int64], shift: Any, smoothing: Any
) -> PPMIMatrix:
    """Return the positive pointwise mutual information of a matrix; see `Cooccurrence.ppmi`."""
    from scipy.sparse import csr_array

    shift = checked_number("shift", shift, 0)
    smoothing = checked_number("context_smoothing", smoothing, 0, 1)
    n = np.diff(matrix.indptr)
    sums = matrix.sum(axis=1)  # those of the columns are the same
    is_used = sums > 0
    logs = np.zeros(len(sums))
    logs[is_used] = log(sums[is_used])
    contexts = smoothing * logs
    [total] = log(exp(contexts[is_used]).sum(keepdims=True)) if is_used.any() else [0.0]
    values = log(matrix.data) + (total - shift) - np.repeat(logs, n) - contexts[matrix.indices]
    found = csr_array((np.maximum(values, 0), matrix.indices.copy(), matrix.indptr.copy()), matrix.shape)
    found.eliminate_zeros()
    return PPMIMatrix(tokenizer, found, counts)


def find_singular(matrix: csr_array, dim: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the left singular vectors of the largest singular values, as columns, and these values.

    Parameters
    ----------
    matrix : csr_array of float64, shape (n, n)
        Matrix.
    dim : int
        Number of vectors, at most n.

    Returns
    -------
    vectors : ndarray of float64, shape (n, dim)
        Vectors; in each, the number with the largest absolute value is positive.
    values : ndarray of float64, shape (dim,)
        Values, the largest first.
    """
    n = matrix.shape[0]
    if n <= _DENSE or dim > n // 2:
        vectors, values, _ = np.linalg.svd(matrix.toarray())
        vectors, values = vectors[:, :dim], values[:dim]
    else:
        from scipy.sparse.linalg import svds

        start = make_random(n, 1, 0, START, "uniform", 1)[:, 0].astype(np.float64)
        seed = {"rng" if "rng" in inspect.signature(svds).parameters else "random_state": 0}
        vectors, values, _ = svds(matrix, dim, v0=start, **seed)
        order = np.argsort(-values, kind="stable")
        vectors, values = vectors[:, order], values[order]
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.where(vectors[largest, np.arange(dim)] < 0, -1.0, 1.0)
    return vectors * signs, np.maximum(values, 0)
