import numpy as np
from numpy.typing import NDArray

from fasttok.core._trie import Trie
from fasttok.models._encoder import PretokenEncoder
from fasttok.models._pieces import PieceTable

class UnitEncoder(PretokenEncoder):
    def __init__(
        self,
        table: PieceTable,
        takes_whole: bool,
        byte_ids: NDArray[np.uint32] | None,
        unk_id: int,
        user_defined: Trie | None = None,
        fuse_unk: bool = False,
    ) -> None: ...
