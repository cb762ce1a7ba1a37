import numpy as np
from numpy.typing import NDArray

from fasttok.text._spans import Spans

def measure(text: NDArray[np.uint8], n_rows: int) -> int: ...
def rewrite(
    text: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    begins: NDArray[np.uint8],
    ends: NDArray[np.uint8],
    is_filled: NDArray[np.uint8],
    protected: NDArray[np.int64],
    dummy: bool,
    remove: bool,
    as_suffix: bool,
    escape: bool,
    has_heads: bool,
    out: NDArray[np.uint8],
    out_offsets: NDArray[np.int64],
    origins: NDArray[np.int64],
) -> int: ...
def write_spaces(text: bytes) -> bytes: ...

class WordScanner(Spans):
    def __init__(self, as_suffix: bool) -> None: ...

class RunScanner(Spans):
    def __init__(self, mark: bytes) -> None: ...

class SpaceRunScanner(Spans): ...
