"""How often characters occur."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fasttok.counts.table import PretokenCounts

SLICE = 1 << 22  # code points that are added up at once; between two slices Python looks for Ctrl-C


def count_characters(counts: PretokenCounts) -> NDArray[np.int64]:
    """How often each code point occurs in all pretokens: int64 of shape (0x110000,).

    Raises
    ------
    OverflowError
        If there are 2^62 characters or more.
    """
    lengths = np.diff(counts.offsets)
    if float(counts.counts @ lengths.astype(np.float64)) >= 2.0**62:
        raise OverflowError("the corpus has 2^62 characters or more")
    totals = np.zeros(0x110000, np.int64)
    weights = np.repeat(counts.counts, lengths)
    for start in range(0, len(weights), SLICE):
        part = slice(start, start + SLICE)
        np.add.at(totals, counts.code_points[part], weights[part])
    return totals
