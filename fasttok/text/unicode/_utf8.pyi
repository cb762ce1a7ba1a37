import numpy as np
from numpy.typing import NDArray

def decode_code_points(
    text: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    out: NDArray[np.uint32],
    out_offsets: NDArray[np.int64],
) -> int: ...
def encode_code_points(
    code_points: NDArray[np.uint32],
    offsets: NDArray[np.int64],
    out: NDArray[np.uint8],
    out_offsets: NDArray[np.int64],
) -> int: ...
def locate_code_points(
    text: NDArray[np.uint8], byte_spans: NDArray[np.int64], out: NDArray[np.int64]
) -> int: ...
