from typing import Any

import numpy as np
from numpy.typing import NDArray

def measure_rows(offsets: NDArray[np.int64], rows: NDArray[Any], allow_empty: bool) -> tuple[int, int]: ...
def gather_rows(
    values: NDArray[np.uint8], offsets: NDArray[np.int64], rows: NDArray[Any], out: NDArray[np.uint8]
) -> None: ...
def gather_bytes(
    values: NDArray[np.uint8], offsets: NDArray[np.int64], rows: NDArray[Any], n_bytes: int
) -> bytes: ...
