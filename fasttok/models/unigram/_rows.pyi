import numpy as np
from numpy.typing import NDArray

from fasttok.models.unigram._viterbi import UnigramEncoder

class RowEncoder(UnigramEncoder):
    def set_row(
        self, values: NDArray[np.uint8], offsets: NDArray[np.int64], is_matched: NDArray[np.uint8]
    ) -> None: ...
