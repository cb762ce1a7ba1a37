import numpy as np
from numpy.typing import NDArray

def find_cut(text: NDArray[np.uint8], safe: NDArray[np.uint8]) -> int: ...
