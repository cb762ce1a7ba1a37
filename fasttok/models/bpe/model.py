"""`BPEModel`: byte-pair encoding, over bytes or over characters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fasttok.core.ragged import Ragged, read_only
from fasttok.models._encoder import PretokenEncoder
from fasttok.models._pieces import PieceTable
from fasttok.models.base import Model
from fasttok.models.bpe._characters import CharacterEncoder
from fasttok.models.bpe._dropout import DropoutEncoder
from fasttok.models.bpe._encode import MOST_PIECES, BPEEncoder, MergeEncoder
from fasttok.models.bpe.alphabets import Bytes, Characters
from fasttok.models.bpe.spelling import Spelling, check_merges, find_merged, spell_pieces
from fasttok.models.pieces import as_pieces, check_id, ids_by_piece
from fasttok.models.sampling import Dropout


class BPEModel(Model):
    """Byte-pair encoding: merge the neighbours of lowest rank, the leftmost first.

    With a suffix or a prefix, a character at the end or at the beginning of a pretoken is another symbol than
    the same character elsewhere. Pieces are told apart by what they are, not by what they are called: where
    text holds the suffix itself, two may be called alike.

    Parameters
    ----------
    pieces : Ragged of uint8, or sequence of str or bytes
        The name of each id, in UTF-8 with bytes that are not UTF-8 as they are: the bytes of text that it
        stands for, and the prefix and suffix of the alphabet. An empty row is an unused id, or the unknown
        token's. A piece that neither a character nor a merge becomes is allowed, and never met.
    merges : array_like of uint32, shape (m, 2)
        Pairs of ids, each once; the row is the rank. A part may be made by a merge of any rank.
    merge_ids : array_like of uint32, shape (m,), optional
        The id that each pair becomes; by default the one that has the joined name.
    alphabet : Bytes or Characters
        The symbols that merging begins with, and the options that go with them. Every single byte must be a
        piece for `Bytes`.
    ignore_merges : bool
        Whether a pretoken that is itself a piece is taken whole, whatever the merges make of it; tiktoken
        does so, and tokenizers by the option of this name.

    Attributes
    ----------
    byte_ids : ndarray of uint32, shape (256,), or None
        The id of each byte, where bytes have ids of their own.
    begins_word : ndarray of bool, shape (n,), or None
        Whether each piece has no prefix and does not begin with the piece of a byte, where there is a prefix
        and no suffix. With a suffix, `ends_word` says where words are.
    ends_word : ndarray of bool, shape (n,), or None
        Whether each piece has the suffix, where there is one.

    Raises
    ------
    TypeError
        If an argument is of the wrong type.
    ValueError
        If a byte is missing, two ids have the same piece, a merge does not fit the pieces, `unk_id` is a
        piece's, or there are more than 2,097,151 pieces or merges.

    Notes
    -----
    Sennrich et al. (2016), section 3.2; over bytes as in Radford et al. (2019), section 2.2. A pretoken
    of n symbols takes O(n log n), if every merge comes after those that make what it joins, as in all that
    are learned; one met before takes a look into the cache.

    Examples
    --------
    >>> import fasttok as ft
    >>> pieces = ["", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "a", "b", "▁ab", "ab"]
    >>> merges = [[257, 261], [258, 259]]  # the first joins what the second makes
    >>> model = ft.BPEModel(pieces, merges, alphabet=ft.Characters(byte_fallback=True))
    >>> ft.Tokenizer(model, "none").encode("▁abé").tolist()
    [260, 196, 170]
    """

    can_sample = (Dropout,)

    def __init__(
        self,
        pieces: Ragged | Sequence[str | bytes],
        merges: ArrayLike,
        merge_ids: ArrayLike | None = None,
        *,
        alphabet: Bytes | Characters = Bytes(),  # noqa: B008  (a value that does not change)
        ignore_merges: bool = False,
    ) -> None:
        if not isinstance(alphabet, (Bytes, Characters)):
            raise TypeError(f"alphabet must be Bytes() or Characters(...), not {alphabet!r}")
        if not isinstance(ignore_merges, bool):
            raise TypeError(f"ignore_merges must be true or false, not {ignore_merges!r}")
        self.pieces = as_pieces(pieces)
        self.merges = read_only(np.ascontiguousarray(merges, np.uint32).reshape(-1, 2))
        self.alphabet = alphabet
        self.ignore_merges = ignore_merges
        self._check_ids()
        prefix = alphabet.continuing_subword_prefix if isinstance(alphabet, Characters) else ""
        if merge_ids is None:
            merge_ids = find_merged(self.pieces, self.merges, prefix)
        self.merge_ids = read_only(np.ascontiguousarray(merge_ids, np.uint32).reshape(-1))
        self._check_merge_ids()
        self._spelling: Spelling | None = None
        if isinstance(alphabet, Bytes):
            self.byte_ids: NDArray[np.uint32] | None = _find_bytes(self.pieces)
            check_merges(self.pieces, self.merges, self.merge_ids)
        else:
            self.unk_id = check_id("unk_id", alphabet.unk_id, self.pieces)
            spelling = self._spelling = spell_pieces(self.pieces, self.merges, self.merge_ids, alphabet)
            self.byte_ids = spelling.byte_ids
            if alphabet.end_of_word_suffix:
                self.ends_word = spelling.ends_word
            elif prefix:
                self.begins_word = spelling.begins_word
        self._check_pairs_differ()

    def _check_ids(self) -> None:
        n, n_merges = len(self.pieces), len(self.merges)
        if n > MOST_PIECES or n_merges > MOST_PIECES:
            raise ValueError(f"{n:,} pieces and {n_merges:,} merges; the most is {MOST_PIECES:,} of each")
        if n_merges and int(self.merges.max()) >= n:
            raise ValueError(f"a merge names id {self.merges.max()}, but there are {n} pieces")
        unk_id = self.alphabet.unk_id if isinstance(self.alphabet, Characters) else None
        if unk_id is not None and not 0 <= unk_id < MOST_PIECES:
            raise ValueError(f"unk_id must be from 0 to {MOST_PIECES - 1:,}, not {unk_id}")

    def _check_merge_ids(self) -> None:
        if len(self.merges) != len(self.merge_ids):
            raise ValueError(f"{len(self.merges)} merges but {len(self.merge_ids)} merged ids")
        if len(self.merge_ids) and int(self.merge_ids.max()) >= len(self.pieces):
            raise ValueError(
                f"a merge names id {self.merge_ids.max()}, but there are {len(self.pieces)} pieces"
            )

    def _check_pairs_differ(self) -> None:
        pairs = self.merges[:, 0].astype(np.uint64) << np.uint64(32) | self.merges[:, 1]
        if len(np.unique(pairs)) < len(pairs):
            raise ValueError("a pair is merged twice")

    @property
    def kind(self) -> str:
        return self.alphabet.kind

    @cached_property
    def encoder(self) -> MergeEncoder:
        tables = self.merges, self.merge_ids
        names = self.pieces.values, self.pieces.offsets
        if self._spelling is None:
            byte_ids = cast("NDArray[np.uint32]", self.byte_ids)
            taken_whole = np.ones(len(self.pieces), np.uint8)
            if not self.ignore_merges:
                # To look a pretoken up costs less than to merge it; most pieces come out of their bytes
                # whole.
                taken_whole = BPEEncoder(byte_ids, *tables, None).come_out_whole(*names)
            encoder: MergeEncoder = BPEEncoder(byte_ids, *tables, PieceTable(*names, taken_whole))
            encoder.set_lengths(self.pieces.lengths.astype(np.uint32))
            return encoder
        whole, options = None, self._spelling.alphabet
        if self.ignore_merges:
            whole = PieceTable(*names, self._spelling.is_named_by_text.view(np.uint8))
        encoder = CharacterEncoder(
            self._spelling.characters,
            self._spelling.ids,
            bool(options.continuing_subword_prefix),
            bool(options.end_of_word_suffix),
            *tables,
            self.byte_ids,
            -1 if self.unk_id is None else self.unk_id,
            options.fuse_unk,
            whole,
        )
        encoder.set_lengths(self._spelling.texts.lengths.astype(np.uint32))
        return encoder

    def _make_sampling_encoder(
        self, sampling: Dropout, documents: NDArray[np.int64], starts: NDArray[np.int64]
    ) -> PretokenEncoder:
        """A pretoken that is a piece is not taken whole, unless there is no dropout."""
        if sampling.limit == 0:
            return self.encoder
        return DropoutEncoder(sampling.seed, sampling.epoch, documents, starts, self.encoder, sampling.limit)

    @property
    def decoded_pieces(self) -> Ragged:
        return self.pieces if self._spelling is None else self._spelling.texts

    @property
    def is_lossless(self) -> bool:
        return self.byte_ids is not None  # otherwise there is always a character that is not a piece

    def to_dict(self) -> dict[str, Any]:
        fields: dict[str, Any] = {"kind": self.kind}
        if isinstance(self.alphabet, Characters):
            fields |= {"end_of_word_suffix": self.alphabet.end_of_word_suffix, "unk_id": self.unk_id}
            for option in ("continuing_subword_prefix", "byte_fallback", "fuse_unk"):
                if value := getattr(self.alphabet, option):
                    fields[option] = value
        if self.ignore_merges or isinstance(self.alphabet, Bytes):
            fields["ignore_merges"] = self.ignore_merges
        rows = [*self.merges.T.tolist(), self.merge_ids.tolist()]
        return fields | {
            "pieces": [row.decode(errors="surrogateescape") for row in self.pieces.to_bytes()],
            "merges": list(zip(*rows, strict=True)),
        }

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> BPEModel:
        alphabet: Bytes | Characters = Bytes()
        if fields["kind"] == Characters.kind:
            alphabet = Characters(
                fields["end_of_word_suffix"],
                fields.get("continuing_subword_prefix", ""),
                fields["unk_id"],
                fields.get("byte_fallback", False),
                fields.get("fuse_unk", False),
            )
        pieces = Ragged.from_bytes([piece.encode(errors="surrogateescape") for piece in fields["pieces"]])
        rows = fields["merges"]
        if not all(type(i) is int and 0 <= i < len(pieces) for row in rows for i in row):
            raise ValueError("merges must be rows of ids")
        table = np.array(rows, np.uint32).reshape(len(rows), 3)
        whole = fields["ignore_merges"] if isinstance(alphabet, Bytes) else fields.get("ignore_merges", False)
        return cls(pieces, table[:, :2], table[:, 2], alphabet=alphabet, ignore_merges=whole)


def _find_bytes(pieces: Ragged) -> NDArray[np.uint32]:
    """The id of each single byte."""
    ids = ids_by_piece(pieces)
    missing = [b for b in range(256) if bytes([b]) not in ids]
    if missing:
        raise ValueError(f"{len(missing)} of the 256 bytes are no piece, the first is 0x{missing[0]:02X}")
    return np.array([ids[bytes([b])] for b in range(256)], np.uint32)
