from typing import Any

import numpy as np
from numpy.typing import NDArray

class Spans: ...

class Boundaries(Spans):
    def __init__(self, boundaries: NDArray[np.int64]) -> None: ...

class Kept(Spans):
    def __init__(self, boundaries: NDArray[np.int64], kept: NDArray[np.uint8]) -> None: ...

class Nested(Spans):
    def __init__(self, boundaries: NDArray[np.int64], inner: Spans) -> None: ...

def list_spans(
    spans: Spans, text: NDArray[np.uint8], offsets: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]: ...
def trace(spans: NDArray[np.int64], bounds: NDArray[np.int64], rewritings: list[Any]) -> None: ...
