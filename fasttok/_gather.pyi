import numpy as np
from numpy.typing import NDArray

def gather_rows(
    values: NDArray[np.uint8], offsets: NDArray[np.int64], rows: NDArray[np.int64], out: NDArray[np.uint8]
) -> None: ...
