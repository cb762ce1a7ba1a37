import numpy as np
from numpy.typing import NDArray

class PieceTable:
    def __init__(
        self, values: NDArray[np.uint8], offsets: NDArray[np.int64], included: NDArray[np.uint8]
    ) -> None: ...
