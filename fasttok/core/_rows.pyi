from typing import Any

import numpy as np
from numpy.typing import NDArray

def copy_ranges(
    values: NDArray[np.uint32],
    starts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    positions: NDArray[np.int64],
    out: NDArray[np.uint32],
) -> None: ...
def pad_rows(
    values: NDArray[np.uint32],
    starts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    pad_id: int,
    on_left: bool,
    out: NDArray[Any],
    mask: NDArray[np.uint8],
) -> None: ...
def split_lines(text: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]: ...
