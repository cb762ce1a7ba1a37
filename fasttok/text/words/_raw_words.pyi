import numpy as np
from numpy.typing import NDArray

from fasttok.text._spans import Spans
from fasttok.text.normalizers._code_points import CodePoints

N_PATHS: int

class RawWordScanner(Spans):
    path: int
    def __init__(self, kinds: NDArray[np.uint8], path: int | None = None) -> None: ...

def find_kinds(
    table: CodePoints, classes: NDArray[np.uint8], split_punctuation: bool
) -> NDArray[np.uint8] | None: ...
