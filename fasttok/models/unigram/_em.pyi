import numpy as np
from numpy.typing import NDArray

from fasttok.core._interrupt import Interrupt

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Arcs = NDArray[np.uint32]

def expect(
    words: Integers,
    counts: Integers,
    offsets: Integers,
    arcs: Arcs,
    longest: int,
    probabilities: Floats,
    first: int,
    last: int,
    forward: Floats,
    backward: Floats,
    values: Floats,
    rescaled: Integers,
    expected: Floats,
    interrupt: Interrupt,
) -> float: ...
def count_best(
    words: Integers,
    counts: Integers,
    offsets: Integers,
    arcs: Arcs,
    scores: Floats,
    first: int,
    last: int,
    best: Floats,
    last_arcs: Arcs,
    occurrences: Integers,
    interrupt: Interrupt,
) -> None: ...
def measure_losses(
    positions: Integers,
    pieces: Arcs,
    offsets: Integers,
    arcs: Arcs,
    scores: Floats,
    occurrences: Floats,
    total: float,
    token_cost: float,
    first: int,
    best: Floats,
    last_arcs: Arcs,
    out: Floats,
) -> None: ...
def keep_arcs(offsets: Integers, arcs: Arcs, new_numbers: Arcs, first: int, last: int, begin: int) -> int: ...
