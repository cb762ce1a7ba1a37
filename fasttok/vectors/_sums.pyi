from typing import Any

import numpy as np
from numpy.typing import NDArray

def sum_rows(
    values: NDArray[Any], rows: NDArray[np.int64], offsets: NDArray[np.int64]
) -> NDArray[np.float64]: ...
