"""`BPEModel`: byte-pair encoding over bytes."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged, read_only
from fasttok.models._encoder import PretokenEncoder
from fasttok.models._pieces import PieceTable
from fasttok.models.base import Model
from fasttok.models.bpe._dropout import DropoutEncoder
from fasttok.models.bpe._encode import MOST_PIECES, BPEEncoder
from fasttok.models.dropout import Dropout
from fasttok.models.sampling import Sampling


class BPEModel(Model):
    """Byte-pair encoding over bytes: merge the neighbours of lowest rank, the leftmost first.

    Parameters
    ----------
    pieces : Ragged of uint8
        The bytes of each id. Every single byte must be a piece; an empty row is an unused id.
    merges : ndarray of uint32, shape (m, 2)
        Pairs of ids, each once; the row is the rank.
    merge_ids : ndarray of uint32, shape (m,)
        What each pair becomes: the id of its joined bytes.
    ignore_merges : bool
        Whether a pretoken that is itself a piece is taken whole, whatever the merges make of it; tiktoken
        does so, and tokenizers by the option of this name.

    Raises
    ------
    ValueError
        If a byte is missing, two ids have the same bytes, a merge does not fit the pieces, or there are
        more than 2,097,151 pieces or merges.

    Notes
    -----
    Sennrich et al. (2016), section 3.2, over bytes as in Radford et al. (2019), section 2.2. A pretoken
    of n bytes takes O(n log n), if every merge comes behind those that make what it joins, as in all that
    are learned; one met before takes a look into the cache.
    """

    kind = "bpe"

    def __init__(
        self,
        pieces: Ragged,
        merges: NDArray[np.uint32],
        merge_ids: NDArray[np.uint32],
        *,
        ignore_merges: bool = False,
    ) -> None:
        self.pieces = Ragged(read_only(pieces.values), read_only(pieces.offsets))
        self.merges = read_only(np.ascontiguousarray(merges, np.uint32).reshape(-1, 2))
        self.merge_ids = read_only(np.ascontiguousarray(merge_ids, np.uint32))
        self.ignore_merges = ignore_merges
        self.byte_ids = _byte_ids(pieces)
        check_merges(pieces, self.merges, self.merge_ids)

    @cached_property
    def encoder(self) -> BPEEncoder:
        tables = self.byte_ids, self.merges, self.merge_ids
        taken_whole = np.ones(len(self.pieces), np.uint8)
        if not self.ignore_merges:
            # To look a pretoken up costs less than to merge it; most pieces come out of their bytes whole.
            taken_whole = BPEEncoder(*tables, None).come_out_whole(self.pieces.values, self.pieces.offsets)
        return BPEEncoder(*tables, PieceTable(self.pieces.values, self.pieces.offsets, taken_whole))

    def drawn_encoder(
        self, draws: Dropout | Sampling, documents: NDArray[np.int64], starts: NDArray[np.int64]
    ) -> PretokenEncoder:
        """A pretoken that is a piece is not taken whole; otherwise as `Model.drawn_encoder`."""
        if isinstance(draws, Sampling):
            return super().drawn_encoder(draws, documents, starts)
        return DropoutEncoder(draws.seed, draws.epoch, documents, starts, self.encoder, draws.limit)

    @property
    def is_lossless(self) -> bool:
        return True  # every byte is a piece

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "ignore_merges": self.ignore_merges,
            **tables_to_fields(self.pieces, self.merges, self.merge_ids),
        }

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> BPEModel:
        if not isinstance(fields["ignore_merges"], bool):
            raise TypeError("ignore_merges must be true or false")
        return cls(*fields_to_tables(fields), ignore_merges=fields["ignore_merges"])


def tables_to_fields(
    pieces: Ragged, merges: NDArray[np.uint32], merge_ids: NDArray[np.uint32]
) -> dict[str, Any]:
    """Pieces and merges as the native file holds them."""
    rows = [*merges.T.tolist(), merge_ids.tolist()]
    return {
        "pieces": [row.decode(errors="surrogateescape") for row in pieces.to_bytes()],
        "merges": list(zip(*rows, strict=True)),
    }


def fields_to_tables(fields: dict[str, Any]) -> tuple[Ragged, NDArray[np.uint32], NDArray[np.uint32]]:
    """The inverse of `tables_to_fields`."""
    pieces = Ragged.from_bytes([piece.encode(errors="surrogateescape") for piece in fields["pieces"]])
    rows = fields["merges"]
    if not all(type(i) is int and 0 <= i < len(pieces) for row in rows for i in row):
        raise ValueError("merges must be rows of ids")
    table = np.array(rows, np.uint32).reshape(len(rows), 3)
    return pieces, table[:, :2], table[:, 2]


def _byte_ids(pieces: Ragged) -> NDArray[np.uint32]:
    """The id of each single byte."""
    seen: dict[bytes, int] = {}
    for i, piece in enumerate(pieces.to_bytes()):
        if piece and seen.setdefault(piece, i) != i:
            raise ValueError(f"ids {seen[piece]} and {i} have the same piece {piece!r}")
    missing = [b for b in range(256) if bytes([b]) not in seen]
    if missing:
        raise ValueError(f"{len(missing)} of the 256 bytes are no piece, the first is 0x{missing[0]:02X}")
    return np.array([seen[bytes([b])] for b in range(256)], np.uint32)


def check_merges(pieces: Ragged, merges: NDArray[np.uint32], merge_ids: NDArray[np.uint32]) -> None:
    """Refuse merges that do not fit the pieces.

    Raises
    ------
    ValueError
        If a merge names an id that is not in use, is not its parts joined, or stands twice.
    """
    if len(pieces) > MOST_PIECES or len(merges) > MOST_PIECES:
        raise ValueError(
            f"{len(pieces):,} pieces and {len(merges):,} merges; the most is {MOST_PIECES:,} of each"
        )
    if len(merges) != len(merge_ids):
        raise ValueError(f"{len(merges)} merges but {len(merge_ids)} merged ids")
    if len(merges) == 0:
        return
    largest = max(int(merges.max()), int(merge_ids.max()))
    if largest >= len(pieces):
        raise ValueError(f"a merge names id {largest}, but there are {len(pieces)} pieces")
    parts, wholes = pieces.take(merges.ravel()), pieces.take(merge_ids)
    fits = parts.lengths.reshape(-1, 2).sum(axis=1) == wholes.lengths
    fits &= parts.lengths.reshape(-1, 2).all(axis=1)
    if fits.all() and np.array_equal(parts.values, wholes.values):
        pairs = merges[:, 0].astype(np.uint64) << np.uint64(32) | merges[:, 1]
        if len(np.unique(pairs)) < len(pairs):
            raise ValueError("a pair is merged twice")
        return
    for row in np.flatnonzero(~fits)[:1].tolist() or range(len(merges)):
        left, right, whole = parts[2 * row], parts[2 * row + 1], wholes[row]
        if not fits[row] or bytes(left) + bytes(right) != bytes(whole):
            raise ValueError(
                f"merge {row} joins {bytes(left)!r} and {bytes(right)!r}, which is not {bytes(whole)!r}"
            )
