from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.models._pieces import PieceTable

class Reason(IntEnum):
    NOT_A_PAIR = 1
    NO_LEFT = 2
    NO_RIGHT = 3
    NO_RESULT = 4
    SHORT_RIGHT = 5
    NO_CHANGE = 6
    OUTSIDE = 7

def read_vocab(
    vocab: dict[str, Any], most: int, byte_of: NDArray[np.uint16] | None
) -> tuple[NDArray[np.uint8], NDArray[np.int64], list[str]]: ...
def read_merges(
    merges: list[Any], table: PieceTable, skipped: int, byte_of: NDArray[np.uint16] | None
) -> tuple[NDArray[np.uint32], NDArray[np.uint32], int, int]: ...
def read_scores(vocab: list[Any]) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.float64]]: ...
