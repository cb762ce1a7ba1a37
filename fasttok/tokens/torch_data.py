"""`WindowDataset` and `BatchDataset`: stored ids as datasets of PyTorch, without a copy of the corpus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_integer, checked_seed, checked_size, describe
from fasttok.tokens.batches import TokenBatches
from fasttok.tokens.windows import TokenSource, TokenWindows, checked_dtype

try:
    import torch
    from torch.utils.data import Dataset, IterableDataset, get_worker_info
except ImportError as error:
    raise ImportError("datasets of PyTorch need torch: pip install torch") from error


class WindowDataset(Dataset[Any]):
    """Map-style dataset of PyTorch: item i is window i, a pair ``(x, y)`` of tensors of int64.

    A `DataLoader` shuffles the windows and makes batches. `BatchDataset` is several times faster, and can
    continue an epoch.

    Parameters
    ----------
    source : TokenStore or ndarray of shape (n,)
        The store, or ids of the type uint16, uint32, int32 or int64.
    context : int
        Number of ids per window.
    stride : int, optional
        Step from the start of one window to the start of the next; default: `context`.
    offsets : ndarray of int64, shape (k + 1,), optional
        Start of each document in the ids, followed by the end of the last one; for an array only.
    within_documents, keep_last : bool
        As in `TokenWindows`.
    pad_id, pad_target : int
        Padding of the last window that `keep_last` keeps, in `x` and in `y`. PyTorch's cross entropy ignores
        the target -100.

    Raises
    ------
    TypeError, ValueError, TokenStoreError
        As in `TokenWindows`.
    ImportError
        If torch is not installed.

    Notes
    -----
    The dataset of a store is pickled as the path of the store, so every process of a `DataLoader` opens the
    store and no process copies it. The length is that of the windows.

    Examples
    --------
    >>> import numpy as np
    >>> import fasttok as ft
    >>> dataset = ft.tokens.WindowDataset(np.arange(9, dtype=np.uint16), context=4)
    >>> len(dataset), dataset[1]
    (2, (tensor([4, 5, 6, 7]), tensor([5, 6, 7, 8])))
    """

    def __init__(
        self,
        source: TokenSource | NDArray[Any],
        context: int,
        stride: int | None = None,
        *,
        offsets: NDArray[np.int64] | None = None,
        within_documents: bool = False,
        keep_last: bool = False,
        pad_id: int = 0,
        pad_target: int = -100,
    ) -> None:
        self.windows = TokenWindows(
            source,
            context,
            stride,
            offsets=offsets,
            within_documents=within_documents,
            keep_last=keep_last,
        )
        self._padding = _checked_padding(pad_id, pad_target)

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        number = checked_integer("the index", i)
        if not -len(self) <= number < len(self):
            raise IndexError(f"window {describe(i)} does not exist: there are {len(self):,} windows")
        [window] = self.__getitems__([number % len(self)])
        return window

    def __getitems__(self, numbers: list[int]) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Return several windows; a `DataLoader` calls this for a batch."""
        pad_id, pad_target = self._padding
        batch = self.windows.take(np.array(numbers, np.int64), dtype=np.int64, pad_id=pad_id)
        if self.windows.keep_last:
            batch.y[~batch.mask] = pad_target
        return [*zip(torch.from_numpy(batch.x), torch.from_numpy(batch.y), strict=True)]


