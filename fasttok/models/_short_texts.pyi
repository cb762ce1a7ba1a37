import numpy as np
from numpy.typing import NDArray

from fasttok.core._lists import Integers
from fasttok.models._cache import PretokenCache
from fasttok.models._encoder import PretokenEncoder
from fasttok.text._added import TokenSearch
from fasttok.text._spans import Spans

class ShortTexts:
    def __init__(
        self,
        encoder: PretokenEncoder,
        spans: Spans,
        search: TokenSearch | None,
        integers: Integers,
        caches: list[PretokenCache],
        limit: int,
        most: int,
    ) -> None: ...
    def to_list(self, text: str | bytes) -> list[int] | None: ...
    def to_array(self, text: str | bytes) -> NDArray[np.uint32] | None: ...
    def count(self, text: str | bytes) -> int | None: ...
    def to_rows(
        self, texts: list[str | bytes] | tuple[str | bytes, ...]
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]] | None: ...
