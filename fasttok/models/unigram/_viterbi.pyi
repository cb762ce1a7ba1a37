import numpy as np
from numpy.typing import NDArray

from fasttok.core._trie import Trie
from fasttok.models._encoder import PretokenEncoder
from fasttok.models._pieces import PieceTable

ZERO: bytes

class UnigramEncoder(PretokenEncoder):
    def __init__(
        self,
        trie: Trie,
        scores: NDArray[np.float64],
        lengths: NDArray[np.uint32],
        unk_score: float,
        unk_id: int,
        byte_ids: NDArray[np.uint32] | None,
        resolves_ties: bool = False,
        fuse_unk: bool = False,
        encodes_parts: bool = False,
    ) -> None: ...

class NamedEncoder(UnigramEncoder):
    def set_names(self, names: PieceTable, has_zeros: bool) -> None: ...
