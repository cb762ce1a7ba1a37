import numpy as np
from numpy.typing import NDArray

class Matcher:
    def __init__(
        self,
        code: NDArray[np.int32],
        sets: NDArray[np.uint64],
        page_of: NDArray[np.uint16],
        pages: NDArray[np.uint16],
        n_registers: int,
        start: int,
        first: int,
    ) -> None: ...
    def find(
        self, text: NDArray[np.uint8], offsets: NDArray[np.int64], seconds: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], int]: ...
