from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

def read_fields(
    data: bytes | memoryview, start: int, stop: int
) -> Iterator[tuple[int, int, int, int, int, int] | tuple[int, str]]: ...
def read_pieces(
    data: bytes | memoryview, most_parts: int
) -> tuple[
    NDArray[np.uint8],
    NDArray[np.int64],
    NDArray[np.float32],
    NDArray[np.uint8],
    NDArray[np.bool_],
    NDArray[np.bool_],
    dict[int, bytes],
    list[tuple[int, int, int]],
    bytes,
    tuple[int, str] | None,
]: ...
def write_pieces(
    values: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    scores: NDArray[np.float32],
    types: NDArray[np.uint8],
    has_score: NDArray[np.uint8],
    has_type: NDArray[np.uint8],
    extras: dict[int, bytes],
) -> bytes: ...
