from typing import Any

import numpy as np
from numpy.typing import NDArray

def insert_separators(
    values: NDArray[np.uint32], ends: NDArray[np.int64], separator: int, out: NDArray[Any]
) -> None: ...
