import numpy as np
from numpy.typing import NDArray

from fasttok.core._trie import Trie

class CharsMap:
    trie: Trie
    replacements: bytes
    def __init__(self, trie: Trie, replacements: bytes) -> None: ...
    def rewrite(
        self, text: NDArray[np.uint8], offsets: NDArray[np.int64], aligned: bool
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64] | None]: ...
