import numpy as np
from numpy.typing import NDArray

def split_pieces(values: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.int64]: ...
