"""`mix`: draw windows or packed rows from several stores by weight, exactly and reproducibly."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fasttok.core.checks import (
    checked_flag,
    checked_items,
    checked_seed,
    checked_size,
    describe,
    describe_type,
)
from fasttok.core.errors import TokenStoreError
from fasttok.tokens._windows import shuffle_positions
from fasttok.tokens.order import other_batches
from fasttok.tokens.packed import Packed
from fasttok.tokens.store import TokenStore
from fasttok.tokens.windows import IdPair, TokenWindows, checked_dtype, find_seqlens

MOST_WINDOWS = 1 << 24  # windows of a batch, which are drawn one by one

MixSource = TokenStore | Packed


def mix(
    stores: Mapping[MixSource, float] | Iterable[tuple[MixSource, float]], *, seed: int | None = None
) -> Mixture:
    """Mix stores by weight: `Mixture.batches` draws windows of each store in proportion to its weight.

    Nothing is copied. The proportions are exact at every moment, not only on average: of the first n windows,
    each store has given n times its share, up to a difference that is never more than half the number of
    stores. A store that is used up begins again, in another order.

    Parameters
    ----------
    stores : mapping or iterable of pairs
        Weights by store, or pairs of a store and its weight. Weights are numbers above 0; only their
        proportions matter. If all stores are `Packed` objects, packed rows are drawn instead of windows.
    seed : int, optional
        Seed of the order of the windows in each store. Default: they are not shuffled.

    Returns
    -------
    Mixture
        The mixture.

    Raises
    ------
    TypeError, ValueError
        If an argument is invalid, a store is given twice, or there is none.
    TokenStoreError
        If the stores were encoded by different tokenizers.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import fasttok as ft
    >>> folder = tempfile.TemporaryDirectory()
    >>> prose = ft.TokenStore.from_arrays(f"{folder.name}/prose.tokens", np.zeros(50, int), vocab_size=2)
    >>> code = ft.TokenStore.from_arrays(f"{folder.name}/code.tokens", np.ones(50, int), vocab_size=2)
    >>> mixture = ft.tokens.mix({prose: 3, code: 1}, seed=7)
    >>> for x, y in mixture.batches(batch_size=4, context=2, n_batches=2):
    ...     print(x[:, 0].tolist())
    [0, 0, 1, 0]
    [0, 0, 1, 0]
    >>> folder.cleanup()
    """
    pairs = [*stores.items()] if isinstance(stores, Mapping) else _checked_pairs(stores)
    if not pairs:
        raise ValueError("stores must have at least one store")
    sources = [source for source, _ in pairs]
    for i, source in enumerate(sources):
        if not isinstance(source, (TokenStore, Packed)):
            raise TypeError(
                f"stores must be TokenStore or Packed objects, but store {i} is {describe_type(source)}"
            )
        if any(source is other for other in sources[:i]):
            raise ValueError(f"stores must be different, but store {i} is given twice; add its weights")
    if len({isinstance(source, Packed) for source in sources}) > 1:
        raise TypeError("stores must be either all TokenStore or all Packed objects")
    weights = [_checked_weight(i, weight) for i, (_, weight) in enumerate(pairs)]
    _check_tokenizers(sources)
    return Mixture(sources, weights, None if seed is None else checked_seed("seed", seed))


def _checked_pairs(stores: Any) -> list[tuple[Any, Any]]:
    """Return pairs of a store and a weight, which are not checked.

    Raises
    ------
    TypeError
        If they are not pairs.
    """
    pairs = []
    for i, pair in enumerate(checked_items("stores", stores, "pairs of a store and a weight")):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(f"stores must be pairs of a store and a weight, but item {i} is {describe(pair)}")
        pairs.append((pair[0], pair[1]))
    return pairs


def _checked_weight(i: int, weight: Any) -> Fraction:
    """Return a weight without rounding: a float as the decimal number that Python prints.

    Raises
    ------
    TypeError, ValueError
        If it is not a finite number above 0.
    """
    if isinstance(weight, bool) or not isinstance(weight, (int, float, np.integer, np.floating, Fraction)):
        raise TypeError(f"stores must have numbers as weights, but that of store {i} is {describe(weight)}")
    number = weight.item() if isinstance(weight, np.generic) else weight
    if not 0 < number < math.inf:
        raise ValueError(
            f"stores must have weights above 0, but that of store {i} is {describe(number)}; leave it out"
        )
    return Fraction(repr(number)) if isinstance(number, float) else Fraction(number)


def _check_tokenizers(sources: list[Any]) -> None:
    """Raise an error if two stores are known to have been encoded by different tokenizers."""
    first: TokenStore | None = None
    for source in sources:
        store = source.store if isinstance(source, Packed) else source
        if store is None or store.tokenizer_fingerprint is None:
            continue
        if first is None:
            first = store
        elif store.tokenizer_fingerprint != first.tokenizer_fingerprint:
            raise TokenStoreError(
                f"encoded by another tokenizer than {first.path}, so its ids mean other pieces; encode both "
                "with one tokenizer",
                str(store.path),
            )


class Mixture:
    """Stores with weights, from which `batches` draws. Made by `mix`.

    Attributes
    ----------
    weights : tuple of Fraction
        Share of each store in the windows, in the order of the stores; the sum is 1.
    seed : int or None
        Seed of the order of the windows.

    Examples
    --------
    >>> import fasttok as ft
    >>> a = ft.tokens.pack(ft.Ragged.from_rows([[1, 2, 3, 4]]), 2)
    >>> b = ft.tokens.pack(ft.Ragged.from_rows([[5, 6]]), 2)
    >>> mixture = ft.tokens.mix([(a, 0.75), (b, 0.25)])
    >>> mixture
    Mixture(75.00%, 25.00%)
    >>> [x.tolist() for x, y in mixture.batches(batch_size=2, n_batches=2)]
    [[[1, 2], [3, 4]], [[5, 6], [1, 2]]]
    """

    def __init__(self, sources: list[Any], weights: list[Fraction], seed: int | None) -> None:
        self._sources, self.seed = sources, seed
        total = sum(weights)
        self.weights = tuple(weight / total for weight in weights)
        scale = math.lcm(*(weight.denominator for weight in weights))
        self._parts = [int(weight * scale) for weight in weights]
        self._sums = [sum(self._parts[i:]) for i in range(len(weights))]  # of a weight and those after it

    def __len__(self) -> int:
        return len(self._sources)

    def __repr__(self) -> str:
        return f"Mixture({', '.join(f'{float(weight):.2%}' for weight in self.weights)})"

    def locate(self, n: int) -> tuple[int, int]:
        """Return the store of window n of the mixture, and how many earlier windows are from this store.

        Notes
        -----
        Of the first n windows, the first store has ``round(n * w)``, where w is its share and halves are
        rounded up; the others share the rest in the same way. So the answer needs no earlier answers.

        Parameters
        ----------
        n : int
            Number of the window, from 0.

        Returns
        -------
        store, drawn : int
            Index of the store, and the number of windows drawn from it before.

        Raises
        ------
        TypeError, ValueError
            If `n` is not an integer of at least 0.

        Examples
        --------
        >>> import fasttok as ft
        >>> a = ft.tokens.pack(ft.Ragged.from_rows([[1, 2, 3, 4]]), 2)
        >>> b = ft.tokens.pack(ft.Ragged.from_rows([[5, 6]]), 2)
        >>> [ft.tokens.mix([(a, 2), (b, 1)]).locate(n) for n in range(6)]
        [(0, 0), (1, 0), (0, 1), (0, 2), (1, 1), (0, 3)]
        """
        return self._locate(checked_size("n", n, 0))

    def _locate(self, n: int) -> tuple[int, int]:
        last = len(self._parts) - 1
        for i in range(last):
            part, total = self._parts[i], self._sums[i]
            before = (2 * n * part + total) // (2 * total)
            if (2 * (n + 1) * part + total) // (2 * total) > before:
                return i, before
            n -= before
        return last, n

    def batches(
        self,
        batch_size: int,
        context: int | None = None,
        stride: int | None = None,
        *,
        n_batches: int | None = None,
        start: int | Mapping[str, Any] = 0,
        rank: int = 0,
        world_size: int = 1,
        within_documents: bool = False,
        dtype: DTypeLike | None = None,
    ) -> MixedBatches:
        """Return an iterator over batches of windows or packed rows: pairs ``(x, y)`` of ids and targets.

        Batch b of rank r has the windows from ``(b * world_size + r) * batch_size`` on of the mixture. The
        batches depend only on the stores, the weights, the seed and these options.

        Parameters
        ----------
        batch_size : int
            Number of windows per batch, in each process.
        context : int, optional
            Number of ids per window; for packed rows, it is known and can be left out.
        stride : int, optional
            Step from the start of one window to the start of the next; default: `context`. For stores only.
        n_batches : int, optional
            Number of the batch before which the iterator ends. Default: it never ends.
        start : int or mapping
            Number of batches to skip, or the `state` of earlier batches, after which these continue.
        rank, world_size : int
            Number of this process, from 0, and number of all processes.
        within_documents : bool, default False
            Whether a window must be in one document. For stores only.
        dtype : dtype, optional
            Type of the ids: uint16, uint32, int32, or int64 as torch needs it. Default: the widest of the
            stores.

        Returns
        -------
        MixedBatches
            The iterator.

        Raises
        ------
        TypeError, ValueError
            If an argument is invalid, or `start` is the state of other batches.
        TokenStoreError
            If the context is longer than a store.
        """
        contexts = {source.context for source in self._sources if isinstance(source, Packed)}
        if not contexts:
            if context is None:
                raise TypeError("context must be given for stores, which have no rows")
            checked_size("context", context, 1)
            opened: list[Any] = [
                TokenWindows(source, context, stride, within_documents=within_documents)
                for source in self._sources
            ]
        else:
            if stride is not None or checked_flag("within_documents", within_documents):
                raise ValueError("stride and within_documents are for stores, not for packed rows")
            if len(contexts) > 1:
                raise ValueError(
                    f"the packed rows have different contexts: {', '.join(map(str, sorted(contexts)))}"
                )
            if context is not None and {checked_size("context", context, 1)} != contexts:
                raise ValueError(
                    f"context must be {contexts.pop()}, that of the packed rows, not {describe(context)}"
                )
            opened = self._sources
        return MixedBatches(
            self,
            opened,
            batch_size,
            n_batches=n_batches,
            start=start,
            rank=rank,
            world_size=world_size,
            dtype=dtype,
        )


class MixedBatch(IdPair):
    """Batch of windows or rows of several stores: the pair ``(x, y)``. Made by `Mixture.batches`.

    Attributes
    ----------
    x, y : ndarray of shape (batch_size, context)
        Ids, and targets: the ids one place later.
    sources : ndarray of int64, shape (batch_size,)
        Index of the store of each row.

    Examples
    --------
    >>> import fasttok as ft
    >>> a = ft.tokens.pack(ft.Ragged.from_rows([[1, 2, 3, 4]]), 3)
    >>> b = ft.tokens.pack(ft.Ragged.from_rows([[5, 6, 7]]), 3)
    >>> [batch] = ft.tokens.mix([(a, 1), (b, 1)]).batches(batch_size=2, n_batches=1)
    >>> batch.x.tolist(), batch.sources.tolist(), batch.loss_mask(across_documents=False).tolist()
    ([[1, 2, 3], [5, 6, 7]], [0, 1], [[True, True, True], [True, True, False]])
    """

    sources: NDArray[np.int64]
    _parts: list[tuple[NDArray[np.int64], Any]]  # rows of the batch, and the batch of one store for them

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """Mask of the ids: bool of the shape of `x`, False for padding."""
        return self._join(np.bool_, [batch.mask for _, batch in self._parts])

    @cached_property
    def position_ids(self) -> NDArray[np.int64]:
        """Position of each id in its document, or in the row if the document begins before it: int64."""
        return self._join(np.int64, [batch.position_ids for _, batch in self._parts])

    @property
    def cu_seqlens(self) -> NDArray[np.int32] | NDArray[np.int64]:
        """Starts of the documents in ``x.ravel()``, followed by its length: int32 of shape (k + 1,).

        They are int64 if there are 2^31 ids or more.
        """
        return find_seqlens(self.position_ids)

    def loss_mask(self, *, across_documents: bool = True) -> NDArray[np.bool_]:
        """Return the mask of the targets whose loss counts.

        Parameters
        ----------
        across_documents : bool, default True
            Whether the first id of a document counts as a target.

        Returns
        -------
        ndarray of bool, shape (batch_size, context)
            True for the targets that count; False for padding.

        Raises
        ------
        TypeError
            If `across_documents` is not a ``bool``.
        """
        checked_flag("across_documents", across_documents)
        return self._join(
            np.bool_, [batch.loss_mask(across_documents=across_documents) for _, batch in self._parts]
        )

    def _join(self, dtype: Any, values: list[NDArray[Any]]) -> NDArray[Any]:
        out = np.empty(self.x.shape, dtype)
        for (rows, _), part in zip(self._parts, values, strict=True):
            out[rows] = part
        return out


class MixedBatches(Iterator[MixedBatch]):
    """Iterator over batches of a `Mixture`; see `Mixture.batches`.

    Examples
    --------
    >>> import fasttok as ft
    >>> a = ft.tokens.pack(ft.Ragged.from_rows([[1, 2, 3, 4]]), 2)
    >>> batches = ft.tokens.mix({a: 1}, seed=7).batches(batch_size=1, n_batches=3)
    >>> first, state = next(batches), batches.state
    >>> again = ft.tokens.mix({a: 1}, seed=7).batches(batch_size=1, n_batches=3, start=state)
    >>> [x.tolist() for x, _ in again] == [x.tolist() for x, _ in batches]
    True
    """

    def __init__(
        self,
        mixture: Mixture,
        opened: list[Any],
        batch_size: Any,
        *,
        n_batches: Any,
        start: Any,
        rank: Any,
        world_size: Any,
        dtype: Any,
    ) -> None:
        self._mixture, self._opened = mixture, opened
        self.batch_size = checked_size("batch_size", batch_size, 1)
        if self.batch_size > MOST_WINDOWS:
            raise ValueError(f"batch_size must be at most {MOST_WINDOWS:,} for mixtures, not {batch_size:,}")
        self.world_size = checked_size("world_size", world_size, 1)
        self.rank = checked_size("rank", rank, 0)
        if self.rank >= self.world_size:
            raise ValueError(f"rank must be below world_size={self.world_size}, not {describe(rank)}")
        self.n_batches = None if n_batches is None else checked_size("n_batches", n_batches, 0)
        widest = max((source.ids.dtype for source in opened), key=lambda one: one.itemsize)
        self._dtype = checked_dtype(dtype, widest, 0)
        self._taken = self._read_start(start)

    def _read_start(self, start: Any) -> int:
        """Return the number of batches to skip."""
        if not isinstance(start, Mapping):
            return checked_size("start", start, 0)
        expected = self._identity()
        if start.keys() != {*expected, "batches"}:
            raise ValueError(
                f"start is not the state of batches: it must have the keys {', '.join(expected)}, batches"
            )
        for name, value in expected.items():
            if start[name] != value:
                raise other_batches(name, start[name], value)
        return checked_size("batches of start", start["batches"], 0)

    def _identity(self) -> dict[str, Any]:
        """Return the options that decide which windows come when, as JSON values."""
        first = self._opened[0]
        return {
            "seed": self._mixture.seed,
            "weights": [str(weight) for weight in self._mixture.weights],
            "windows": [len(source) for source in self._opened],
            "windows_per_step": self.batch_size * self.world_size,
            "context": first.context,
            "stride": getattr(first, "stride", None),
        }

    @property
    def state(self) -> dict[str, Any]:
        """State after the last batch, for `start`: a dict of JSON values, the same for all ranks."""
        return self._identity() | {"batches": self._taken}

    def __next__(self) -> MixedBatch:
        if self.n_batches is not None and self._taken >= self.n_batches:
            raise StopIteration
        batch = self.batch(self._taken)
        self._taken += 1
        return batch

    def batch(self, i: int) -> MixedBatch:
        """Return batch `i`, which does not change the state. O(length of the batch).

        Raises
        ------
        TypeError, ValueError
            If `i` is not an integer of at least 0.

        Examples
        --------
        >>> import fasttok as ft
        >>> a = ft.tokens.pack(ft.Ragged.from_rows([[1, 2, 3, 4]]), 2)
        >>> ft.tokens.mix({a: 1}).batches(batch_size=1).batch(1_000_001).x.tolist()
        [[3, 4]]
        """
        first = (checked_size("i", i, 0) * self.world_size + self.rank) * self.batch_size
        found = [self._mixture._locate(n) for n in range(first, first + self.batch_size)]
        sources = np.array([source for source, _ in found], np.int64)
        x = np.empty((self.batch_size, self._opened[0].context), self._dtype)
        y, parts = np.empty_like(x), []
        for source in np.unique(sources).tolist():
            rows = np.flatnonzero(sources == source)
            part = self._opened[source].take(self._find_windows(source, [found[row][1] for row in rows]))
            x[rows], y[rows] = part
            parts.append((rows, part))
        batch = MixedBatch((x, y))
        batch.sources, batch._parts = sources, parts
        return batch

    def _find_windows(self, source: int, draws: list[int]) -> NDArray[np.int64]:
        """Return the windows of a store that are drawn at these times; each round has another order."""
        n, seed = len(self._opened[source]), self._mixture.seed
        numbers = np.array([draw % n for draw in draws], np.int64)
        rounds = [draw // n for draw in draws]
        if seed is None:
            return numbers
        for one in sorted(set(rounds)):
            rows = np.array([i for i, other in enumerate(rounds) if other == one])
            chosen = numbers[rows]
            shuffle_positions(n, seed, one % (1 << 64), chosen)
            numbers[rows] = chosen
        return numbers
