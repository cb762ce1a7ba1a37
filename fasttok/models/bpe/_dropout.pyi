import numpy as np
from numpy.typing import NDArray

from fasttok.models._encoder import PretokenEncoder
from fasttok.models.bpe._encode import BPEEncoder

class DropoutEncoder(PretokenEncoder):
    def __init__(
        self,
        encoder: BPEEncoder,
        limit: int,
        seed: int,
        epoch: int,
        documents: NDArray[np.int64],
        starts: NDArray[np.int64],
    ) -> None: ...
