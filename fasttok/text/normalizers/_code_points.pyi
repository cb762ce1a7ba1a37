import numpy as np
from numpy.typing import NDArray

class CodePoints:
    def __init__(
        self,
        table: NDArray[np.uint32],
        sequences: NDArray[np.uint64],
        text: NDArray[np.uint8],
        pairs: NDArray[np.uint64],
        composed: NDArray[np.uint32],
        composes: bool,
    ) -> None: ...
    def leaves_alone(self, text: NDArray[np.uint8], offsets: NDArray[np.int64]) -> bool: ...
    def rewrite(
        self, text: NDArray[np.uint8], offsets: NDArray[np.int64], aligned: bool
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64] | None]: ...
