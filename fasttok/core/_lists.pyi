import numpy as np
from numpy.typing import NDArray

def lists_of_rows(
    values: NDArray[np.uint32], offsets: NDArray[np.int64], integers: list[int]
) -> list[list[int]]: ...
