"""`cooccurrence`: how often tokens of a corpus are near each other, which word vectors are made from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_choice, checked_dimension, checked_instance, describe_type, is_table
from fasttok.core.ids import as_known_rows
from fasttok.core.parallel import import_whole, resolve_workers
from fasttok.core.ragged import Ragged
from fasttok.corpus.corpus import Corpus
from fasttok.tokenizer.tokenizer import Tokenizer
from fasttok.tokens.store import TokenStore
from fasttok.vectors.words.counting import (
    MOST_WINDOW,
    Block,
    count_blocks,
    join_parts,
    split_rows,
    split_store,
)
from fasttok.vectors.words.glove import train_glove
from fasttok.vectors.words.ppmi import PPMIMatrix, compute_ppmi
from fasttok.vectors.words.word_vectors import WordVectors

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Source = TokenStore | Ragged | Corpus | Iterable[str | bytes]
Weighting = Literal["uniform", "harmonic"]

# The least common multiple of 1, ..., 16 is 720,720. A sum of such weights fits int64 for 10^12 ids.
_MOST_HARMONIC = 16


@dataclass(frozen=True, eq=False, repr=False)
class Cooccurrence:
    """Co-occurrence of ids: how often each pair is within a window; `cooccurrence` makes it.

    Attributes
    ----------
    tokenizer : Tokenizer
        Tokenizer of the ids.
    matrix : scipy.sparse.csr_array of float64, shape (vocab_size, vocab_size)
        Sum of the weights of each pair of ids. It is symmetric, and its columns are sorted.
    counts : ndarray of int64, shape (vocab_size,)
        Number of times that each id occurs.
    window : int
        Largest distance between two ids of a pair.
    weighting : {"uniform", "harmonic"}
        Weight of a pair.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["a b c"]), model="word", pretokenizer="whitespace_split")
    >>> co = ft.vectors.cooccurrence(["a b c b"], tok, window=2)
    >>> co
    Cooccurrence(4 tokens, 7 pairs of ids, window=2)
    """

    tokenizer: Tokenizer
    matrix: csr_array
    counts: NDArray[np.int64]
    window: int
    weighting: Weighting

    def ppmi(self, *, shift: float = 0.0, context_smoothing: float = 0.75) -> PPMIMatrix:
        """Return the positive pointwise mutual information of each pair of ids.

        The pointwise mutual information says how much more often two ids occur together than they would if
        they were independent. Negative values are replaced by zero.

        Parameters
        ----------
        shift : float
            Number that is subtracted before negative values are replaced; at least 0. The logarithm of k
            has the effect of k negative samples in word2vec (Levy and Goldberg 2014).
        context_smoothing : float
            Exponent of the counts of contexts, from 0 to 1. Below 1, rare contexts get less weight (Levy,
            Goldberg and Dagan 2015, section 3.2).

        Returns
        -------
        PPMIMatrix

        Raises
        ------
        TypeError, ValueError
            If an argument has the wrong type or is out of range.

        Notes
        -----
        If x is the entry of a pair, r the sum of its row, c the sum of its column, a the exponent and S the
        sum of ``c**a`` over all columns, the value is ``max(0, log(x * S / (r * c**a)) - shift)``, with the
        natural logarithm. Takes O(number of pairs) time.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["a b c"]), model="word", pretokenizer="whitespace_split")
        >>> co = ft.vectors.cooccurrence(["a b", "a b", "c c"], tok, window=1)
        >>> co.ppmi(context_smoothing=1).matrix.toarray().round(3)
        array([[0.   , 1.099, 0.   ],
               [1.099, 0.   , 0.   ],
               [0.   , 0.   , 1.099]])
        """
        return compute_ppmi(self.tokenizer, self.matrix, self.counts, shift, context_smoothing)

    def glove(
        self, dim: int = 100, *, epochs: int = 25, seed: int, workers: int | None = None
    ) -> WordVectors:
        """Return word vectors that are trained by GloVe (Pennington, Socher and Manning 2014).

        Parameters
        ----------
        dim : int
            Number of columns.
        epochs : int
            Number of passes over the pairs.
        seed : int
            Seed of the initial vectors and of the order of the pairs, from 0 to 2^64 - 1.
        workers : int, optional
            Number of threads; default: all CPUs. The result does not depend on it.

        Returns
        -------
        WordVectors
            Its `losses` has the value of the objective in each epoch.

        Raises
        ------
        TypeError, ValueError
            If an argument has the wrong type or is out of range, or there are no pairs.

        Notes
        -----
        GloVe learns a vector w and a bias b for each id, and a second vector v and bias d for its role as a
        context, so that ``w_i · v_j + b_i + d_j`` is near ``log(x_ij)``. The weight of a pair is
        ``min(1, x / 100) ** 0.75``. The vector of an id is the sum ``w + v``.

        The loss of an epoch is the mean over all pairs of the weighted squared error, each at the time when
        the pair is used. As in the program of the authors, AdaGrad's sums start with 1, the gradient is
        multiplied by the rate 0.05 before it is squared, and initial numbers are uniform between -0.5 / dim
        and 0.5 / dim. All numbers are float32.

        The pairs (i, j), sorted by i and j, are shuffled once, by the permutation that `TokenStore.batches`
        has for its windows in epoch 0. Then they are put in 64 groups by the remainders of i and j after
        division by 8, so that groups without a common id can be trained by several threads at the same time
        (Gemulla et al. 2011). First come the groups with ``(j - i) % 8 == 0``, and so on.

        Takes O(number of pairs * dim * epochs) time.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["a b c"]), model="word", pretokenizer="whitespace_split")
        >>> co = ft.vectors.cooccurrence(["a b", "a b", "c c"], tok, window=1)
        >>> vec = co.glove(dim=4, epochs=10, seed=7)
        >>> vec.losses.shape, bool(vec.losses[9] < vec.losses[0])
        ((10,), True)
        """
        n_workers = resolve_workers(workers)
        weights, losses = train_glove(self.matrix, dim, epochs, seed, n_workers)
        return WordVectors(self.tokenizer, weights, self.counts, losses)

    def __repr__(self) -> str:
        n_ids, n_pairs = int(self.counts.sum()), self.matrix.nnz
        weighting = "" if self.weighting == "uniform" else f", weighting={self.weighting!r}"
        return f"Cooccurrence({n_ids:,} tokens, {n_pairs:,} pairs of ids, window={self.window}{weighting})"


def cooccurrence(
    source: Source,
    tokenizer: Tokenizer,
    window: int = 5,
    *,
    weighting: Weighting = "uniform",
    workers: int | None = None,
) -> Cooccurrence:
    """Count how often each pair of ids occurs within a window.

    Parameters
    ----------
    source : TokenStore, Ragged of int, Corpus, or iterable of str or bytes
        Ids, one row per document, or text to encode. The separators of a store are not counted as
        neighbours.
    tokenizer : Tokenizer
        Tokenizer of the ids.
    window : int
        Largest distance between two ids of a pair, in tokens: at most 255, and at most 16 for "harmonic".
        Two ids of different documents are never a pair.
    weighting : {"uniform", "harmonic"}
        Weight of a pair: 1, or 1 divided by the distance, as in GloVe.
    workers : int, optional
        Number of threads; default: all CPUs. The result does not depend on it.

    Returns
    -------
    Cooccurrence

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or is out of range, or the store was encoded by another tokenizer.
    IndexError
        If an id of a Ragged is not in the vocabulary.
    TokenStoreError
        If an id of a store is not in the vocabulary.
    CorpusError, UnknownCharacterError, OSError
        If text cannot be read or encoded.

    Notes
    -----
    Weights are added as integers, in units of 1 divided by the least common multiple of all distances, and
    divided by the unit at the end. So each sum is rounded once, whatever the order.

    Takes O(number of ids * window) time. Text and stored ids need not fit in memory. The memory that is
    needed does not depend on their size, but on the number of different pairs: about 90 bytes per pair.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["a b c"]), model="word", pretokenizer="whitespace_split")
    >>> co = ft.vectors.cooccurrence(["a b c b"], tok, window=2, weighting="harmonic")
    >>> a, b, c = (tok.piece_to_id(word) for word in "abc")
    >>> float(co.matrix[a, b]), float(co.matrix[b, a]), float(co.matrix[a, c]), float(co.matrix[b, c])
    (1.0, 1.0, 0.5, 2.0)
    """
    checked_instance("tokenizer", tokenizer, Tokenizer, "a Tokenizer")
    checked_choice("weighting", weighting, "uniform", "harmonic")
    window = checked_dimension("window", window)
    most = MOST_WINDOW if weighting == "uniform" else _MOST_HARMONIC
    if window > most:
        raise ValueError(f"window must be at most {most} if weighting is {weighting!r}, not {window:,}")
    n_workers = resolve_workers(workers)
    blocks = _blocks_of(source, tokenizer, window, workers)
    import_whole("scipy.sparse")
    unit = 1 if weighting == "uniform" else math.lcm(*range(1, window + 1))
    weights = np.array([0, *(1 if weighting == "uniform" else unit // d for d in range(1, window + 1))])
    sums, counts = count_blocks(blocks, tokenizer.vocab_size, weights.astype(np.int64), n_workers)
    matrix = sums.astype(np.float64)
    matrix.data /= unit  # dividing the matrix would multiply by the rounded inverse
    return Cooccurrence(tokenizer, matrix, counts, window, weighting)


def _blocks_of(source: Any, tokenizer: Tokenizer, window: int, workers: int | None) -> Iterator[Block]:
    if isinstance(source, TokenStore):
        if source.tokenizer_fingerprint not in (None, tokenizer.fingerprint()):
            raise ValueError(
                f"tokenizer must be the one that has encoded the store {source.path}, whose fingerprint is "
                f"{source.tokenizer_fingerprint}, not {tokenizer.fingerprint()}"
            )
        return split_store(source, tokenizer.vocab_size)
    if isinstance(source, Ragged):
        return split_rows(as_known_rows(source, tokenizer.vocab_size))
    corpus = source if isinstance(source, Corpus) else Corpus.from_texts(_checked_texts(source))
    return join_parts(tokenizer.encode_stream(corpus, workers=workers), window)


def _checked_texts(source: Any) -> Any:
    """Return the argument `source` if it can be an iterable of texts; `Corpus.from_texts` checks the rest."""
    is_one = isinstance(source, (str, bytes, bytearray, memoryview))
    if is_one or is_table(source) or not isinstance(source, Iterable):
        advice = "; pass [text] for a single text" if is_one else ""
        raise TypeError(
            "source must be a TokenStore, a Ragged of ids, a Corpus or an iterable of texts, "
            f"not {describe_type(source)}{advice}"
        )
    return source
