import numpy as np
from numpy.typing import NDArray

from fasttok.text._spans import Spans

class ClassScanner(Spans):
    def __init__(self, table: NDArray[np.uint8]) -> None: ...

class SharedRunScanner(Spans):
    def __init__(self, table: NDArray[np.uint8]) -> None: ...

class LengthScanner(Spans):
    def __init__(self, size: int) -> None: ...
