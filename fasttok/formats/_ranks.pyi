import numpy as np
from numpy.typing import NDArray

def parse_ranks(
    data: NDArray[np.uint8],
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], int]: ...
