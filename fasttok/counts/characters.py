"""Character frequencies of pretoken counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import total_length
from fasttok.counts.table import PretokenCounts

SLICE = 1 << 22  # code points added at once; Python can handle Ctrl-C between two slices


def count_characters(counts: PretokenCounts) -> NDArray[np.int64]:
    """Return the frequency of each code point in all pretokens: int64 of shape (0x110000,).

    Raises
    ------
    OverflowError
        If the corpus has 2^62 characters or more.
    """
    lengths = np.diff(counts.offsets)
    if total_length(lengths, counts.counts) >= 2.0**62:
        raise OverflowError("the corpus has 2^62 characters or more")
    totals = np.zeros(0x110000, np.int64)
    weights = np.repeat(counts.counts, lengths)
    for start in range(0, len(weights), SLICE):
        part = slice(start, start + SLICE)
        np.add.at(totals, counts.code_points[part], weights[part])
    return totals
