"""`PackedBatches`: one epoch of batches of packed rows, shuffled and resumable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import DTypeLike

from fasttok.core.checks import checked_flag, checked_seed, checked_size, describe
from fasttok.core.errors import TokenStoreError
from fasttok.tokens.batches import TokenBatches
from fasttok.tokens.windows import checked_dtype


class PackedBatches(TokenBatches):
    """Iterator over the batches of one epoch, each a `PackedBatch` of rows; see `Packed.batches`.

    `state`, `batch` and the length are those of `TokenBatches`, with rows instead of windows.

    Examples
    --------
    >>> import fasttok as ft
    >>> documents = ft.Ragged.from_rows([[1, 2, 3], [4, 5, 6, 7, 8], [9, 10]])
    >>> batches = ft.tokens.pack(documents, context=4).batches(batch_size=1, seed=7)
    >>> len(batches), next(batches).x.shape, batches.state["batches"]
    (3, (1, 4), 1)
    """

    def __init__(
        self,
        packed: Any,
        batch_size: int,
        *,
        seed: int | None = None,
        epoch: int | None = None,
        start: int | Mapping[str, Any] = 0,
        rank: int = 0,
        world_size: int = 1,
        drop_last: bool = True,
        dtype: DTypeLike | None = None,
    ) -> None:
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
        self.windows = packed
        self._dtype = checked_dtype(dtype, packed.ids.dtype, packed.pad_id)
        self._pad_id = packed.pad_id
        self._step = self.batch_size * self.world_size
        n_rows = len(packed)
        self.n_batches = n_rows // self._step if drop_last else -(-n_rows // self._step)
        if self.n_batches == 0:
            raise TokenStoreError(
                f"{n_rows:,} rows are fewer than batch_size={self.batch_size} in each of world_size="
                f"{self.world_size} processes need. Choose a smaller batch, or drop_last=False",
                "" if packed.store is None else str(packed.store.path),
            )
        self._taken = self._read_start(start, is_default=epoch is None)
        self._block = []

    def _identity(self) -> dict[str, Any]:
        packed: Any = self.windows
        return {
            "seed": self.seed,
            "rows": len(packed),
            "rows_per_step": self._step,
            "context": packed.context,
            "method": packed.method,
        }

    def __repr__(self) -> str:
        return (
            f"PackedBatches({len(self):,} of {self.n_batches:,} batches of {self.batch_size} x "
            f"{self.windows.context} {self._dtype} ids)"
        )
