import numpy as np
from numpy.typing import NDArray

Rewritten = tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64] | None]

def replace_text(
    text: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    pattern: NDArray[np.uint8],
    replacement: NDArray[np.uint8],
    aligned: bool,
) -> Rewritten | None: ...
def replace_spans(
    text: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    bounds: NDArray[np.int64],
    replacement: NDArray[np.uint8],
    aligned: bool,
) -> Rewritten: ...
