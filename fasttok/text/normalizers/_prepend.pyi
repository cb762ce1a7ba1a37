import numpy as np
from numpy.typing import NDArray

def prepend(
    text: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    is_first: NDArray[np.uint8],
    prefix: NDArray[np.uint8],
    aligned: bool,
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64] | None]: ...
