import numpy as np
from numpy.typing import NDArray

from fasttok.models._cache import PretokenCache
from fasttok.text._spans import Spans

class PretokenEncoder:
    ids_per_byte: int
    def encode(
        self,
        text: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        spans: Spans,
        cache: PretokenCache,
        out: NDArray[np.uint32],
        out_offsets: NDArray[np.int64],
    ) -> int: ...
    def set_lengths(self, lengths: NDArray[np.uint32]) -> None: ...
    def new_cache(self, limit: int) -> PretokenCache: ...
    def encode_located(
        self,
        text: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        spans: Spans,
        cache: PretokenCache,
        out: NDArray[np.uint32],
        out_spans: NDArray[np.int64],
        out_offsets: NDArray[np.int64],
    ) -> int: ...
