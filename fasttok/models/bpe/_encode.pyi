import numpy as np
from numpy.typing import NDArray

from fasttok.models._encoder import PretokenEncoder
from fasttok.models._pieces import PieceTable

MOST_PIECES: int

class MergeEncoder(PretokenEncoder): ...

class BPEEncoder(MergeEncoder):
    def __init__(
        self,
        byte_ids: NDArray[np.uint32],
        merges: NDArray[np.uint32],
        merge_ids: NDArray[np.uint32],
        whole: PieceTable | None,
        merge_ranks: NDArray[np.uint32] | None = None,
    ) -> None: ...
    def is_reachable(self, values: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.uint8]: ...
