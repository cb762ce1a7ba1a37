import numpy as np
from numpy.typing import NDArray

from fasttok.models._sampling_loop import SamplingLoop
from fasttok.models.bpe._encode import MergeEncoder

class DropoutEncoder(SamplingLoop):
    def __init__(
        self,
        seed: int,
        epoch: int,
        documents: NDArray[np.int64],
        starts: NDArray[np.int64],
        encoder: MergeEncoder,
        limit: int,
    ) -> None: ...
