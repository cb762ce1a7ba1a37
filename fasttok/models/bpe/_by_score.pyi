import numpy as np
from numpy.typing import NDArray

from fasttok.core._trie import Trie
from fasttok.models.bpe._encode import MergeEncoder

class ScoreEncoder(MergeEncoder):
    def __init__(
        self,
        characters: NDArray[np.uint32],
        ids: NDArray[np.uint32],
        merges: NDArray[np.uint32],
        merge_ids: NDArray[np.uint32],
        merge_ranks: NDArray[np.uint32] | None,
        byte_ids: NDArray[np.uint32] | None,
        unk_id: int,
        user_defined: Trie | None,
        neighbours: NDArray[np.uint32],
        finals: NDArray[np.uint32],
        final_offsets: NDArray[np.int64],
        is_unused: NDArray[np.uint8] | None,
    ) -> None: ...