class BatchDataset(IterableDataset[Any]):
    """Iterable dataset of PyTorch: one epoch of batches, each a pair ``(x, y)`` of tensors of int64.

    Give it to a `DataLoader` with ``batch_size=None``. The batches, and their order, are those of
    `TokenBatches` for any number of workers of the loader, each of which makes its part of them.

    Parameters
    ----------
    source : TokenStore or ndarray of shape (n,)
        The store, or ids of the type uint16, uint32, int32 or int64.
    batch_size : int
        Number of windows per batch, in each process of the training.
    context : int
        Number of ids per window.
    stride : int, optional
        Step from the start of one window to the start of the next; default: `context`.
    epoch : int, optional
        Number of the epoch, which changes the order; see `set_epoch`. Default: that of the state in `start`,
        or else 0.
    start : int or mapping
        Number of batches to skip, or a `state`. Later epochs start at their first batch.
    pad_id, pad_target : int
        Padding of the windows that `keep_last` keeps, in `x` and in `y`. PyTorch's cross entropy ignores the
        target -100.
    **options
        The options `seed`, `rank`, `world_size`, `drop_last`, `offsets`, `within_documents` and `keep_last`
        of `TokenBatches`.

    Raises
    ------
    TypeError, ValueError, TokenStoreError
        As in `TokenBatches`.
    ImportError
        If torch is not installed.

    Notes
    -----
    The dataset of a store is pickled as the path of the store. A loader reads batches ahead, so the dataset
    does not know how many of them the training has seen. Count them, and pass their number to `state`.

    Examples
    --------
    >>> import numpy as np
    >>> import fasttok as ft
    >>> from torch.utils.data import DataLoader
    >>> dataset = ft.tokens.BatchDataset(np.arange(100, dtype=np.uint16), batch_size=8, context=4, seed=7)
    >>> for x, y in DataLoader(dataset, batch_size=None):
    ...     print(x.shape, x.dtype)
    torch.Size([8, 4]) torch.int64
    torch.Size([8, 4]) torch.int64
    torch.Size([8, 4]) torch.int64
    """

    def __init__(
        self,
        source: TokenSource | NDArray[Any],
        batch_size: int,
        context: int,
        stride: int | None = None,
        *,
        epoch: int | None = None,
        start: int | Mapping[str, Any] = 0,
        pad_id: int = 0,
        pad_target: int = -100,
        **options: Any,
    ) -> None:
        self._padding = _checked_padding(pad_id, pad_target)
        if "dtype" in options:
            raise TypeError("dtype is not an option of BatchDataset: the tensors are of int64")
        self._arguments = (source, batch_size, context, stride)
        self._options = {**options, "dtype": np.int64, "pad_id": pad_id}
        first = TokenBatches(*self._arguments, epoch=epoch, start=start, **self._options)
        self.epoch, self._start, self._length = first.epoch, first.n_batches - len(first), len(first)

    def _batches(self) -> TokenBatches:
        return TokenBatches(*self._arguments, epoch=self.epoch, start=self._start, **self._options)

    def set_epoch(self, epoch: int) -> None:
        """Begin another epoch. A loader with persistent workers does not notice it.

        Raises
        ------
        ValueError
            If `epoch` is not an integer from 0 to 2^64 - 1.
        """
        epoch = checked_seed("epoch", epoch)
        if epoch != self.epoch:
            self.epoch, self._start = epoch, 0
            self._length = self._batches().n_batches

    def state(self, taken: int) -> dict[str, Any]:
        """Return the state after `taken` batches from this dataset, for `start`.

        Raises
        ------
        TypeError, ValueError
            If `taken` is not an integer from 0 to the number of batches.
        """
        taken = checked_size("taken", taken, 0)
        if taken > self._length:
            raise ValueError(f"taken must be at most {self._length:,}, the number of batches, not {taken:,}")
        state = self._batches().state
        return state | {"batches": state["batches"] + taken}

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        worker = get_worker_info()
        batches = self._batches()
        # A loader takes the batches of its workers in turn, so the order is that of one worker.
        step, first = (1, 0) if worker is None else (worker.num_workers, worker.id)
        for i in range(self._start + first, batches.n_batches, step):
            batch = next(batches) if step == 1 else batches.batch(i)
            if batches.windows.keep_last:
                batch.y[~batch.mask] = self._padding[1]
            yield torch.from_numpy(batch.x), torch.from_numpy(batch.y)


def _checked_padding(pad_id: int, pad_target: int) -> tuple[int, int]:
    """Return the two paddings, if they fit int64."""
    dtype = np.dtype(np.int64)
    checked_dtype(dtype, dtype, pad_id)
    checked_dtype(dtype, dtype, pad_target, "pad_target")
    return pad_id, pad_target
