"""`TokenBatches`: one epoch of batches of windows, shuffled, resumable, and shared by several processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fasttok.core.checks import (
    checked_flag,
    checked_integer,
    checked_seed,
    checked_size,
    describe,
    describe_type,
)
from fasttok.core.errors import TokenStoreError
from fasttok.tokens._windows import shuffle_positions
from fasttok.tokens.order import other_batches
from fasttok.tokens.windows import Batch, TokenSource, TokenWindows, checked_dtype

BLOCK_BYTES = 1 << 20  # of batches that are copied together


class TokenBatches(Iterator[Batch]):
    """Iterator over the batches of one epoch, each a pair ``(x, y)`` of ids and targets.

    The order of the windows depends only on their number, the seed and the epoch. So an epoch can begin at
    any batch, and several processes can share it without communication.

    Parameters
    ----------
    source : TokenStore or ndarray of shape (n,)
        The store, or ids of the type uint16, uint32, int32 or int64.
    batch_size : int
        Number of windows per batch, in each process.
    context : int
        Number of ids per window.
    stride : int, optional
        Step from the start of one window to the start of the next; default: `context`.
    seed : int, optional
        Seed of the order, from 0 to 2^64 - 1. Default: the windows are not shuffled.
    epoch : int, optional
        Number of the epoch, which changes the order. Default: that of the state in `start`, or else 0.
    start : int or mapping
        Number of batches to skip, or the `state` of earlier batches, after which these continue.
    rank, world_size : int
        Number of this process, from 0, and number of all processes. All processes together get each window
        once.
    drop_last : bool
        Whether to drop the last batch if there are not enough windows for full batches in all processes.
        Otherwise these windows are divided among the processes as evenly as possible, in their order. Each
        process has the same number of batches, the last of which can be empty.
    offsets : ndarray of int64, shape (k + 1,), optional
        Start of each document in the ids, followed by the end of the last one; for an array only.
    within_documents, keep_last : bool
        As in `TokenWindows`.
    dtype : dtype, optional
        Type of the ids in the batches: uint16, uint32, int32, or int64 as torch needs it. Default: that of
        the store.
    pad_id : int
        Padding of the windows that `keep_last` keeps; `Batch.mask` marks it.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or is out of range, or `start` is the state of batches with other
        options.
    TokenStoreError
        If there is no window, because the context is longer than the ids, or no full batch.

    See Also
    --------
    TokenWindows : The windows, as views.

    Notes
    -----
    Batch b of rank r has the windows at the positions from ``(b * world_size + r) * batch_size`` on of the
    order; see `fasttok.tokens.order.shuffled`. A batch starts in O(1) time, whatever its number. Many batches
    are copied at once. They are independent, writeable and C-contiguous.

    Examples
    --------
    >>> import numpy as np
    >>> import fasttok as ft
    >>> ids = np.arange(100, dtype=np.uint16)
    >>> batches = ft.tokens.TokenBatches(ids, batch_size=2, context=3, seed=7)
    >>> len(batches)
    16
    >>> x, y = next(batches)
    >>> x.shape, bool((y == x + 1).all())
    ((2, 3), True)

    After an interruption, continue with the state:

    >>> state = batches.state
    >>> again = ft.tokens.TokenBatches(ids, batch_size=2, context=3, seed=7, start=state)
    >>> len(again), bool((next(again).x == next(batches).x).all())
    (15, True)
    """

    def __init__(
        self,
        source: TokenSource | NDArray[Any],
        batch_size: int,
        context: int,
        stride: int | None = None,
        *,
        seed: int | None = None,
        epoch: int | None = None,
        start: int | Mapping[str, Any] = 0,
        rank: int = 0,
        world_size: int = 1,
        drop_last: bool = True,
        offsets: NDArray[np.int64] | None = None,
        within_documents: bool = False,
        keep_last: bool = False,
        dtype: DTypeLike | None = None,
        pad_id: int = 0,
    ) -> None:
        self._set_order(batch_size, seed, epoch, rank, world_size, drop_last)
        self.windows = TokenWindows(
            source,
            context,
            stride,
            offsets=offsets,
            within_documents=within_documents,
            keep_last=keep_last,
        )
        self._dtype = checked_dtype(dtype, self.windows.ids.dtype, pad_id)
        self._pad_id = pad_id
        self._count_batches("windows", str(getattr(source, "path", "")))
        self.windows._check_memory(min(self.batch_size, len(self.windows)))
        self._taken = self._read_start(start, is_default=epoch is None)

    def _set_order(
        self, batch_size: Any, seed: Any, epoch: Any, rank: Any, world_size: Any, drop_last: Any
    ) -> None:
        """Check and set the options that decide which process takes which windows when."""
        self.batch_size = checked_size("batch_size", batch_size, 1)
        self.seed = None if seed is None else checked_seed("seed", seed)
        self.epoch = 0 if epoch is None else checked_seed("epoch", epoch)
        self.world_size = checked_size("world_size", world_size, 1)
        self.rank = checked_size("rank", rank, 0)
        if self.rank >= self.world_size:
            raise ValueError(
                f"rank must be below world_size={self.world_size}, not {describe(rank)}; ranks count from 0"
            )
        self.drop_last = checked_flag("drop_last", drop_last)
        self._step = self.batch_size * self.world_size  # windows that all processes take together
        self._block: list[Batch] = []  # batches that have been copied, in reversed order

    def _count_batches(self, unit: str, path: str) -> None:
        """Set the number of batches, which must not be 0; `unit` and `path` are for messages."""
        n = len(self.windows)
        self.n_batches = n // self._step if self.drop_last else -(-n // self._step)
        if self.n_batches == 0:
            raise TokenStoreError(
                f"{n:,} {unit} are fewer than batch_size={self.batch_size} in each of world_size="
                f"{self.world_size} processes need. Choose a smaller batch, or drop_last=False",
                path,
            )

    def _read_start(self, start: Any, *, is_default: bool) -> int:
        """Return the number of batches to skip; take the epoch from a state if it was not given."""
        if isinstance(start, Mapping):
            options = self._identity()
            names = {*options, "epoch", "batches"}
            if start.keys() != names:
                raise ValueError(
                    f"start is not the state of batches: it must have the keys {', '.join(sorted(names))}"
                )
            for name, value in options.items():
                if type(start[name]) is not type(value) or start[name] != value:
                    raise other_batches(name, start[name], value)
            epoch = checked_seed("epoch of start", start["epoch"])
            if is_default:
                self.epoch = epoch
            elif epoch != self.epoch:
                raise ValueError(
                    f"start is the state of epoch {epoch}, but epoch={self.epoch} was given; leave it out"
                )
            return self._checked_taken("batches of start", start["batches"])
        if isinstance(start, bool) or not hasattr(start, "__index__") or isinstance(start, np.ndarray):
            raise TypeError(
                f"start must be a number of batches or the state of batches, not {describe_type(start)}"
            )
        return self._checked_taken("start", start)

    def _checked_taken(self, name: str, value: Any) -> int:
        taken = checked_size(name, value, 0)
        if taken > self.n_batches:
            raise ValueError(
                f"{name} must be at most {self.n_batches:,}, the number of batches of an epoch, not {taken:,}"
            )
        return taken

    def _identity(self) -> dict[str, Any]:
        """Return the options that decide the windows of each step of all processes together."""
        return {
            "seed": self.seed,
            "windows": len(self.windows),
            "windows_per_step": self._step,
            "context": self.windows.context,
            "stride": self.windows.stride,
            "within_documents": self.windows.within_documents,
            "keep_last": self.windows.keep_last,
        }

    @property
    def state(self) -> dict[str, Any]:
        """State after the last batch, for `start`: a dict of JSON values, the same for all ranks.

        A run can continue with another number of processes, if ``batch_size * world_size`` stays the same.
        """
        return self._identity() | {"epoch": self.epoch, "batches": self._taken}

    def __len__(self) -> int:
        """Return the number of batches that are left."""
        return self.n_batches - self._taken

    def __next__(self) -> Batch:
        if not self._block:
            self._block = self._copy_block()
        self._taken += 1
        return self._block.pop()

    def batch(self, i: int) -> Batch:
        """Return batch `i` of the epoch, which does not change the state. O(length of the batch).

        Raises
        ------
        TypeError
            If `i` is not an integer.
        IndexError
            If there is no such batch; negative numbers are not allowed.

        Examples
        --------
        >>> import numpy as np
        >>> import fasttok as ft
        >>> batches = ft.tokens.TokenBatches(np.arange(100), batch_size=1, context=3)
        >>> batches.batch(20).x
        array([[60, 61, 62]])
        """
        number = checked_integer("i", i)
        if not 0 <= number < self.n_batches:
            raise IndexError(
                f"i: there is no batch {describe(i)}: an epoch has {self.n_batches:,}, counted from 0"
            )
        return self._copy(number, number + 1)[0]

    def _copy_block(self) -> list[Batch]:
        """Copy the next batches, the last one first."""
        if self._taken >= self.n_batches:
            raise StopIteration
        size = 2 * self.batch_size * self.windows.context * self._dtype.itemsize
        end = min(self._taken + max(1, BLOCK_BYTES // size), self.n_batches)
        return self._copy(self._taken, end)[::-1]

    def _copy(self, begin: int, end: int) -> list[Batch]:
        """Copy the batches from `begin` to `end`, which exist."""
        n_windows, size = len(self.windows), self.batch_size
        if end * self._step <= n_windows:
            first = np.arange(begin, end) * self._step + self.rank * size
            positions = (first[:, None] + np.arange(size)).ravel()
        elif end - begin > 1:
            return self._copy(begin, end - 1) + self._copy(end - 1, end)
        else:
            left = n_windows - begin * self._step
            low, high = (left * r // self.world_size for r in (self.rank, self.rank + 1))
            positions = begin * self._step + np.arange(low, high)
        if self.seed is not None:
            shuffle_positions(n_windows, self.seed, self.epoch, positions)
        return self.windows._gather(positions, end - begin, self._dtype, self._pad_id)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_block": []}

    def __repr__(self) -> str:
        return (
            f"TokenBatches({len(self):,} of {self.n_batches:,} batches of {self.batch_size} x "
            f"{self.windows.context} {self._dtype} ids)"
        )
