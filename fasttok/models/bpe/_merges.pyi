import numpy as np
from numpy.typing import NDArray

from fasttok.models._pieces import PieceTable

UNLISTED: int

def find_results(
    table: PieceTable,
    values: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    starts: NDArray[np.int64],
    merges: NDArray[np.uint32],
) -> NDArray[np.uint32]: ...
def find_mismatch(
    values: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    starts: NDArray[np.int64],
    merges: NDArray[np.uint32],
    merge_ids: NDArray[np.uint32],
) -> int: ...
def find_repeated(merges: NDArray[np.uint32], merge_ids: NDArray[np.uint32]) -> int: ...
def find_all_merges(
    values: NDArray[np.uint8], offsets: NDArray[np.int64], included: NDArray[np.uint8], most: int
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]: ...
