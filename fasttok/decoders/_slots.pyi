from typing import Any

import numpy as np
from numpy.typing import NDArray

class Slots:
    def __init__(self, values: NDArray[np.uint8], offsets: NDArray[np.int64]) -> None: ...
    def join(self, rows: NDArray[Any], before: bytes, after: bytes) -> bytes | None: ...
