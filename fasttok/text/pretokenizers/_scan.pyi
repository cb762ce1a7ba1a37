import numpy as np
from numpy.typing import NDArray

from fasttok.text._spans import Spans

PATTERNS: dict[str, int]
INSTRUCTION_SETS: tuple[str, ...]

class Scanner(Spans):
    instruction_set: str
    def __init__(
        self, name: str, table: NDArray[np.uint8] | None = None, instruction_set: str = ...
    ) -> None: ...

def scan(
    spans: Spans,
    text: NDArray[np.uint8],
    documents: NDArray[np.int64],
    state: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> int: ...
