import numpy as np
from numpy.typing import NDArray

from fasttok.core._trie import Trie

class TokenFinder:
    def __init__(self, trie: Trie, first_bytes: bytes) -> None: ...
    def find(
        self, text: NDArray[np.uint8], offsets: NDArray[np.int64], modes: NDArray[np.uint8]
    ) -> NDArray[np.int64]: ...

class TokenSearch:
    def __init__(
        self,
        first: TokenFinder,
        second: TokenFinder | None,
        modes: NDArray[np.uint8],
        ids: NDArray[np.uint32],
        is_direct: NDArray[np.uint8],
    ) -> None: ...
