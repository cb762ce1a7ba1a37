"""Checks of merges against the names of pieces, and the search for their results by name."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged
from fasttok.models._pieces import PieceTable
from fasttok.models.bpe._merges import find_mismatch, find_repeated, find_results
from fasttok.models.pieces import NOTHING, begin_with


def find_merge_ids(
    pieces: Ragged, merges: NDArray[np.uint32], table: PieceTable, prefix: bytes = b""
) -> NDArray[np.uint32]:
    """Return the id of each merged pair, found by the joined names: uint32 of shape (m,).

    A right part is joined without the continuation prefix, if it begins with it.

    Raises
    ------
    ValueError
        If a joined name is not a piece.
    """
    starts = pieces.offsets[:-1] + (len(prefix) * begin_with(pieces, prefix) if prefix else 0)
    found = find_results(table, pieces.values, pieces.offsets, starts, merges)
    for rank in np.flatnonzero(found == NOTHING)[:1].tolist():
        left, right = (bytes(pieces[i]) for i in merges[rank].tolist())
        raise ValueError(
            f"merge {rank} joins {left!r} and {right!r} to {left + right.removeprefix(prefix)!r}, which is "
            "not a piece"
        )
    return found


def check_names(
    pieces: Ragged,
    merges: NDArray[np.uint32],
    merge_ids: NDArray[np.uint32],
    skipped: NDArray[np.int64] | int = 0,
) -> None:
    """Raise a ValueError if a merged name is not the name of the left part plus that of the right part.

    `skipped` is the number of bytes that a name loses as a right part: the length of its continuation prefix.
    """
    starts = pieces.offsets[:-1] + skipped
    rank = find_mismatch(pieces.values, pieces.offsets, starts, merges, merge_ids)
    if rank >= 0:
        left, right, merged = (bytes(pieces[i]) for i in (*merges[rank].tolist(), int(merge_ids[rank])))
        raise ValueError(f"merge {rank} joins {left!r} and {right!r}, but its piece is {merged!r}")


def check_pairs_differ(merges: NDArray[np.uint32], merge_ids: NDArray[np.uint32]) -> None:
    """Raise a ValueError if a pair of ids is merged twice; equal pairs must have equal results."""
    rank = find_repeated(merges, merge_ids)
    if rank >= 0:
        left, right = merges[rank].tolist()
        raise ValueError(f"the pair of ids ({left}, {right}) is merged twice")
