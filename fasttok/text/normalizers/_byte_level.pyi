import numpy as np
from numpy.typing import NDArray

def write_alphabet(
    text: NDArray[np.uint8], offsets: NDArray[np.int64], alphabet: NDArray[np.uint8], aligned: bool
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64] | None]: ...
