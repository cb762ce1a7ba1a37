import numpy as np
from numpy.typing import NDArray

from fasttok.core._trie import Trie

class GraphemeMap:
    trie: Trie
    replacements: bytes
    data: bytes
    def __init__(self, trie: Trie, replacements: bytes, classes: NDArray[np.uint8], data: bytes) -> None: ...
    def rewrite(
        self, text: NDArray[np.uint8], offsets: NDArray[np.int64], aligned: bool
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64] | None]: ...
