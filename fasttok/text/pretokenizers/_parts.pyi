import numpy as np
from numpy.typing import NDArray

def cut_at_matches(
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    bounds: NDArray[np.int64],
    offsets: NDArray[np.int64],
    invert: bool,
    joins: NDArray[np.uint8],
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]: ...
