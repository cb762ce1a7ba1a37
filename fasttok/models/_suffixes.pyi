import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]
Symbols = NDArray[np.uint32]

Keys = NDArray[np.uint64]

def measure_suffixes(offsets: Positions, longest: int, out: NDArray[np.int32]) -> None: ...
def share_suffixes(
    offsets: Positions,
    words: Positions,
    shared: NDArray[np.int32],
    stack: Positions,
    representatives: Positions,
) -> None: ...
def weigh_suffixes(
    offsets: Positions,
    words: Positions,
    shared: NDArray[np.int32],
    counts: NDArray[np.int64],
    stack: Positions,
    out: NDArray[np.int64],
) -> None: ...
def pack_symbols(
    symbols: Symbols, suffix_lengths: NDArray[np.int32], bits: int, depth: int, keys: Keys
) -> None: ...
def count_keys(keys: Keys, positions: Positions, shift: int, ends: Positions) -> None: ...
def fill_buckets(
    keys: Keys, positions: Positions, shift: int, next_entries: Positions, entries: Keys
) -> None: ...
def sort_buckets(
    entries: Keys,
    keys: Keys,
    suffix_lengths: NDArray[np.int32],
    starts: Positions,
    first: int,
    last: int,
    bits: int,
    depth: int,
    longest: int,
    order: Positions,
) -> None: ...
def measure_common(
    symbols: Symbols,
    suffix_lengths: NDArray[np.int32],
    order: Positions,
    first: int,
    last: int,
    out: NDArray[np.int32],
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
def nest_substrings(
    substrings: Positions, pieces: NDArray[np.uint32], parents: Positions, links: NDArray[np.uint32]
) -> None: ...
def mark_longest(
    order: Positions,
    substrings: Positions,
    parents: Positions,
    first: int,
    last: int,
    next_row: int,
    longest: NDArray[np.uint32],
) -> None: ...
def link_substrings(
    suffix_lengths: NDArray[np.int32],
    order: Positions,
    substrings: Positions,
    parents: Positions,
    leaves: Positions,
    stack: Positions,
) -> None: ...
