import numpy as np
from numpy.typing import NDArray

def find_nbest(
    starts: NDArray[np.int64], ends: NDArray[np.int64], scores: NDArray[np.float32], length: int, k: int
) -> list[tuple[NDArray[np.int64], float]]: ...
