import numpy as np
from numpy.typing import NDArray

from fasttok.models._encoder import PretokenEncoder

class CharacterEncoder(PretokenEncoder):
    def __init__(
        self,
        characters: NDArray[np.uint32],
        ids: NDArray[np.uint32],
        marks_last: bool,
        merges: NDArray[np.uint32],
        merge_ids: NDArray[np.uint32],
        unk_id: int,
    ) -> None: ...
