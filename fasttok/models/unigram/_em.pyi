import numpy as np
from numpy.typing import NDArray

from fasttok.core._interrupt import Interrupt

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Lengths = NDArray[np.int32]
Arcs = NDArray[np.uint32]

def list_arcs(
    symbols: Arcs,
    starts: Integers,
    lengths: Integers,
    shared: Lengths,
    nodes: Integers,
    representatives: Integers,
    longest: Arcs,
    links: Arcs,
    first: int,
    last: int,
    path: Integers,
    next_arcs: Integers,
    n_arcs: Integers,
    parents: Integers,
    arcs: Arcs,
    n_written: int,
    interrupt: Interrupt,
) -> tuple[int, int]: ...
def expect(
    lengths: Integers,
    shared: Lengths,
    counts: Integers,
    slices: Integers,
    slice_nodes: Integers,
    offsets: Integers,
    arcs: Arcs,
    estimates: Floats,
    first: int,
    last: int,
    sums: Floats,
    exponents: Integers,
    interrupt: Interrupt,
) -> float: ...
def count_best(
    lengths: Integers,
    shared: Lengths,
    counts: Integers,
    slices: Integers,
    slice_nodes: Integers,
    offsets: Integers,
    arcs: Arcs,
    scores: Floats,
    first: int,
    last: int,
    best: Floats,
    last_arcs: Arcs,
    weights: Integers,
    occurrences: Integers,
    interrupt: Interrupt,
) -> None: ...
def find_pieces(slice_nodes: Integers, offsets: Integers, arcs: Arcs, ends: Integers) -> None: ...
def measure_losses(
    ends: Integers,
    pieces: Arcs,
    parents: Integers,
    offsets: Integers,
    arcs: Arcs,
    scores: Floats,
    occurrences: Floats,
    total: float,
    token_cost: float,
    first: int,
    best: Floats,
    last_arcs: Arcs,
    path: Integers,
    out: Floats,
) -> None: ...
def keep_arcs(
    slice_nodes: Integers, offsets: Integers, arcs: Arcs, new_numbers: Arcs, first: int, last: int
) -> None: ...
