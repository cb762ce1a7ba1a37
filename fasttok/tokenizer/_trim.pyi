import numpy as np
from numpy.typing import NDArray

def trim_spans(
    text: NDArray[np.uint8],
    before: NDArray[np.int32],
    after: NDArray[np.int32],
    keeps_prefix: bool,
    byte_spans: NDArray[np.int64],
    char_spans: NDArray[np.int64],
) -> None: ...
