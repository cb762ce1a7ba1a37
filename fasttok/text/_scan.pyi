import numpy as np
from numpy.typing import NDArray

PATTERNS: dict[str, int]

def scan(
    pattern: int,
    text: NDArray[np.uint8],
    documents: NDArray[np.int64],
    state: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> int: ...
