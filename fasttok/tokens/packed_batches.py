"""`PackedBatches`: one epoch of batches of packed rows, shuffled and resumable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import DTypeLike

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
        self._set_order(batch_size, seed, epoch, rank, world_size, drop_last)
        self.windows = packed
        self._dtype = checked_dtype(dtype, packed.ids.dtype, packed.pad_id)
        self._pad_id = packed.pad_id
        self._count_batches("rows", "" if packed.store is None else str(packed.store.path))
        self._taken = self._read_start(start, is_default=epoch is None)

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
