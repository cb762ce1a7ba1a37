"""`WordVectors`: vectors of the ids of a tokenizer, with searches for similar words."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from fasttok.core.arrays import read_arrays, write_arrays
from fasttok.core.checks import checked_choice, checked_instance, checked_path, checked_size, checked_texts
from fasttok.core.errors import ModelFormatError
from fasttok.core.ragged import read_only
from fasttok.core.saving import check_writable, write_files
from fasttok.tokenizer.tokenizer import Tokenizer
from fasttok.vectors.table import EmbeddingTable
from fasttok.vectors.words.drawing import draw_words, place_words
from fasttok.vectors.words.pooling import DIGITS, DocumentVectors, pool
from fasttok.vectors.words.queries import Neighbours, find_ids

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMAT = "fasttok.word_vectors"  # name of the file format
VERSION = 1  # version of the file format

Floats = NDArray[np.float64]

_EPSILON = 0.001  # keeps 3CosMul from dividing by zero
_TSV_SIGNS = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


class WordVectors:
    """Vectors of the ids of a tokenizer; `PPMIMatrix.svd`, `Cooccurrence.glove` and `load` make them.

    ``vec["king"]`` is the vector of a word. A word that the tokenizer splits into several tokens has the mean
    of their vectors; `find_ids` returns the ids that are used.

    Searches find ids that have a vector and are not special tokens or the unknown token.

    Attributes
    ----------
    tokenizer : Tokenizer
        The tokenizer.
    table : EmbeddingTable
        The vectors, one row per id. Ids without neighbours in the corpus have the row zero.
    counts : ndarray of int64, shape (vocab_size,)
        Number of times that each id occurs in the corpus.
    losses : ndarray of float64, shape (epochs,)
        Loss of each epoch of `Cooccurrence.glove`; empty for other methods.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["a b c d"]), model="word", pretokenizer="whitespace_split")
    >>> vec = ft.vectors.cooccurrence(["a c", "b c", "c d", "a d", "b d"], tok).ppmi().svd(dim=2)
    >>> vec
    WordVectors(4 of 4 ids, dim=2)
    >>> vec["a"].dtype, vec["a"].shape
    (dtype('float32'), (2,))
    >>> round(vec.similarity("a", "b"), 3)
    1.0
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        weights: NDArray[np.float32],
        counts: NDArray[np.int64],
        losses: NDArray[np.float64] | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.table = EmbeddingTable(weights)
        self.counts = read_only(counts)
        self.losses = np.empty(0) if losses is None else losses

    def __getitem__(self, word: str) -> NDArray[np.float32]:
        return self._find("word", word)[1].astype(np.float32)

    def __repr__(self) -> str:
        return f"WordVectors({len(self._found):,} of {self.table.vocab_size:,} ids, dim={self.table.dim})"

    @cached_property
    def _norms(self) -> Floats:
        """Length of each row."""
        norms: Floats = np.sqrt(np.square(self.table.weights, dtype=np.float64).sum(axis=1))
        return norms

    @cached_property
    def _found(self) -> NDArray[np.int64]:
        """Ids that a search can find."""
        is_found = self._norms > 0
        excluded = [*self.tokenizer.special_tokens.values()]
        excluded += [] if self.tokenizer.unk_id is None else [self.tokenizer.unk_id]
        is_found[excluded] = False
        return np.flatnonzero(is_found)

    @cached_property
    def _units(self) -> Floats:
        """Rows of `_found`, divided by their lengths."""
        units: Floats = self.table.weights[self._found] / self._norms[self._found, None]
        return units

    # Words

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Piece of each id as ``str``; a byte 0xNN that is not UTF-8 is written as ``\\xNN``.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["a b"]), model="word", pretokenizer="whitespace_split")
        >>> ft.vectors.cooccurrence(["a b"], tok).glove(dim=2, seed=7).words
        ('a', 'b')
        """
        return tuple(piece.decode(errors="backslashreplace") for piece in self.tokenizer.pieces.to_bytes())

    def find_ids(self, word: str) -> tuple[int, ...]:
        """Return the ids whose vectors are averaged for a word.

        Parameters
        ----------
        word : str
            The word.

        Returns
        -------
        tuple of int
            Ids of the word as it is encoded after a space, so " king" for "king" if the pieces of the
            tokenizer begin with the space. Tokens before it that are white space only are left out. If that
            gives an unknown token, and the word alone does not, the ids of the word alone are returned.
            Otherwise, unknown tokens are left out.

        Raises
        ------
        TypeError, ValueError
            If `word` is not a ``str``, is empty, or has only unknown tokens.

        Examples
        --------
        >>> import fasttok as ft
        >>> corpus = ft.Corpus.from_texts(["low lower", "a lowest low"])
        >>> vec = ft.vectors.cooccurrence(corpus, ft.train(corpus, vocab_size=260)).glove(dim=2, seed=7)
        >>> [(i, vec.words[i]) for i in vec.find_ids("lower")]
        [(259, ' lowe'), (114, 'r')]
        """
        return find_ids(self.tokenizer, "word", word)

    def _find(self, name: str, word: Any) -> tuple[tuple[int, ...], Floats]:
        """Return the ids of a word and the mean of their vectors."""
        ids = find_ids(self.tokenizer, name, word)
        rows = self.table.weights[list(ids)]
        if not rows.any():
            raise ValueError(f"{name} must be a word of the corpus, but {word!r} has no vector")
        return ids, rows.mean(axis=0, dtype=np.float64)

    # Similarity

    def similarity(self, a: str, b: str, metric: Literal["cosine", "dot", "euclidean"] = "cosine") -> float:
        """Return the similarity of two words.

        Parameters
        ----------
        a, b : str
            The words.
        metric : {"cosine", "dot", "euclidean"}
            Cosine of the angle between the vectors, their scalar product, or their distance. The distance is
            smaller for similar words.

        Returns
        -------
        float

        Raises
        ------
        TypeError, ValueError
            If a word is not a ``str`` or has no vector, or `metric` is unknown.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["a b c d"]), model="word", pretokenizer="whitespace_split")
        >>> vec = ft.vectors.cooccurrence(["a c", "b c", "c d", "a d", "b d"], tok).ppmi().svd(dim=2)
        >>> round(vec.similarity("a", "b"), 3), round(vec.similarity("a", "b", metric="euclidean"), 3)
        (1.0, 0.0)
        """
        checked_choice("metric", metric, "cosine", "dot", "euclidean")
        (_, x), (_, y) = self._find("a", a), self._find("b", b)
        if metric == "euclidean":
            return float(np.sqrt(np.square(x - y).sum()))
        product = float((x * y).sum())
        return product if metric == "dot" else product / float(_norm(x) * _norm(y))

    def nearest(self, word: str, k: int = 10) -> Neighbours:
        """Return the words whose vectors have the largest cosine with that of a word.

        Parameters
        ----------
        word : str
            The word. Its own ids are not returned.
        k : int
            Number of words.

        Returns
        -------
        Neighbours
            Words and cosines, rounded to 12 digits; equal ones are in the order of their ids.

        Raises
        ------
        TypeError, ValueError
            If `word` is not a ``str`` or has no vector, or `k` is below 1.

        Notes
        -----
        The search is exact and takes O(vocab_size * dim) time.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["a b c d"]), model="word", pretokenizer="whitespace_split")
        >>> vec = ft.vectors.cooccurrence(["a c", "b c", "c d", "a d", "b d"], tok).ppmi().svd(dim=2)
        >>> vec.nearest("a", k=2)
        a: id 0
          1.000  b
          0.081  c
        """
        k = checked_size("k", k, 1)
        ids, vector = self._find("word", word)
        return self._select({word: ids}, self._units @ (vector / _norm(vector)), k)

    def analogy(
        self, a: str, b: str, c: str, method: Literal["3cosadd", "3cosmul"] = "3cosadd", k: int = 10
    ) -> Neighbours:
        """Return the words that complete an analogy: ``a - b + c``, such as king - man + woman.

        Parameters
        ----------
        a, b, c : str
            The words, whose own ids are not returned.
        method : {"3cosadd", "3cosmul"}
            Score of a word x, from cosines of vectors. "3cosadd": ``cos(x, a) - cos(x, b) + cos(x, c)``
            (Mikolov, Yih and Zweig 2013). "3cosmul": ``cos(x, a) * cos(x, c) / (cos(x, b) + 0.001)``, with
            cosines moved to the range from 0 to 1 by ``(1 + cos) / 2`` (Levy and Goldberg 2014, "Linguistic
            regularities in sparse and explicit word representations").
        k : int
            Number of words.

        Returns
        -------
        Neighbours
            Words and scores, rounded to 12 digits; equal ones are in the order of their ids.

        Raises
        ------
        TypeError, ValueError
            If a word is not a ``str`` or has no vector, `method` is unknown, or `k` is below 1.

        Examples
        --------
        >>> import fasttok as ft
        >>> texts = ["king man he", "queen woman she", "king queen crown", "man woman person"]
        >>> tok = ft.train(ft.Corpus.from_texts(texts), model="word", pretokenizer="whitespace_split")
        >>> vec = ft.vectors.cooccurrence(texts, tok).ppmi().svd(dim=4)
        >>> vec.analogy("king", "man", "woman", k=1)
        king: id 0
        man: id 1
        woman: id 3
          1.000  queen
        """
        checked_choice("method", method, "3cosadd", "3cosmul")
        k = checked_size("k", k, 1)
        found = [self._find(name, word) for name, word in (("a", a), ("b", b), ("c", c))]
        x, y, z = (self._units @ (vector / _norm(vector)) for _, vector in found)
        if method == "3cosmul":
            x, y, z = ((1 + cosines) / 2 for cosines in (x, y, z))
            scores = x * z / (y + _EPSILON)
        else:
            scores = x - y + z
        return self._select({word: ids for word, (ids, _) in zip((a, b, c), found, strict=True)}, scores, k)

    def _select(self, queries: dict[str, tuple[int, ...]], scores: Floats, k: int) -> Neighbours:
        """Return the `k` ids of `_found` with the largest scores, without those of the query."""
        is_query = np.isin(self._found, [i for ids in queries.values() for i in ids])
        ids, scores = self._found[~is_query], scores[~is_query]
        scores = scores.round(DIGITS)
        order = np.argsort(-scores, kind="stable")[:k]
        words = tuple(self.words[i] for i in ids[order].tolist())
        return Neighbours(queries, words, ids[order], scores[order])

    # Texts

    def pool(
        self, texts: Iterable[str | bytes], weights: Literal["sif", "idf", "mean"] = "sif"
    ) -> DocumentVectors:
        """Return one vector per text: the weighted mean of the vectors of its tokens.

        Parameters
        ----------
        texts : iterable of str or bytes
            The texts, or a `Corpus`.
        weights : {"sif", "idf", "mean"}
            Weight of a token. "sif": smooth inverse frequency, ``0.001 / (0.001 + p)`` for a token with the
            share p of the corpus from which the word vectors were made; afterwards, the component that all
            vectors have in common is removed (Arora, Liang and Ma 2017). "idf": inverse document frequency,
            ``log((1 + n) / (1 + d)) + 1`` for a token that is in d of the n texts. "mean": 1.

        Returns
        -------
        DocumentVectors

        Raises
        ------
        TypeError, ValueError
            If `texts` are not texts, there are none, or `weights` is unknown.
        UnknownCharacterError
            If a text cannot be encoded.

        Notes
        -----
        Unknown tokens, and tokens without a vector, are left out. A text without any other token has the
        vector zero. The component that "sif" removes is the first right singular vector of the matrix of all
        vectors. A text that has only this component, such as a single text, has the vector zero.

        Takes O(number of tokens * dim) time. The ids of all texts are kept in memory while this runs.

        Examples
        --------
        >>> import fasttok as ft
        >>> texts = ["a c", "b c", "c d", "a d", "b d"]
        >>> tok = ft.train(ft.Corpus.from_texts(texts), model="word", pretokenizer="whitespace_split")
        >>> vec = ft.vectors.cooccurrence(texts, tok).ppmi().svd(dim=2)
        >>> vec.pool(texts, weights="mean").search("a c", k=2)
        [(0, 1.0), (1, 1.0)]
        """
        return pool(self.tokenizer, self.table.weights, self.counts, texts, weights)

    # Drawings and files

    def plot(self, words: Iterable[str], method: Literal["pca", "tsne"] = "pca") -> Figure:
        """Draw words as points in a plane, near each other if their vectors are.

        Parameters
        ----------
        words : iterable of str
            At least two words.
        method : {"pca", "tsne"}
            Principal components of the vectors of these words, scaled to the length 1, or t-SNE of them (van
            der Maaten and Hinton 2008), which needs scikit-learn.

        Returns
        -------
        matplotlib.figure.Figure
            Drawing; a notebook shows it, and ``savefig`` writes it to a file.

        Raises
        ------
        TypeError, ValueError
            If a word is not a ``str`` or has no vector, there are fewer than two, or `method` is unknown.
        ImportError
            If Matplotlib, or scikit-learn for "tsne", is not installed.

        Notes
        -----
        t-SNE takes O(n**2) time for n words and starts from the principal components, not from random
        numbers.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["a b c d"]), model="word", pretokenizer="whitespace_split")
        >>> vec = ft.vectors.cooccurrence(["a c", "b c", "c d", "a d", "b d"], tok).ppmi().svd(dim=2)
        >>> figure = vec.plot(["a", "b", "c"])
        >>> [text.get_text() for text in figure.axes[0].texts]
        ['a', 'b', 'c']
        """
        checked_choice("method", method, "pca", "tsne")
        names = checked_texts("words", words)
        if len(names) < 2:
            raise ValueError(f"words must be at least two words, not {len(names)}")
        rows = np.array([self._find("each of words", word)[1] for word in names])
        rows /= np.sqrt(np.square(rows).sum(axis=1))[:, None]
        return draw_words(names, place_words(rows, method), method)

    def to_projector(self, folder: str | os.PathLike[str]) -> None:
        """Write the vectors for the Embedding Projector of TensorBoard, projector.tensorflow.org.

        Parameters
        ----------
        folder : str or os.PathLike
            Folder, which is made if it does not exist. Its files ``vectors.tsv`` and ``metadata.tsv`` are
            replaced. They have a line for each id that a search can find; the metadata have a line of names
            before, and the columns word, id and count. Backslashes, tabs and line ends in words are
            escaped.

        Raises
        ------
        OSError
            If a file cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["a b"]), model="word", pretokenizer="whitespace_split")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ft.vectors.cooccurrence(["a b"], tok).glove(dim=2, seed=7).to_projector(folder)
        ...     Path(folder, "metadata.tsv").read_text().splitlines()
        ['word\\tid\\tcount', 'a\\t0\\t1', 'b\\t1\\t1']
        """
        name = checked_path("folder", folder)
        check_writable(name, folder=True)
        form = "\t".join(["%.9g"] * self.table.dim)
        vectors = "".join(f"{form % tuple(self.table.weights[i].tolist())}\n" for i in self._found)
        lines = ["word\tid\tcount\n"]
        lines += [f"{self.words[i].translate(_TSV_SIGNS)}\t{i}\t{self.counts[i]}\n" for i in self._found]
        os.makedirs(name, exist_ok=True)
        files = {"vectors.tsv": vectors, "metadata.tsv": "".join(lines)}
        write_files({os.path.join(name, file): text.encode() for file, text in files.items()})

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the vectors to a file, atomically: an ``.npz`` file, which ``numpy.load`` also reads.

        The tokenizer is not in the file, only its fingerprint.

        Parameters
        ----------
        path : str or os.PathLike
            File to write; an existing file is replaced.

        Raises
        ------
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["a b"]), model="word", pretokenizer="whitespace_split")
        >>> vec = ft.vectors.cooccurrence(["a b"], tok).glove(dim=2, seed=7)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     vec.save(f"{folder}/words.npz")
        ...     again = ft.vectors.WordVectors.load(f"{folder}/words.npz", tok)
        >>> again, again.table == vec.table
        (WordVectors(2 of 2 ids, dim=2), True)
        """
        header = {"format": FORMAT, "version": VERSION, "tokenizer": self.tokenizer.fingerprint()}
        arrays = {"weights": self.table.weights, "counts": self.counts, "losses": self.losses}
        write_arrays(checked_path("path", path), header, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str], tokenizer: Tokenizer) -> WordVectors:
        """Read vectors from a file that `save` wrote.

        Parameters
        ----------
        path : str or os.PathLike
            The file.
        tokenizer : Tokenizer
            Tokenizer of the vectors.

        Returns
        -------
        WordVectors

        Raises
        ------
        OSError
            If the file cannot be read.
        ModelFormatError
            If the file is damaged or is not one of word vectors.
        TypeError, ValueError
            If `tokenizer` is not a tokenizer, or not that of the vectors.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["a b"]), model="word")
        >>> ft.vectors.WordVectors.load(ft.parallel_sample()["eng"], tok)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        fasttok.core.errors.ModelFormatError: ...eng.txt: not a file of word vectors
        """
        checked_instance("tokenizer", tokenizer, Tokenizer, "a Tokenizer")
        name = checked_path("path", path)
        dtypes = {"weights": np.float32, "counts": np.int64, "losses": np.float64}
        header, arrays = read_arrays(name, FORMAT, VERSION, "word vectors", dtypes)
        if header.get("tokenizer") != tokenizer.fingerprint():
            raise ValueError(
                f"tokenizer must be the one of the vectors in {name}, whose fingerprint is "
                f"{header.get('tokenizer')}, not {tokenizer.fingerprint()}"
            )
        n = tokenizer.vocab_size
        if arrays["weights"].ndim != 2 or len(arrays["weights"]) != n or arrays["counts"].shape != (n,):
            raise ModelFormatError(f"its arrays are not those of {n:,} ids", name)
        try:
            return cls(tokenizer, *(arrays[one] for one in dtypes))
        except ValueError as error:
            raise ModelFormatError(str(error), name, "weights") from None


def _norm(vector: Floats) -> float:
    return float(np.sqrt(np.square(vector).sum())) or 1.0
