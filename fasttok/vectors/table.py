"""`EmbeddingTable`: one vector per id."""

from __future__ import annotations

import os
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fasttok.core.arrays import read_arrays, write_arrays
from fasttok.core.checks import checked_dimension, checked_integer, checked_path, describe, describe_items
from fasttok.core.errors import ModelFormatError
from fasttok.core.ids import as_id_array
from fasttok.vectors._sums import sum_rows
from fasttok.vectors.initial import TABLE, make_random
from fasttok.vectors.vocabulary import AnyVocabulary, count_ids

FORMAT = "fasttok.embedding_table"  # name of the file format
VERSION = 1  # version of the file format


class EmbeddingTable:
    """Embedding table: one row of float32 numbers per id.

    Calling the table with ids returns their rows. This equals the product of one-hot vectors and the matrix
    `weights`, without making the one-hot vectors.

    Parameters
    ----------
    weights : array_like of float, shape (vocab_size, dim)
        The rows, which are copied.
    padding_id : int, optional
        Id of the padding. Its row is set to zero, and `add` never changes it.

    Raises
    ------
    TypeError
        If `weights` are not numbers, or `padding_id` is not an integer.
    ValueError
        If `weights` do not have two axes, each of at least one, or a number in them is not finite.
    IndexError
        If `padding_id` is not from 0 to ``vocab_size - 1``.

    Examples
    --------
    >>> import fasttok as ft
    >>> table = ft.vectors.EmbeddingTable([[0.5, 1.0], [2.0, 3.0], [4.0, 5.0]], padding_id=0)
    >>> table([[1, 2], [1, 0]]).tolist()
    [[[2.0, 3.0], [4.0, 5.0]], [[2.0, 3.0], [0.0, 0.0]]]
    """

    def __init__(self, weights: Any, padding_id: int | None = None) -> None:
        self._weights = _checked_weights(weights).copy()
        self._padding_id = _checked_padding_id(padding_id, len(self._weights))
        if self._padding_id is not None:
            self._weights[self._padding_id] = 0

    @classmethod
    def random(
        cls,
        tokenizer: AnyVocabulary,
        dim: int,
        *,
        seed: int,
        init: Literal["normal", "uniform", "xavier"] = "normal",
        scale: float | None = None,
        padding_id: int | None = None,
    ) -> EmbeddingTable:
        """Return a table of random numbers, with which the training of a model begins.

        Parameters
        ----------
        tokenizer : Tokenizer, TokenStore or int
            Tokenizer, another object with the attribute `vocab_size`, or the number of ids.
        dim : int
            Number of columns.
        seed : int
            Seed of the random numbers, from 0 to 2^64 - 1.
        init : {"normal", "uniform", "xavier"}
            Distribution of the numbers. "normal": normal with mean 0 and standard deviation `scale`.
            "uniform": uniform from -`scale` to `scale`. "xavier": uniform with the bound
            ``scale * sqrt(6 / (vocab_size + dim))`` (Glorot and Bengio 2010).
        scale : float, optional
            At least 0; default: 0.02 for "normal", as in GPT-2 and BERT, 0.05 for "uniform", and 1 for
            "xavier".
        padding_id : int, optional
            Id whose row is zero.

        Returns
        -------
        EmbeddingTable

        Raises
        ------
        TypeError, ValueError
            If an argument has the wrong type or is out of range.
        IndexError
            If `padding_id` is not from 0 to ``vocab_size - 1``.

        Notes
        -----
        The numbers have the same bits on every platform and with every version of NumPy. Number j of row i
        is made from number ``n = i * dim + j`` of the generator SplitMix64, whose initial state is
        ``h(h(seed))`` in the notation of `fasttok.Dropout`. If that number is z, then
        ``u = ((z >> 12) + 1/2) / 2**52`` is uniform between 0 and 1. "uniform" and "xavier" scale
        ``2 u - 1``; "normal" scales the u-quantile of the normal distribution, by algorithm AS 241
        (Wichura 1988).

        So, except for "xavier", a row does not depend on the size of the vocabulary. Takes
        O(vocab_size * dim) time.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=258)
        >>> table = ft.vectors.EmbeddingTable.random(tok, dim=256, seed=7, padding_id=0)
        >>> table
        EmbeddingTable(258 ids, dim=256, padding_id=0)
        >>> table(tok.encode("lowest")).shape
        (4, 256)
        """
        n_ids, dim = count_ids(tokenizer), checked_dimension("dim", dim)
        padding_id = _checked_padding_id(padding_id, n_ids)
        table = cls.__new__(cls)
        table._weights = make_random(n_ids, dim, seed, TABLE, init, scale)
        table._padding_id = padding_id
        if padding_id is not None:
            table._weights[padding_id] = 0
        return table

    @property
    def weights(self) -> NDArray[np.float32]:
        """The rows: float32 of shape (vocab_size, dim), a view that is read-only; `add` changes them.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.vectors.EmbeddingTable([[1.0, 2.0], [3.0, 4.0]]).weights
        array([[1., 2.],
               [3., 4.]], dtype=float32)
        """
        view = self._weights.view()
        view.flags.writeable = False
        return view

    @property
    def vocab_size(self) -> int:
        """Number of rows.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.vectors.EmbeddingTable.random(1000, 8, seed=1).vocab_size
        1000
        """
        return len(self._weights)

    @property
    def dim(self) -> int:
        """Number of columns.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.vectors.EmbeddingTable.random(1000, 8, seed=1).dim
        8
        """
        return int(self._weights.shape[1])

    @property
    def padding_id(self) -> int | None:
        """Id whose row stays zero, or None.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.vectors.EmbeddingTable.random(1000, 8, seed=1, padding_id=3).padding_id
        3
        """
        return self._padding_id

    def __call__(self, ids: Any) -> NDArray[np.float32]:
        """Return the rows of ids.

        Parameters
        ----------
        ids : array_like of int
            Ids in an array of any shape, nested lists, or a single id.

        Returns
        -------
        ndarray of float32
            Copy of the rows; the shape is that of the ids, followed by `dim`.

        Raises
        ------
        IndexError
            If an id is negative, or `vocab_size` or more.
        TypeError
            If the ids are not integers, or are rows of different lengths.
        """
        rows: NDArray[np.float32] = self._weights[as_id_array(ids, self.vocab_size)]
        return rows

    def add(self, change: Any, ids: Any = None) -> None:
        """Add numbers to the rows, in place. The row of `padding_id` stays zero.

        With ids, this is what a step of gradient descent needs: if ``table(ids)`` is the input of a model and
        `gradient` the gradient of the loss with respect to it, then ``table.add(-rate * gradient, ids)`` is
        the step.

        Parameters
        ----------
        change : array_like of float
            Numbers to add: of shape (vocab_size, dim), or, if `ids` are given, of the shape of
            ``table(ids)``.
        ids : array_like of int, optional
            Ids of the rows. If an id occurs several times, all of its numbers are added, in order and in
            float64.

        Raises
        ------
        IndexError
            If an id is negative, or `vocab_size` or more.
        TypeError
            If the ids are not integers, or `change` is not numbers.
        ValueError
            If the shape of `change` is wrong.

        Examples
        --------
        >>> import fasttok as ft
        >>> table = ft.vectors.EmbeddingTable([[0.0, 0.0], [1.0, 1.0]], padding_id=0)
        >>> table.add([[1.0, 2.0], [1.0, 2.0], [5.0, 5.0]], ids=[1, 1, 0])
        >>> table.weights.tolist()
        [[0.0, 0.0], [3.0, 5.0]]
        """
        rows = None if ids is None else as_id_array(ids, self.vocab_size)
        shape = self._weights.shape if rows is None else (*rows.shape, self.dim)
        array = _as_numbers("change", change)
        if array.shape != shape:
            target = "the table" if rows is None else "the rows of the ids"
            raise ValueError(f"change must have the shape of {target}, {shape}, not {array.shape}")
        if rows is None:
            self._weights += array
        elif rows.size:
            flat = rows.reshape(-1).astype(np.int64)
            order = np.argsort(flat, kind="stable")
            ordered = flat[order]
            starts = np.flatnonzero(np.diff(ordered, prepend=-1, append=-1))
            kind = np.float32 if array.dtype == np.float32 else np.float64
            change_rows = np.ascontiguousarray(array.reshape(len(flat), self.dim), kind)
            self._weights[ordered[starts[:-1]]] += sum_rows(change_rows, order, starts)
        if self._padding_id is not None:
            self._weights[self._padding_id] = 0

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the table to a file, atomically: an ``.npz`` file, which ``numpy.load`` also reads.

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
        >>> table = ft.vectors.EmbeddingTable.random(1000, 8, seed=1, padding_id=3)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     table.save(f"{folder}/table.npz")
        ...     again = ft.vectors.EmbeddingTable.load(f"{folder}/table.npz")
        >>> again, again == table
        (EmbeddingTable(1,000 ids, dim=8, padding_id=3), True)
        """
        header = {"format": FORMAT, "version": VERSION, "padding_id": self._padding_id}
        write_arrays(checked_path("path", path), header, {"weights": self._weights})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> EmbeddingTable:
        """Read a table from a file that `save` wrote.

        Parameters
        ----------
        path : str or os.PathLike
            The file.

        Returns
        -------
        EmbeddingTable

        Raises
        ------
        OSError
            If the file cannot be read.
        ModelFormatError
            If the file is damaged or is not one of an embedding table.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.vectors.EmbeddingTable.load(ft.parallel_sample()["eng"])  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        fasttok.core.errors.ModelFormatError: ...eng.txt: not a file of an embedding table
        """
        name = checked_path("path", path)
        header, arrays = read_arrays(name, FORMAT, VERSION, "an embedding table", {"weights": np.float32})
        try:
            return cls(arrays["weights"], header.get("padding_id"))
        except (TypeError, ValueError, IndexError) as error:
            raise ModelFormatError(str(error), name) from None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EmbeddingTable):
            return NotImplemented
        return self._padding_id == other._padding_id and np.array_equal(self._weights, other._weights)

    __hash__ = None  # type: ignore[assignment]  # `add` changes the table

    def __repr__(self) -> str:
        padding = "" if self._padding_id is None else f", padding_id={self._padding_id}"
        return f"EmbeddingTable({self.vocab_size:,} ids, dim={self.dim}{padding})"


def _as_numbers(name: str, value: Any) -> NDArray[Any]:
    """Return the value as an array of numbers of Python or NumPy."""
    if not isinstance(value, (np.ndarray, list, tuple)) and not hasattr(value, "__array__"):
        raise TypeError(f"{name} must be an array of numbers, not {type(value).__name__}")
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError):
        raise TypeError(f"{name} must be an array of numbers, not rows of different lengths") from None
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be an array of numbers, not {describe_items(array)}")
    return array


def _checked_weights(weights: Any) -> NDArray[np.float32]:
    """Return the weights as an array of float32 with two axes; copy them only if they are something else."""
    array = _as_numbers("weights", weights)
    if array.ndim != 2 or not array.size:
        raise ValueError(f"weights must have the shape (vocab_size, dim), not {array.shape}")
    with np.errstate(over="ignore"):
        result = np.ascontiguousarray(array, np.float32)
    if not np.isfinite(result.sum(dtype=np.float64)):
        bad = np.argwhere(~np.isfinite(result))
        if len(bad):
            row, column = bad[0].tolist()
            raise ValueError(
                f"weights must be finite, but row {row} has {array[row, column]} in column {column}"
            )
    return result


def _checked_padding_id(padding_id: Any, n_ids: int) -> int | None:
    if padding_id is None:
        return None
    i = checked_integer("padding_id", padding_id, "an id or None")
    if not 0 <= i < n_ids:
        raise IndexError(f"padding_id {describe(i)} is outside the vocabulary of {n_ids:,} ids")
    return i
