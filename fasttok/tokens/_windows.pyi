from typing import Any

import numpy as np
from numpy.typing import NDArray

def shuffle_positions(n: int, seed: int, epoch: int, positions: NDArray[np.int64]) -> None: ...
def gather_windows(
    ids: NDArray[Any],
    starts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    pad_id: int,
    x: NDArray[Any],
    y: NDArray[Any],
) -> None: ...
def number_positions(
    offsets: NDArray[np.int64],
    documents: NDArray[np.int64],
    starts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    out: NDArray[np.int64],
) -> None: ...
