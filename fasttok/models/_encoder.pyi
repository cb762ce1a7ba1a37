import numpy as np
from numpy.typing import NDArray

from fasttok.models._cache import PretokenCache
from fasttok.text._added import TokenSearch
from fasttok.text._spans import Spans

class PretokenEncoder:
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
    def set_whole(
        self, values: NDArray[np.uint8], offsets: NDArray[np.int64], is_whole: NDArray[np.uint8]
    ) -> None: ...
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
    def encode_to_list(
        self,
        text: str | bytes,
        spans: Spans,
        search: TokenSearch | None,
        caches: list[PretokenCache],
        limit: int,
        integers: list[int],
    ) -> list[int] | None: ...
    def encode_to_array(
        self,
        text: str | bytes,
        spans: Spans,
        search: TokenSearch | None,
        caches: list[PretokenCache],
        limit: int,
    ) -> NDArray[np.uint32] | None: ...
    def count(
        self,
        text: str | bytes,
        spans: Spans,
        search: TokenSearch | None,
        caches: list[PretokenCache],
        limit: int,
    ) -> int | None: ...
    def encode_texts(
        self,
        texts: list[str | bytes] | tuple[str | bytes, ...],
        spans: Spans,
        search: TokenSearch | None,
        caches: list[PretokenCache],
        limit: int,
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]] | None: ...
