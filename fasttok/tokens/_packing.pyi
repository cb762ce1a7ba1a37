from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.uint8]

def place_best_fit(lengths: Ints, order: Ints, width: int, rows: Ints) -> int: ...
def group_rows(rows: Ints, n_rows: int) -> tuple[Ints, Ints]: ...
def place_whole_or_cropped(
    lengths: Ints,
    width: int,
    buffer_size: int,
    refill: int,
    documents: Ints,
    used: Ints,
    row_offsets: Ints,
) -> tuple[int, int]: ...
def fill_rows(
    ids: NDArray[Any],
    starts: Ints,
    lengths: Ints,
    flags: Flags,
    row_offsets: Ints,
    rows: Ints,
    row_length: int,
    is_stream: bool,
    bos_id: int,
    pad_id: int,
    out: NDArray[Any],
) -> None: ...
def write_positions(lengths: Ints, row_offsets: Ints, rows: Ints, out: Ints) -> None: ...
def write_borders(lengths: Ints, row_offsets: Ints, rows: Ints, width: int, out: Ints) -> int: ...
def write_loss_mask(
    n_ids: int,
    starts: Ints,
    lengths: Ints,
    flags: Flags,
    row_offsets: Ints,
    rows: Ints,
    row_length: int,
    is_stream: bool,
    across_documents: bool,
    out: Flags,
) -> None: ...
