import numpy as np
from numpy.typing import NDArray

class PretokenTable:
    n_bytes: int
    def __len__(self) -> int: ...
    def add(
        self,
        text: NDArray[np.uint8],
        boundaries: NDArray[np.int64],
        counts: NDArray[np.int64] | None = None,
    ) -> None: ...
    def add_table(self, other: PretokenTable) -> None: ...
    def rows(self) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]: ...

def rank_rows(
    text: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    first: NDArray[np.uint64],
    second: NDArray[np.uint64],
) -> None: ...
