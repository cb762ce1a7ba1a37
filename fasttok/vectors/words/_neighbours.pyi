from typing import Any

import numpy as np
from numpy.typing import NDArray

def group_positions(
    ids: NDArray[Any], first: int, last: int, n_ids: int
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]: ...
def measure_sides(
    offsets: NDArray[np.int64], document: int, first: int, last: int, window: int
) -> NDArray[np.uint8]: ...
def count_neighbours(
    ids: NDArray[Any],
    first: int,
    positions: NDArray[np.uint32],
    starts: NDArray[np.int64],
    sides: NDArray[np.uint8],
    row: int,
    last_row: int,
    weights: NDArray[np.int64],
    sums: NDArray[np.int64],
    columns: NDArray[np.int32],
    values: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> int: ...
