"""`BPEModel`: byte-pair encoding over bytes or characters."""

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
from fasttok.models.bpe.character_pieces import CharacterPieces, check_merges, find_merge_ids, parse_pieces
from fasttok.models.pieces import as_pieces, check_id, ids_by_piece
from fasttok.models.sampling import Dropout


class BPEModel(Model):
    """Byte-pair encoding: apply the merge with the lowest rank, leftmost first, until none is possible.

    With an end-of-word suffix, the last character of a pretoken is a different symbol from the same character
    elsewhere; with a continuation prefix, the first one is. Two pieces may have the same name if only one of
    them is marked: with the suffix ``</w>``, the name ``a</w>`` may be an ``a`` that ends a word, or the five
    characters themselves.

    Parameters
    ----------
    pieces : Ragged of uint8, or sequence of str or bytes
        Name of each id: the text of the piece in UTF-8, with the prefix and suffix of the alphabet. Bytes
        that are not UTF-8 are kept. An empty row is an unused id or the unknown token. A piece that is
        neither a character nor the result of a merge is allowed, but never used in encoding.
    merges : array_like of uint32, shape (m, 2)
        Distinct pairs of ids; the rank of a merge is its row. A merge may rank before the merges that produce
        its parts.
    merge_ids : array_like of uint32, shape (m,), optional
        Id of each merged piece; default: the id whose name is the two names joined, without the continuation
        prefix of the right one.
    alphabet : Bytes or Characters
        Symbols that merging starts from, with their options. With `Bytes`, every single byte must be a piece.
    ignore_merges : bool
        Whether a pretoken that is itself a piece gets this single id, even if the merges give other ids.
        tiktoken always does so; Hugging Face ``tokenizers`` has an option of this name.

    Attributes
    ----------
    byte_ids : ndarray of uint32, shape (256,), or None
        Id of each byte; None for characters without byte fallback.
    begins_word : ndarray of bool, shape (n,), or None
        Whether each piece begins a pretoken: it has no prefix and does not start with a byte fallback piece.
        None unless the alphabet has a prefix and no suffix.
    ends_word : ndarray of bool, shape (n,), or None
        Whether each piece has the suffix; None if the alphabet has no suffix.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If a byte is missing, two ids have the same piece, a merge does not fit the pieces, `unk_id` is the id
        of a piece, or there are more than 2,097,151 pieces or merges.

    Notes
    -----
    The algorithm is that of Sennrich et al. (2016), section 3.2; over bytes, that of Radford et al. (2019),
    section 2.2. Encoding a pretoken of n symbols takes O(n log n). A pretoken that occurred before takes one
    cache lookup.

    Examples
    --------
    >>> import fasttok as ft
    >>> pieces = ["", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "a", "b", "▁ab", "ab"]
    >>> merges = [[257, 261], [258, 259]]  # the second merge produces a part of the first
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
        alphabet: Bytes | Characters = Bytes(),  # noqa: B008  (immutable)
        ignore_merges: bool = False,
    ) -> None:
        if not isinstance(alphabet, (Bytes, Characters)):
            raise TypeError(f"alphabet must be Bytes() or Characters(...), not {alphabet!r}")
        if not isinstance(ignore_merges, bool):
            raise TypeError(f"ignore_merges must be True or False, not {ignore_merges!r}")
        self.pieces = as_pieces(pieces)
        self.merges = read_only(np.ascontiguousarray(merges, np.uint32).reshape(-1, 2))
        self.alphabet = alphabet
        self.ignore_merges = ignore_merges
        self._check_ids()
        prefix = alphabet.continuing_subword_prefix if isinstance(alphabet, Characters) else ""
        if merge_ids is None:
            merge_ids = find_merge_ids(self.pieces, self.merges, prefix)
        self.merge_ids = read_only(np.ascontiguousarray(merge_ids, np.uint32).reshape(-1))
        self._check_merge_ids()
        self._parsed: CharacterPieces | None = None
        if isinstance(alphabet, Bytes):
            self.byte_ids: NDArray[np.uint32] | None = _find_bytes(self.pieces)
            check_merges(self.pieces, self.merges, self.merge_ids)
        else:
            self.unk_id = check_id("unk_id", alphabet.unk_id, self.pieces)
            parsed = self._parsed = parse_pieces(self.pieces, self.merges, self.merge_ids, alphabet)
            self.byte_ids = parsed.byte_ids
            if alphabet.end_of_word_suffix:
                self.ends_word = parsed.ends_word
            elif prefix:
                self.begins_word = parsed.begins_word
        self._check_pairs_differ()

    def _check_ids(self) -> None:
        n, n_merges = len(self.pieces), len(self.merges)
        if n > MOST_PIECES or n_merges > MOST_PIECES:
            raise ValueError(
                f"a BPE model can have at most {MOST_PIECES:,} pieces and {MOST_PIECES:,} merges, not {n:,} "
                f"pieces and {n_merges:,} merges"
            )
        if n_merges and int(self.merges.max()) >= n:
            raise ValueError(f"a merge names id {self.merges.max()}, but there are {n} pieces")
        unk_id = self.alphabet.unk_id if isinstance(self.alphabet, Characters) else None
        if unk_id is not None and not 0 <= unk_id < MOST_PIECES:
            raise ValueError(f"unk_id must be from 0 to {MOST_PIECES - 1:,}, not {unk_id}")

    def _check_merge_ids(self) -> None:
        if len(self.merges) != len(self.merge_ids):
            raise ValueError(
                f"merges and merge_ids must have the same length, not {len(self.merges)} and "
                f"{len(self.merge_ids)}"
            )
        if len(self.merge_ids) and int(self.merge_ids.max()) >= len(self.pieces):
            raise ValueError(
                f"a merge names id {self.merge_ids.max()}, but there are {len(self.pieces)} pieces"
            )

    def _check_pairs_differ(self) -> None:
        pairs = self.merges[:, 0].astype(np.uint64) << np.uint64(32) | self.merges[:, 1]
        distinct, counts = np.unique(pairs, return_counts=True)
        if len(distinct) < len(pairs):
            pair = int(distinct[counts > 1][0])
            raise ValueError(f"the pair of ids ({pair >> 32}, {pair & 0xFFFFFFFF}) is merged twice")

    @property
    def kind(self) -> str:
        return self.alphabet.kind

    @cached_property
    def encoder(self) -> MergeEncoder:
        tables = self.merges, self.merge_ids
        names = self.pieces.values, self.pieces.offsets
        if self._parsed is None:
            byte_ids = cast("NDArray[np.uint32]", self.byte_ids)
            is_looked_up = np.ones(len(self.pieces), np.uint8)
            if not self.ignore_merges:
                # A lookup is faster than merging. It gives the same id if the merges produce the piece.
                is_looked_up = BPEEncoder(byte_ids, *tables, None).is_reachable(*names)
            encoder: MergeEncoder = BPEEncoder(byte_ids, *tables, PieceTable(*names, is_looked_up))
            encoder.set_lengths(self.pieces.lengths.astype(np.uint32))
            return encoder
        whole, options = None, self._parsed.alphabet
        if self.ignore_merges:
            whole = PieceTable(*names, self._parsed.is_plain.view(np.uint8))
        encoder = CharacterEncoder(
            self._parsed.characters,
            self._parsed.ids,
            bool(options.continuing_subword_prefix),
            bool(options.end_of_word_suffix),
            *tables,
            self.byte_ids,
            -1 if self.unk_id is None else self.unk_id,
            options.fuse_unk,
            whole,
        )
        encoder.set_lengths(self._parsed.texts.lengths.astype(np.uint32))
        return encoder

    def _make_sampling_encoder(
        self, sampling: Dropout, documents: NDArray[np.int64], starts: NDArray[np.int64]
    ) -> PretokenEncoder:
        """Return the encoder with dropout; without dropout, the ordinary encoder."""
        if sampling.limit == 0:
            return self.encoder
        return DropoutEncoder(sampling.seed, sampling.epoch, documents, starts, self.encoder, sampling.limit)

    @property
    def decoded_pieces(self) -> Ragged:
        return self.pieces if self._parsed is None else self._parsed.texts

    @property
    def is_lossless(self) -> bool:
        return self.byte_ids is not None  # without byte ids, some character is always unknown

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
            raise ValueError(f"each merge must be a row of ids from 0 to {len(pieces) - 1}")
        table = np.array(rows, np.uint32).reshape(len(rows), 3)
        whole = fields["ignore_merges"] if isinstance(alphabet, Bytes) else fields.get("ignore_merges", False)
        return cls(pieces, table[:, :2], table[:, 2], alphabet=alphabet, ignore_merges=whole)


def _find_bytes(pieces: Ragged) -> NDArray[np.uint32]:
    """Return the id of each single byte; raise a ValueError if a byte is not a piece."""
    ids = ids_by_piece(pieces)
    missing = [b for b in range(256) if bytes([b]) not in ids]
    if missing:
        raise ValueError(
            f"byte-level BPE needs a piece for each of the 256 bytes; {len(missing)} missing, the first is "
            f"0x{missing[0]:02X}"
        )
    return np.array([ids[bytes([b])] for b in range(256)], np.uint32)
