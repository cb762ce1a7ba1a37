import numpy as np
from numpy.typing import NDArray

class Spans: ...

class Boundaries(Spans):
    def __init__(self, boundaries: NDArray[np.int64]) -> None: ...
