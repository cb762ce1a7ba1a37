import numpy as np
from numpy.typing import NDArray

from fasttok.models._pieces import PieceTable
from fasttok.models.bpe._encode import MergeEncoder

class CharacterEncoder(MergeEncoder):
    def __init__(
        self,
        characters: NDArray[np.uint32],
        ids: NDArray[np.uint32],
        marks_rest: bool,
        marks_last: bool,
        merges: NDArray[np.uint32],
        merge_ids: NDArray[np.uint32],
        byte_ids: NDArray[np.uint32] | None,
        marked_bytes: bool,
        unk_id: int,
        fuse_unk: bool,
        drops_unk: bool,
        remerges: bool,
        whole: PieceTable | None,
        merge_ranks: NDArray[np.uint32] | None = None,
    ) -> None: ...
