import numpy as np
from numpy.typing import NDArray

from fasttok.models._cache import PretokenCache

class PieceTable:
    def __init__(self, values: NDArray[np.uint8], offsets: NDArray[np.int64]) -> None: ...

class BPEEncoder:
    def __init__(
        self,
        byte_ids: NDArray[np.uint32],
        merges: NDArray[np.uint32],
        merge_ids: NDArray[np.uint32],
        whole: PieceTable | None,
    ) -> None: ...
    def encode(
        self,
        text: NDArray[np.uint8],
        boundaries: NDArray[np.int64],
        cache: PretokenCache,
        out: NDArray[np.uint32],
        out_offsets: NDArray[np.int64],
    ) -> int: ...

def split_pieces(values: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.int64]: ...
