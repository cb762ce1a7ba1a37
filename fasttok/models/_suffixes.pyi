import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]
Symbols = NDArray[np.uint32]

def measure_common(
    symbols: Symbols, suffix_lengths: NDArray[np.int32], order: Positions, out: NDArray[np.int32]
) -> None: ...
def list_substrings(
    suffix_lengths: NDArray[np.int32],
    order: Positions,
    common: NDArray[np.int32],
    weights: NDArray[np.int64],
    min_weight: int,
    shortest: int,
    out: Positions,
    stack: Positions,
) -> int: ...
def find_substrings(
    symbols: Symbols,
    suffix_lengths: NDArray[np.int32],
    order: Positions,
    values: Symbols,
    offsets: Positions,
    out: Positions,
) -> None: ...
def count_arcs(order: Positions, substrings: Positions, offsets: Positions) -> None: ...
def fill_arcs(
    order: Positions, substrings: Positions, first_piece: int, used: Positions, arcs: NDArray[np.uint32]
) -> None: ...
def link_substrings(
    suffix_lengths: NDArray[np.int32],
    order: Positions,
    substrings: Positions,
    parents: Positions,
    leaves: Positions,
    stack: Positions,
) -> None: ...
