import numpy as np
from numpy.typing import NDArray

from fasttok.core._interrupt import Interrupt

Numbers = NDArray[np.int64]

def learn_round(
    offsets: Numbers,
    counts: Numbers,
    lengths: Numbers,
    parents: Numbers,
    leaves: Numbers,
    threshold: int,
    is_first: bool,
    longest: Numbers,
    occurrences: Numbers,
    removed: Numbers,
    kept: Numbers,
    interrupt: Interrupt,
) -> int: ...
