import numpy as np
from numpy.typing import NDArray

from fasttok.core._trie import Trie
from fasttok.models._encoder import PretokenEncoder

MARK: bytes
ZERO: bytes

class LongestMatchEncoder(PretokenEncoder):
    def __init__(
        self,
        trie: Trie,
        keys: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        unk_id: int,
        most_characters: int,
        most_bytes: int,
        has_zeros: bool,
    ) -> None: ...
