from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fasttok.core._trie import Trie

class CharsMap:
    trie: Trie
    replacements: bytes
    kept: Trie | None
    protects: bool
    def __init__(
        self,
        trie: Trie,
        replacements: bytes,
        kept: Trie | None = None,
        firsts: Sequence[int] = (),
        protects: bool = False,
    ) -> None: ...
    def rewrite(
        self, text: NDArray[np.uint8], offsets: NDArray[np.int64], aligned: bool
    ) -> tuple[
        NDArray[np.uint8],
        NDArray[np.int64],
        NDArray[np.int64] | None,
        NDArray[np.int64] | None,
        list[int],
        list[int],
    ]: ...
