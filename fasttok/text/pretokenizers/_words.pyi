import numpy as np
from numpy.typing import NDArray

from fasttok.text._spans import Spans

class WordScanner(Spans):
    def __init__(self, split_punctuation: bool, table: NDArray[np.uint8] | None = None) -> None: ...

def strip(
    text: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    left: NDArray[np.uint8],
    right: NDArray[np.uint8],
    kept: NDArray[np.int64],
) -> None: ...
